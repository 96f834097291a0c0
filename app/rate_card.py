"""The rate card: the models that jobs run on, and what one unit of a model's work costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from ledger.operations import LARGEST

CREDIT_USD: Final = Decimal("0.01")
_BPS: Final = 10_000


class Rate(Struct, forbid_unknown_fields=True, frozen=True):
    """One line of the rate card: what one unit of a model's work costs an agent, and us."""

    credits: Annotated[int, Meta(ge=1, le=LARGEST)]
    provider_cost_usd: Decimal


RateCard = Mapping[str, Rate]

# Without one model that can be run, clients never get as far as paying.
SAMPLE: Final[RateCard] = {"pennyrail.sample-image": Rate(credits=4, provider_cost_usd=Decimal("0.03"))}


@dataclass(frozen=True, slots=True)
class Priced:
    """The credits for a job, what they bring and what its provider takes. "exact" is of the rate card."""

    credits: int
    cost_usd: Decimal
    confidence: str

    @property
    def revenue_usd(self) -> Decimal:
        """What the credits were sold for."""
        return self.credits * CREDIT_USD


def load(path: str) -> RateCard:
    """The rate card in the JSON file at `path`; the sample card if there is no path.

    raises: ValueError if the file does not hold one.
    """
    if not path:
        return SAMPLE
    try:
        card = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Rate])
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"PENNYRAIL_INTERNAL_RATE_CARD_FILE: {error}") from error
    if not all(rate.provider_cost_usd.is_finite() and rate.provider_cost_usd >= 0 for rate in card.values()):
        raise ValueError("PENNYRAIL_INTERNAL_RATE_CARD_FILE: a cost is a number of dollars, not below zero")
    return card


def of_model(card: RateCard, model: str, quantity: int) -> Priced | None:
    """The price on the card; None if the model is not on it."""
    rate = card.get(model)
    return (
        None if rate is None else Priced(rate.credits * quantity, rate.provider_cost_usd * quantity, "exact")
    )


def of_cost(cost_usd: Decimal, quantity: int, *, margin_bps: int) -> Priced:
    """The provider's cost and the margin on it, rounded up: never sell a part of a credit for free.

    source: docs/decisions/0010; credits = ceiling(cost * quantity * (1 + margin_bps / 10 000) / 0.01).
    """
    with localcontext() as exact:
        exact.prec = 60
        cost = cost_usd * quantity
        price = cost * (_BPS + margin_bps) / _BPS / CREDIT_USD
        credits = int(price.to_integral_value(ROUND_CEILING))
    return Priced(max(credits, 1), cost, "estimated")
