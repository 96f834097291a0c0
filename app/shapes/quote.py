"""A quote as replies show it: a price and a rail, and nothing yet to pay to."""

from app.envelope import Fields
from app.shapes import money
from app.shapes.pack import pack
from app.times import iso
from rails import catalog
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


def not_taken(rail: Rail) -> str:
    """Between which prices a rail takes payments, in words."""
    least, most = money.short(rail.limits.minimum), money.short(rail.limits.maximum)
    return f"{rail.rail_id} takes payments from ${least} to ${most}"
