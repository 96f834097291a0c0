"""A quote as replies show it: a price and a rail, and nothing yet to pay to."""

from collections.abc import Sequence

from app.envelope import Fields
from app.house import House
from app.shapes import money, recommendations
from app.shapes.pack import pack
from app.times import iso
from ledger.money import CREDIT, USD, Amount
from rails import catalog
from rails.models import Quote
from rails.rail import Rail
from rails.status import PurchaseView


def quote(view: PurchaseView) -> Fields:
    """The quote as it was fixed, and whether it can still be bought."""
    fixed = view.quote
    sold = catalog.PACKS.get(fixed.pack_id) if fixed.pack_id is not None else None
    return {
        "quote_id": fixed.quote_id,
        "state": view.quote_state,
        "credits": fixed.credits,
        "price_amount_cents": fixed.price_cents,
        "currency": "USD",
        "expires_at": iso(fixed.expires_at),
        "accepted_payment_method": fixed.rail_id,
        "idempotency_key": fixed.idempotency_key,
        "pack_id": fixed.pack_id,
        "pack": pack(sold) if sold is not None else None,
        "live_money": fixed.live_money,
    }


def warnings(here: House, fixed: Quote) -> Sequence[str]:
    """What an agent should know before it buys this quote: a price that its rail does not take."""
    rail = here.rails.get(fixed.rail_id)
    if rail is None or rail.limits.take(Amount(fixed.price_cents, USD)):
        return []
    commands = recommendations.instead(here, credits=Amount(fixed.credits, CREDIT), rail=rail)
    return [f"{not_taken(rail)}, so this quote cannot be bought; instead: {' or '.join(commands)}"]


def not_taken(rail: Rail) -> str:
    """Between which prices a rail takes payments, in words."""
    least, most = money.short(rail.limits.minimum), money.short(rail.limits.maximum)
    return f"{rail.rail_id} takes payments from ${least} to ${most}"
