"""What must hold when all has come to rest: credits for money that was matched, and no cent unexplained."""

from collections.abc import Iterator
from decimal import Decimal

from sqlmodel import Session, col, select, text

from ledger import audit
from ledger.database import Sessions
from rails.models import PaymentAttempt, PaymentException, Quote, Receipt
from rails.reconciliation import proof
from sandbox.stripe_twin.store import Document, Store
from tests.simulation.world import CHECKOUT

GRANTED = text(
    """
    SELECT reference, credits FROM ledger_transaction
    WHERE kind = 'grant' AND outcome = 'done' AND reference NOT LIKE 'preview:%'
    """
)


def broken(sessions: Sessions, stripe: Store) -> list[str]:
    """Everything that should be and is not, in words; empty if all is well."""
    with sessions() as session:
        return [
            *_book(session),
            *_credits(stripe, session),
            *_transfers(stripe, session),
            *(f"{each.amount.units} cents: {each.what}" for each in proof.unexplained(session)),
        ]


def summary(sessions: Sessions) -> str:
    """How attempts and exceptions ended."""
    with sessions() as session:
        ends = session.connection().execute(text("SELECT state, count(*) FROM payment_attempt GROUP BY 1"))
        items = session.connection().execute(
            text("SELECT kind, count(*) FROM payment_exception WHERE closed_at IS NULL GROUP BY 1")
        )
        return ", ".join(f"{count} {name}" for name, count in sorted([*ends, *items]))


def _book(session: Session) -> Iterator[str]:
    report = audit.verify(session)
    yield from (f"the book: {drift}" for drift in report.drifts)


def _credits(stripe: Store, session: Session) -> Iterator[str]:
    granted = {row.reference: int(row.credits) for row in session.connection().execute(GRANTED)}
    attempts = session.exec(select(PaymentAttempt, Quote).join(Quote)).all()
    for attempt, quote in attempts:
        found = granted.pop(f"purchase:{attempt.payment_attempt_id}", 0)
        matched = _matched(stripe, attempt)
        expected = quote.credits if matched else 0
        if found != expected:
            yield f"{attempt.payment_attempt_id} ({attempt.state}): {found} credits, {expected} were paid for"
        receipts = session.exec(
            select(Receipt).where(Receipt.payment_attempt_id == attempt.payment_attempt_id)
        ).all()
        if len(receipts) != bool(matched):
            yield f"{attempt.payment_attempt_id}: {len(receipts)} receipts"
    yield from (f"{reference}: {credits} credits for no attempt" for reference, credits in granted.items())


def _matched(stripe: Store, attempt: PaymentAttempt) -> bool:
    """Whether Stripe has taken money for the attempt."""
    if attempt.reference is None:
        return False
    kind = "checkout.session" if attempt.rail_id == CHECKOUT else "payment_intent"
    found = stripe.get(kind, attempt.reference)
    assert found is not None, "the reference is Stripe's"
    if kind == "payment_intent":
        return bool(found["status"] == "succeeded")
    return bool(found["status"] == "complete" and found["payment_status"] != "unpaid")


def _transfers(stripe: Store, session: Session) -> Iterator[str]:
    """Every transfer that stands on the chain and paid nothing is somebody's open question."""
    for row in stripe.equal("transfer", "state", "unmatched"):
        if row["units"] == 0:
            continue
        if not _open_question(session, row):
            yield f"{row['units']} units at {row['to']} ({row['reason']}) are in no exception"


def _open_question(session: Session, row: Document) -> bool:
    found = session.exec(
        select(PaymentException.exception_id)
        .join(PaymentAttempt)
        .where(
            PaymentAttempt.deposit_address == row["to"].lower(),
            col(PaymentException.closed_at).is_(None),
            col(PaymentException.received_units) >= Decimal(row["units"]),
        )
    ).first()
    return found is not None
