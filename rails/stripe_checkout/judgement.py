"""What a Checkout Session says of a payment. Pure: no clock, no network, no database.

The credits are those of the quote, whatever was paid: a promotion code lowers the money, never the credits.
So the price before discounts has to be the quote's, and every cent between it and the total has to be a
discount that this session offered, or tax.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ledger.money import USD, Amount
from rails.rail import Evidence, Failed, NeedsReview, Outcome, Paid, Pending, Processing

_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_GIVEN_BACK: Final = frozenset({"requires_payment_method", "canceled"})
"""A PaymentIntent of a completed session is in one of these only after its bank has said no."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A Checkout Session when Stripe was asked for it. Everything in cents."""

    reference: str
    status: str
    payment_status: str
    belongs_to: str | None
    """The attempt that it names."""
    currency: str | None
    subtotal: int
    discount: int
    tax: int
    total: int
    takes_codes: bool
    expires_at: datetime
    intent_id: str | None = None
    intent_status: str | None = None


def judge(visit: Visit, *, payment_attempt_id: str, price: Amount, now: datetime) -> Outcome:
    """The outcome of a payment, from its session."""
    said = (evidence(visit),)
    if visit.status == "expired":
        # A session that nobody closes ends at its time and not before.
        return Failed("canceled" if now < visit.expires_at - _CLOCKS_DIFFER else "expired", said)
    if visit.status != "complete":
        return Pending()
    if visit.payment_status == "unpaid":
        return Failed("declined", said) if visit.intent_status in _GIVEN_BACK else Processing(said)
    asked_for = visit.belongs_to == payment_attempt_id and (visit.currency, visit.subtotal) == (
        "usd",
        price.units,
    )
    if not asked_for or not _adds_up(visit):
        return NeedsReview("mismatch", price, _came(visit), said)
    return Paid(Amount(visit.total - visit.tax, USD), said)


def evidence(visit: Visit) -> Evidence:
    """What Stripe says, in cents each: the price, less the discount, and the tax, make the total."""
    return Evidence(
        source="stripe",
        external_id=visit.reference,
        state=visit.status,
        detail={
            "payment_status": visit.payment_status,
            "payment_intent_id": visit.intent_id,
            "subtotal_cents": visit.subtotal,
            "discount_cents": visit.discount,
            "tax_cents": visit.tax,
            "amount_total_cents": visit.total,
            "currency": visit.currency,
        },
    )


def _came(visit: Visit) -> Amount:
    """The dollars that came for the credits: a discount never came, and tax is not ours."""
    return Amount(max(0, visit.total - visit.tax) if visit.currency == "usd" else 0, USD)


def _adds_up(visit: Visit) -> bool:
    if visit.discount and not visit.takes_codes:
        return False
    if visit.total != visit.subtotal - visit.discount + visit.tax:
        return False
    match visit.payment_status:
        case "paid":
            return visit.total > 0
        case "no_payment_required":
            return visit.total == 0
        case _:
            return False
