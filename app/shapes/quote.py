"""A quote as replies show it: a price and a rail, and nothing yet to pay to."""

from app.envelope import Fields
from app.shapes.pack import pack
from app.times import iso
from rails import catalog
from rails.models import Quote


def quote(fixed: Quote) -> Fields:
    """The quote as it was fixed. It is never updated, so its state is always `created`."""
    sold = catalog.PACKS.get(fixed.pack_id) if fixed.pack_id is not None else None
    return {
        "quote_id": fixed.quote_id,
        "state": "created",
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
