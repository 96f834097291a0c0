"""What credits cost, in every dollar asset a rail takes."""

from ledger.money import CREDIT, USD, USDC, Amount, MixedAssets


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


def in_usdc(dollars: Amount) -> Amount:
    """The exact USDC for `dollars`: 10 000 atomic units a cent, nothing to round.

    source: USDC has 6 decimals; Stripe matches exactly cents x 10 000 units.
    """
    if dollars.asset != USD:
        raise MixedAssets(f"USDC is counted from dollars, not {dollars.asset.code}")
    return Amount(dollars.units * 10_000, USDC)
