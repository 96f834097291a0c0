"""Which parameter names the payment methods, by the `Stripe-Version` a call is made with.

source: Stripe's changelog: `allowed_payment_method_types` was added in 2026-07-29, and `payment_method_types`
refused from 2026-08-26.preview and 2026-09-30.endive on.
"""

from typing import Literal

MethodsParameter = Literal["payment_method_types", "allowed_payment_method_types"]


def methods_parameter(version: str) -> MethodsParameter:
    """The parameter that `version` takes; where both are taken, the newer one."""
    return "payment_method_types" if version[:10] < "2026-07-29" else "allowed_payment_method_types"


def takes_verification(version: str) -> bool:
    """Whether a transfer can be shown to Stripe by its hash: a preview that came after deposit mode."""
    return version.endswith(".preview") and version[:10] >= "2026-05-27"


def takes_deposits(version: str) -> bool:
    """Whether deposit mode can be asked for at all: it is a preview, so only preview versions know it."""
    return version.endswith(".preview") and version[:10] >= "2026-03-04"
