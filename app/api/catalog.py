"""GET /v1/payment-methods and GET /v1/credit-packs: what is sold and how it may be paid, for everybody."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import boundary, envelope
from app.doors import Here
from app.envelope import Fields
from app.house import House
from app.shapes import recommendations
from app.shapes.pack import pack
from rails import catalog
from rails.rail import Rail

router = APIRouter(route_class=boundary.GuardedRoute)


@router.get("/v1/payment-methods")
def payment_methods(request: Request, here: Here) -> Response:
    """Every rail, as it describes itself."""
    recommended = recommendations.recommended_quote(here)
    data = {
        "contract_version": "image-skill.payment-methods.v1",
        "credit_unit_cents": 1,
        "currency": "USD",
        "quote_endpoint": "/v1/credit-quotes",
        "packs_endpoint": "/v1/credit-packs",
        "status_endpoint": "/v1/credit-purchases/status",
        "methods": [_method(here, rail) for rail in here.rails.values()],
        "next_actions": {"recommended_quote": recommended} if recommended else {},
    }
    return envelope.success(request, data=data)


@router.get("/v1/credit-packs")
def credit_packs(request: Request) -> Response:
    """The packs, and the range of exact amounts."""
    data = {
        "credit_unit_cents": 1,
        "credit_unit_usd": 0.01,
        "currency": "USD",
        "default_pack_id": catalog.DEFAULT_PACK_ID,
        "packs": [pack(sold) for sold in catalog.PACKS.values()],
        "custom_quotes": {
            "supported": True,
            "min_credits": catalog.MIN_CREDITS,
            "max_credits": catalog.MAX_CREDITS,
        },
    }
    return envelope.success(request, data=data)


def _method(here: House, rail: Rail) -> Fields:
    usable = rail.unavailable_reason is None
    return {
        "method_id": rail.rail_id,
        "status": "available" if usable else "unavailable",
        "available": usable,
        "quoteable": usable,
        "purchasable": usable,
        "unavailable_reason": rail.unavailable_reason,
        "live_money": rail.live_money,
        "buyer_modes": list(rail.capabilities.buyer_modes),
        "requires_browser": rail.capabilities.requires_browser,
        "agent_initiated": rail.capabilities.agent_initiated,
        "agent_settleable": rail.capabilities.agent_settleable,
        "settlement_blocker": rail.capabilities.settlement_blocker,
        "default_pack_id": catalog.DEFAULT_PACK_ID,
        "purchase_endpoint": f"/v1/credit-purchases/{rail.listing.purchase_path}",
        "limits": {
            "min_amount_cents": rail.limits.minimum.units,
            "max_amount_cents": rail.limits.maximum.units,
        },
        "recovery": {
            "quote_command": here.commands.quote(rail_id=rail.rail_id, pack_id=catalog.DEFAULT_PACK_ID),
            "purchase_command": here.commands.buy(provider=rail.listing.provider),
            "status_command": here.commands.status_of_attempt(),
        },
    }
