"""What a rail needs to find a payment of an attempt again."""

from sqlmodel import Session

from ledger.money import USD, Amount
from rails import instructions
from rails.models import PaymentAttempt, Quote
from rails.rail import Handle
from rails.settings import story


def of(session: Session, attempt: PaymentAttempt) -> Handle | None:
    """The handle of an attempt; None while nothing of it exists at the processor that we know of."""
    return of_quote(attempt, session.get_one(Quote, attempt.quote_id))


def of_quote(attempt: PaymentAttempt, quote: Quote) -> Handle | None:
    """The handle of an attempt to pay this quote, as `of`."""
    told = instructions.read(attempt)
    if attempt.reference is None or told is None:
        return None
    return Handle(
        payment_attempt_id=attempt.payment_attempt_id,
        reference=attempt.reference,
        price=Amount(quote.price_cents, USD),
        instructions=told,
        expires_at=attempt.expires_at,
        lands_until=attempt.expires_at + story().late_payment,
        watched_until=attempt.expires_at + story().watch,
    )
