"""What a job costs in credits: from the rate card, or from its provider's cost and our margin."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import rate_card
from app.internal import answers, requests
from app.internal.answers import Fields
from app.internal.door import Door
from app.internal.errors import Declined, invalid
from app.internal.requests import Pricing
from app.internal.settings import InternalSettings
from app.rate_card import CREDIT_USD, Priced, RateCard
from ledger.operations import LARGEST

_PRICING: Final = msgspec.json.Decoder(Pricing)


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
                found = rate_card.of_model(self.card, model, asked.quantity)
                if found is None:
                    raise Declined("MODEL_NOT_FOUND")
                return found
            case Pricing(model=None, provider_cost_usd=str(cost)):
                return rate_card.of_cost(Decimal(cost), asked.quantity, margin_bps=self.settings.margin_bps)
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
