"""What Stripe takes of a payment, in cents.

source: stripe.com/pricing of 2026-09-20: cards 2.9 % + 30 cents, stablecoins 1.5 %, ACH debit 0.8 % up to
5 USD, a dispute 15 USD. Whether crypto deposits have a price of their own is not published: a switch sets it.
"""

DISPUTE_CENTS = 1_500
CARD_BASIS_POINTS = 290
CARD_CENTS = 30
BANK_BASIS_POINTS = 80
BANK_CENTS_MAX = 500
BASIS = 10_000


def of_payment(method: str, cents: int) -> int:
    """The fee of a payment by card or us_bank_account."""
    if method == "us_bank_account":
        return min(share(cents, BANK_BASIS_POINTS), BANK_CENTS_MAX)
    return share(cents, CARD_BASIS_POINTS) + CARD_CENTS


def share(cents: int, basis_points: int) -> int:
    """That many ten thousandths of an amount, halves rounded up."""
    return (cents * basis_points + BASIS // 2) // BASIS
