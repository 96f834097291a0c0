"""Amounts as replies show them."""

from typing import Final

from ledger.money import Amount

_SHOWN_DECIMALS: Final = 2


def short(amount: Amount) -> str:
    """The amount in whole units, without zeros beyond the cents: "5.00", but "0.123456" in full."""
    whole, _, part = amount.decimal().partition(".")
    return f"{whole}.{part.rstrip('0'):0<{_SHOWN_DECIMALS}}" if part else whole
