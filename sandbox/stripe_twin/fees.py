"""What Stripe takes of a payment, in cents.

source: stripe.com/pricing of 2026-09-20: cards 2.9 % + 30 cents, stablecoins 1.5 %, ACH debit 0.8 % up to
5 USD, a dispute 15 USD. Whether crypto deposits have a price of their own is not published.
"""

DISPUTE_CENTS = 1_500
CARD_PER_MILLE = 29
CARD_CENTS = 30
CRYPTO_PER_MILLE = 15
BANK_PER_MILLE = 8
BANK_CENTS_MAX = 500


def of_payment(method: str, cents: int) -> int:
    """The fee of a payment by card, crypto or us_bank_account."""
    if method == "crypto":
        return share(cents, CRYPTO_PER_MILLE)
    if method == "us_bank_account":
        return min(share(cents, BANK_PER_MILLE), BANK_CENTS_MAX)
    return share(cents, CARD_PER_MILLE) + CARD_CENTS


def share(cents: int, per_mille: int) -> int:
    """That many thousandths of an amount, halves rounded up."""
    return (cents * per_mille + 500) // 1_000
