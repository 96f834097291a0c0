"""A pack as replies show it."""

from app.envelope import Fields
from app.shapes import money
from rails.catalog import Pack


def pack(sold: Pack) -> Fields:
    """The pack, its price in cents and in dollars."""
    return {
        "pack_id": sold.pack_id,
        "name": sold.name,
        "display_name": f"{sold.name} ({sold.credits.units} credits)",
        "credits": sold.credits.units,
        "amount_cents": sold.price.units,
        "amount_usd": money.short(sold.price),
        "price_usd": money.short(sold.price),
        "currency": "USD",
    }
