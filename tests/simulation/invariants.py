"""What must hold when all has come to rest: credits for money that was matched, and no cent unexplained."""

from collections.abc import Iterator, Mapping

from sqlmodel import Session, select, text

from ledger import audit
from ledger.database import Sessions
from rails import arrived
from rails.models import PaymentAttempt, Quote
from rails.reconciliation import proof
from sandbox.stripe_twin.store import Store

# The grants of purchases, and what a person decided where a person did. Nobody pays for what services grant.
_GRANTED = text(
    """
    SELECT granted.reference, granted.credits, action.cents AS decided
    FROM ledger_transaction AS granted
    LEFT JOIN exception_action AS action ON action.ledger_transaction_id = granted.id
    WHERE granted.kind = 'grant' AND granted.outcome = 'done'
        AND granted.reference NOT LIKE 'preview:%' AND granted.reference NOT LIKE 'svc:%'
    """
)
_RECEIPTS = text("SELECT payment_attempt_id, credits FROM receipt")


def broken(sessions: Sessions, stripe: Store) -> list[str]:
    """Everything that should be and is not, in words; empty if all is well."""
    with sessions() as session:
        return [
            *_book(session),
            *_credits(stripe, session),
            *(f"{each.units} units at {each.address} are nobody's" for each in arrived.unexplained(session)),
            *(f"{each.amount.units} cents: {each.what}" for each in proof.unexplained(session)),
        ]


def summary(sessions: Sessions) -> str:
    """How attempts and exceptions ended."""
    with sessions() as session:
        ends = session.connection().execute(text("SELECT state, count(*) FROM payment_attempt GROUP BY 1"))
        items = session.connection().execute(
            text("SELECT kind, count(*) FROM payment_exception WHERE closed_at IS NULL GROUP BY 1")
        )
        done = session.connection().execute(text("SELECT action, count(*) FROM exception_action GROUP BY 1"))
        return ", ".join(f"{count} {name}" for name, count in sorted([*ends, *items, *done]))


def _book(session: Session) -> Iterator[str]:
    report = audit.verify(session)
    yield from (f"the book: {drift}" for drift in report.drifts)


def _credits(stripe: Store, session: Session) -> Iterator[str]:
    granted = {row.reference: row for row in session.connection().execute(_GRANTED)}
    receipts = {row.payment_attempt_id: row.credits for row in session.connection().execute(_RECEIPTS)}
    matched = set(_matched(stripe))
    for attempt, quote in session.exec(select(PaymentAttempt, Quote).join(Quote)):
        name = attempt.payment_attempt_id
        row = granted.pop(f"purchase:{name}", None)
        # A person's decision stands in for the processor's word, and is for what arrived.
        decided = row.decided if row is not None else None
        expected = decided if decided is not None else quote.credits if name in matched else 0
        found = row.credits if row is not None else 0
        if found != expected and not _in_review(attempt):
            yield f"{name} ({attempt.state}): {found} credits, {expected} were paid for"
        if receipts.get(name, 0) != found:
            yield f"{name}: granted {found}, and the receipt says {receipts.get(name, 0)}"
    for reference, row in granted.items():
        if row.decided is None or row.credits != row.decided:
            yield f"{reference}: {row.credits} credits for no attempt and by no decision"


def _in_review(attempt: PaymentAttempt) -> bool:
    """Whether a person has been asked: what was paid is in an open exception, and not granted yet."""
    return attempt.state == "needs_review"


def _matched(stripe: Store) -> Iterator[str]:
    """The attempts that Stripe has taken money for, or for which nothing was left to pay."""
    for intent in stripe.equal("payment_intent", "status", "succeeded"):
        names: Mapping[str, str] = intent["metadata"]
        yield names["payment_attempt_id"]
    for session in stripe.equal("checkout.session", "payment_status", "no_payment_required"):
        if session["status"] == "complete":
            yield session["client_reference_id"]
