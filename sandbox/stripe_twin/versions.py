"""What each version of Stripe's API knows about crypto deposits and payment method types.

source: facts on API 2026-10-28.endive and the preview train, taken from Stripe's changelog and SDKs.
"""

import re
from dataclasses import dataclass

from typing_extensions import override

from sandbox.stripe_twin.errors import InvalidRequest

PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([a-z]+))?")
PREVIEW = "preview"


@dataclass(frozen=True)
class Version:
    """A dated release on a train: `2026-10-28` on `endive`, or on `preview`."""

    day: str
    train: str

    @override
    def __str__(self) -> str:
        return f"{self.day}.{self.train}" if self.train else self.day

    @property
    def is_preview(self) -> bool:
        """Whether private and public preview fields may be asked for."""
        return self.train == PREVIEW


def parse(text: str) -> Version:
    """The version that a `Stripe-Version` header names.

    raises: InvalidRequest if it does not look like one.
    """
    found = PATTERN.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"Invalid Stripe API version: {text}")
    return Version(found[1], found[2] or "")


def served(text: str, oldest_preview: str) -> Version:
    """The version that a `Stripe-Version` header names, if Stripe still serves it.

    raises: InvalidRequest
    """
    version = parse(text)
    if version.is_preview and version.day < oldest_preview:
        raise InvalidRequest(f"Invalid Stripe API version: {text}")
    return version


def knows_deposit_mode(version: Version) -> bool:
    """Whether an entitled account may use `payment_method_options[crypto][mode]`."""
    return version.is_preview and version.day >= "2026-03-04"


def knows_verification(version: Version) -> bool:
    """Whether an entitled account has reusable deposit addresses, and may pay by transaction hash."""
    return version.is_preview and version.day >= "2026-05-27"


def refuses_payment_method_types(version: Version) -> bool:
    """Whether writing `payment_method_types` is an error of its own."""
    return version.day >= ("2026-08-26" if version.is_preview else "2026-09-30")


def knows_allowed_payment_method_types(version: Version) -> bool:
    """Whether the newer spelling exists."""
    return version.day >= "2026-07-29"
