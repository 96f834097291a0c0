"""GET /v1/models: what jobs can be run on and what they cost, the public face of the rate card."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import boundary, envelope, rate_card
from app.doors import Here
from app.envelope import Fields
from app.rate_card import CREDIT_USD, RateCard

router = APIRouter(route_class=boundary.GuardedRoute)

EXECUTABLE: Final = "executable"


@router.get("/v1/models")
def models(request: Request, here: Here) -> Response:
    """Every model of the rate card, cheapest first."""
    card = here.rate_card
    by_price = sorted(card, key=lambda model: (card[model].credits, model))
    data = {
        "models": [_model(card, model) for model in by_price],
        # What is on the card can be run: nothing is listed that only may come one day.
        "summary": {EXECUTABLE: len(card), "cataloged_not_wired": 0},
    }
    return envelope.success(request, data=data)


def _model(card: RateCard, model: str) -> Fields:
    priced = rate_card.of_model(card, model, 1)
    assert priced is not None, "it is on the card"
    return {
        "id": model,
        "status": "available",
        "supports": ["create"],
        "execution": {"model_execution_status": EXECUTABLE},
        "economics": {
            "estimated_usd_per_image": float(priced.revenue_usd),
            "credit_pricing": {
                "credits_required": priced.credits,
                "credit_unit_usd": float(CREDIT_USD),
                "estimated_revenue_usd": float(priced.revenue_usd),
                "estimated_provider_cost_usd": float(priced.cost_usd),
                "pricing_confidence": priced.confidence,
            },
        },
    }
