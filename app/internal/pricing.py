"""What a job costs in credits: from the rate card, or from its provider's cost and our margin."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.internal import answers, requests
from app.internal.answers import Fields
from app.internal.door import Door
from app.internal.errors import Declined, invalid
from app.internal.requests import Pricing
from app.internal.settings import InternalSettings
from ledger.operations import LARGEST

CREDIT_USD: Final = Decimal("0.01")
_BPS: Final = 10_000
_PRICING: Final = msgspec.json.Decoder(Pricing)


class Rate(Struct, forbid_unknown_fields=True, frozen=True):
    """One line of the rate card: what one unit of a model's work costs an agent, and us."""

    credits: Annotated[int, Meta(ge=1, le=LARGEST)]
    provider_cost_usd: Decimal


RateCard = Mapping[str, Rate]


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
    """The rate card in the JSON file at `path`; an empty one if there is no path.

    raises: ValueError if the file does not hold one.
    """
    if not path:
        return {}
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


@dataclass(frozen=True, slots=True)
class PricingDoor:
    """POST /internal/v1/pricing."""

    door: Door
    settings: InternalSettings
    card: RateCard

    def routes(self) -> list[Route]:
        """The door itself."""
        return [self.door.route("/pricing", self._price)]

    async def _price(self, request: Request) -> Response:
        await self.door.admit(request, "pricing:read")
        asked = requests.decoded(_PRICING.decode, await self.door.body(request))
        priced = self._priced(asked)
        if priced.credits > LARGEST:
            raise invalid("quantity: no job may cost so much", "quantity")
        return answers.success(_shown(asked, priced))

    def _priced(self, asked: Pricing) -> Priced:
        match asked:
            case Pricing(model=str(model), provider_cost_usd=None):
                found = of_model(self.card, model, asked.quantity)
                if found is None:
                    raise Declined("MODEL_NOT_FOUND")
                return found
            case Pricing(model=None, provider_cost_usd=str(cost)):
                return of_cost(Decimal(cost), asked.quantity, margin_bps=self.settings.margin_bps)
            case _:
                raise invalid("give either model or provider_cost_usd", "model")


def _shown(asked: Pricing, priced: Priced) -> Fields:
    return {
        "model": asked.model,
        "quantity": asked.quantity,
        "credits_required": priced.credits,
        "credit_unit_usd": CREDIT_USD,
        "estimated_revenue_usd": priced.revenue_usd,
        "estimated_provider_cost_usd": priced.cost_usd,
        "pricing_confidence": priced.confidence,
    }
