"""What credits cost, in every dollar asset a rail takes."""

from typing import Final

from ledger.money import CREDIT, USD, USDC, Amount, MixedAssets

_UNITS_PER_CENT: Final = 10_000


def price(credits: Amount) -> Amount:
    """The list price of `credits` in dollars: one credit is one cent.

    source: docs/decisions/0004-one-credit-is-one-cent.md.
    """
    if credits.asset != CREDIT:
        raise MixedAssets(f"a price is asked for credits, not {credits.asset.code}")
    return Amount(credits.units, USD)


def worth(dollars: Amount) -> Amount:
    """The credits that cost `dollars`: `price` read backwards."""
    if dollars.asset != USD:
        raise MixedAssets(f"credits are bought with dollars, not {dollars.asset.code}")
    return Amount(dollars.units, CREDIT)


def whole_cents(usdc: Amount) -> tuple[Amount, Amount]:
    """The dollars in `usdc`, rounded down to whole cents, and the dust that is left over, in USDC."""
    if usdc.asset != USDC:
        raise MixedAssets(f"cents are taken from USDC, not {usdc.asset.code}")
    cents, dust = divmod(usdc.units, _UNITS_PER_CENT)
    return Amount(cents, USD), Amount(dust, USDC)


def in_usdc(dollars: Amount) -> Amount:
    """The exact USDC for `dollars`: 10 000 atomic units a cent, nothing to round.

    source: USDC has 6 decimals; Stripe matches exactly cents x 10 000 units.
    """
    if dollars.asset != USD:
        raise MixedAssets(f"USDC is counted from dollars, not {dollars.asset.code}")
    return Amount(dollars.units * _UNITS_PER_CENT, USDC)
