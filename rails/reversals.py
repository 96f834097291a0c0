"""Money of a purchase that went back: refunds and disputes, told to the book and to the agent in one go.

Whoever hears that something has left a payment calls `look`, which asks the payment's processor and brings
the book to what it says: each refund and dispute is a movement of its own, under its own name, so that the
order of notices and their number play no part.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from sqlmodel import Session, col, select

from ledger import chart, credits
from ledger.credits import CONFLICT, Outcome
from ledger.database import Sessions
from ledger.models import Reversal
from ledger.money import USD, USDC, Amount
from ledger.operations import Refund, Reinstate
from rails import activity, errors, freezing, handles, refund_requests, reversal_watch, reviews
from rails.activity import EventType
from rails.models import (
    ExceptionAction,
    PaymentAttempt,
    PaymentException,
    PaymentReversal,
    PaymentReversalState,
    Receipt,
)
from rails.rail import Handle, NeedsReview, Rails, Reversed

logger = logging.getLogger("pennyrail.rails")

Cause = Literal["refund", "dispute"]

_TAKEN: dict[Cause, EventType] = {
    "refund": "credits.payment_backed_refunded",
    "dispute": "credits.payment_backed_disputed",
}
_TRIES: Final = 3
REVERSAL_REJECTED: Final = "reversal_rejected"
"""The kind of exception that more has left a payment than was paid."""


# Look


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: whether anybody answered, how much has ever left or may, and what it booked now."""

    payment_attempt_id: str
    asked: bool
    reversals: int = 0
    transactions: tuple[int, ...] = ()


def look(sessions: Sessions, rails: Rails, *, payment_attempt_id: str, now: datetime) -> Looked:
    """Ask the rail what has left a payment, and bring the book to that.

    Call it as often as you like, from anywhere. When nobody could be asked nothing changes, and the payment
    comes up again by itself.

    raises: PurchaseNotFound.
    """
    for _ in range(_TRIES):
        with sessions() as session:
            before = _before(session, payment_attempt_id)
        said = _ask(sessions, rails, before, now=now)
        if said is None:
            return Looked(payment_attempt_id, asked=False)
        with sessions() as session:
            looked = _write_down(session, before, said, now=now)
        if looked is not None:
            return looked
    with sessions() as session:
        reversal_watch.knock(session, payment_attempt_id, now=now)
    return Looked(payment_attempt_id, asked=False)


@dataclass(frozen=True, slots=True)
class _Before:
    """What was known of a payment before anybody was asked."""

    payment_attempt_id: str
    rail_id: str
    handle: Handle | None
    looks: int


def _before(session: Session, payment_attempt_id: str) -> _Before:
    attempt = session.get(PaymentAttempt, payment_attempt_id)
    if attempt is None:
        raise errors.PurchaseNotFound("no such attempt")
    looks = reversal_watch.looks(session, payment_attempt_id)
    return _Before(payment_attempt_id, attempt.rail_id, handles.of(session, attempt), looks)


def _ask(sessions: Sessions, rails: Rails, before: _Before, *, now: datetime) -> Sequence[Reversed] | None:
    """What the rail answers; None when nobody could be asked, which is not an answer."""
    rail = rails.get(before.rail_id)
    if before.handle is None or rail is None:
        return None
    try:
        return rail.reversals(before.handle)
    except errors.RailError as error:
        logger.warning("what has left %s could not be asked: %s", before.payment_attempt_id, error)
        again = reversal_watch.refused if isinstance(error, errors.RailRefused) else reversal_watch.unanswered
        with sessions() as session:
            _locked(session, before.payment_attempt_id)
            again(session, before.payment_attempt_id, now=now)
        return None


def _locked(session: Session, payment_attempt_id: str) -> PaymentAttempt:
    return session.exec(
        select(PaymentAttempt)
        .where(PaymentAttempt.payment_attempt_id == payment_attempt_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _write_down(
    session: Session, before: _Before, said: Sequence[Reversed], *, now: datetime
) -> Looked | None:
    """Bring the book to an answer; None if it may be an old one, for others have asked meanwhile."""
    attempt = _locked(session, before.payment_attempt_id)
    watch = reversal_watch.locked(session, before.payment_attempt_id)
    if watch.looks != before.looks:
        return None
    payment = _payment(session, attempt)
    transactions = _bring_to(session, payment, said, now=now)
    for each in said:
        if refund_requests.heard(session, each, now=now):
            # Its money is here again: if nothing was granted for it, somebody has to decide anew.
            attempt.look_at = now
    freezing.follow(session, attempt, said, now=now)
    is_open = any(row.state == "pending" for row in payment.known.values())
    reversal_watch.answered(watch, since=payment.since, is_open=is_open, now=now)
    return Looked(before.payment_attempt_id, asked=True, reversals=len(said), transactions=transactions)


# Bring the book to what was said


@dataclass(frozen=True, slots=True)
class _Payment:
    """What is known to have left one payment. `receipt` is None if nothing was granted for it."""

    payment_attempt_id: str
    receipt: Receipt | None
    by_sum: bool
    """Whether a decision granted for transfers that the processor may not have charged."""
    known: dict[str, PaymentReversal]
    too_little: set[str] = field(default_factory=set)
    """What this look found to have left without a whole cent for credits in it."""

    @property
    def since(self) -> datetime | None:
        """When it was granted; if it was not, since when something is known to leave it."""
        if self.receipt is not None:
            return self.receipt.created_at
        return min((row.first_seen_at for row in self.known.values()), default=None)

    @property
    def booked_cents(self) -> int:
        """What the book has taken back of it."""
        return sum(row.booked_cents for row in self.known.values())

    @property
    def gone_cents(self) -> int:
        """What has left for what the book has taken: more by the tax, and by what was too little to take."""
        gone = (row for row in self.known.values() if row.booked_cents or row.reference in self.too_little)
        return sum(row.cents for row in gone)


@dataclass(slots=True)
class _Change:
    """One reversal, what is said of it now, and the transactions of the book that follow."""

    row: PaymentReversal
    said: Reversed
    transactions: list[int]


def _payment(session: Session, attempt: PaymentAttempt) -> _Payment:
    attempt_id = attempt.payment_attempt_id
    receipt = session.exec(select(Receipt).where(Receipt.payment_attempt_id == attempt_id)).one_or_none()
    rows = session.exec(
        select(PaymentReversal)
        .where(PaymentReversal.payment_attempt_id == attempt_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    by_sum = receipt is not None and _is_by_sum(session, receipt)
    return _Payment(attempt_id, receipt, by_sum, {row.reference: row for row in rows})


def _is_by_sum(session: Session, receipt: Receipt) -> bool:
    decided = (
        select(ExceptionAction.action_id)
        .join(PaymentException)
        .where(
            ExceptionAction.ledger_transaction_id == receipt.ledger_transaction_id,
            PaymentException.asset == USDC.code,
        )
    )
    return session.exec(decided).first() is not None


def _bring_to(
    session: Session, payment: _Payment, said: Sequence[Reversed], *, now: datetime
) -> tuple[int, ...]:
    changes = [_Change(_row(session, payment, each, now=now), each, []) for each in said]
    # What comes back makes room for what has left.
    for change in changes:
        _give_again(session, change, now=now)
        change.row.state, change.row.cents = change.said.state, change.said.amount.units
    # Processors name the newest first; of two that have left, the older was there before.
    for change in reversed(changes):
        if payment.receipt is not None:
            _take(session, payment, payment.receipt, change, now=now)
    for change in changes:
        _remember(session, change, now=now)
    _review(session, payment, now=now)
    return tuple(number for change in changes for number in change.transactions)


def _row(session: Session, payment: _Payment, said: Reversed, *, now: datetime) -> PaymentReversal:
    if said.reference not in payment.known:
        row = PaymentReversal(
            reference=said.reference,
            payment_attempt_id=payment.payment_attempt_id,
            cause=said.cause,
            state=said.state,
            cents=said.amount.units,
            first_seen_at=now,
            changed_at=now,
        )
        session.add(row)
        session.flush()
        payment.known[said.reference] = row
    return payment.known[said.reference]


def _give_again(session: Session, change: _Change, *, now: datetime) -> None:
    """Undo what the book took, unless exactly that is still gone."""
    row, said = change.row, change.said
    if row.booked_cents == 0 or (said.state == "gone" and said.amount.units == row.cents):
        return
    outcome = reinstate(
        session,
        payment_attempt_id=row.payment_attempt_id,
        cause=_cause(said),
        reference=_name(row),
        now=now,
    )
    assert outcome.done, outcome.code
    row.booked_cents = 0
    change.transactions.append(outcome.transaction_id)


def _take(session: Session, payment: _Payment, receipt: Receipt, change: _Change, *, now: datetime) -> None:
    """Have the book take what has left, once. It refuses more than was paid, which is told once too."""
    row, said = change.row, change.said
    if said.state != "gone" or row.booked_cents:
        row.refused_cents = None if said.state != "gone" else row.refused_cents
        return
    cents, left = _paid_for_credits(payment, receipt, said), receipt.received_cents - payment.booked_cents
    if cents == 0:
        payment.too_little.add(row.reference)
        return
    if cents > left and row.refused_cents == cents:
        return
    row.takings += 1
    outcome = take_back(
        session,
        payment_attempt_id=row.payment_attempt_id,
        cause=_cause(said),
        reference=_name(row),
        cents=Amount(cents, USD),
        now=now,
    )
    row.booked_cents, row.refused_cents = (cents, None) if outcome.done else (0, cents)
    change.transactions.append(outcome.transaction_id)


def _paid_for_credits(payment: _Payment, receipt: Receipt, said: Reversed) -> int:
    """The cents of what has left that had paid for credits: the rest is the tax on them.

    By all that has left so far, so that no rounding adds up: what is refunded whole is taken whole.
    """
    charged = said.charged.units if said.charged is not None else 0
    if charged <= receipt.received_cents or payment.by_sum:
        return said.amount.units
    gone = payment.gone_cents + said.amount.units
    due = gone * receipt.received_cents // charged - payment.booked_cents
    return max(0, min(said.amount.units, due))


def _remember(session: Session, change: _Change, *, now: datetime) -> None:
    row, detail = change.row, dict(change.said.detail)
    latest = session.exec(
        select(PaymentReversalState)
        .where(PaymentReversalState.reference == row.reference)
        .order_by(col(PaymentReversalState.change_id).desc())
        .limit(1)
    ).one_or_none()
    known = (latest.state, latest.cents, latest.detail) if latest is not None else None
    if known == (row.state, row.cents, detail) and not change.transactions:
        return
    row.changed_at = now
    session.add(
        PaymentReversalState(
            reference=row.reference,
            state=row.state,
            cents=row.cents,
            booked_cents=row.booked_cents,
            transactions=change.transactions,
            detail=detail,
            seen_at=now,
        )
    )


def _review(session: Session, payment: _Payment, *, now: datetime) -> None:
    """Have a person look at what the book refuses, for as long as it does."""
    refused = sum(row.refused_cents or 0 for row in payment.known.values())
    if payment.receipt is None or refused == 0:
        how = "what has left is no more than what was paid"
        reviews.close_one(session, payment.payment_attempt_id, REVERSAL_REJECTED, how=how, now=now)
        return
    left = payment.receipt.received_cents - payment.booked_cents
    rejected = NeedsReview(REVERSAL_REJECTED, Amount(left, USD), Amount(refused, USD))
    reviews.open_item(session, payment.payment_attempt_id, rejected, now=now)


def _name(row: PaymentReversal) -> str:
    """What the book calls the newest taking: money may leave, come back, and leave again under one name."""
    return row.reference if row.takings == 1 else f"{row.reference}#{row.takings}"


def _cause(said: Reversed) -> Cause:
    assert said.cause != "fraud_warning", "a warning moves no money"
    return said.cause


# Seen


@dataclass(frozen=True, slots=True)
class Seen:
    """A refund, dispute or warning as it is now, and every change of it, oldest first."""

    reversal: PaymentReversal
    changes: Sequence[PaymentReversalState]


def of_payment(session: Session, *, payment_attempt_id: str) -> Sequence[Seen]:
    """All that has left a payment, or may, oldest first."""
    rows = session.exec(
        select(PaymentReversal)
        .where(PaymentReversal.payment_attempt_id == payment_attempt_id)
        .order_by(col(PaymentReversal.first_seen_at), col(PaymentReversal.reference))
    ).all()
    return [Seen(row, _changes(session, row.reference)) for row in rows]


def _changes(session: Session, reference: str) -> Sequence[PaymentReversalState]:
    return session.exec(
        select(PaymentReversalState)
        .where(PaymentReversalState.reference == reference)
        .order_by(col(PaymentReversalState.change_id))
    ).all()


# The book and the agent's own history


def take_back(
    session: Session,
    *,
    payment_attempt_id: str,
    cause: Cause,
    reference: str,
    cents: Amount,
    now: datetime,
) -> Outcome:
    """Take the credits back that `cents` paid for, as far as they are unused; the same reference counts once.

    `reference` is the processor's name of the refund or dispute. What cannot be taken is the book's to claim
    later, and the agent is told that it is pending; what the book refuses is told as rejected.

    raises: PurchaseNotFound if nothing was granted for this attempt; TryAgain.
    """
    receipt, rail_id = _receipt(session, payment_attempt_id)
    outcome = credits.apply_one(
        session,
        Refund(
            key=f"{cause}:{reference}",
            agent_id=receipt.agent_id,
            actor=f"rail:{rail_id}",
            grant=f"purchase:{payment_attempt_id}",
            cents=cents,
            clearing=chart.clearing(rail_id),
        ),
        now=now,
    )
    if not outcome.replayed and outcome.code != CONFLICT:
        _tell(session, receipt, cause, outcome, now=now)
    return outcome


def reinstate(
    session: Session, *, payment_attempt_id: str, cause: Cause, reference: str, now: datetime
) -> Outcome:
    """Give back what `take_back` took under this reference: a dispute was won, or a refund failed. Once.

    raises: PurchaseNotFound if nothing was granted for this attempt; TryAgain.
    """
    receipt, rail_id = _receipt(session, payment_attempt_id)
    outcome = credits.apply_one(
        session,
        Reinstate(
            key=f"reinstated:{cause}:{reference}",
            agent_id=receipt.agent_id,
            actor=f"rail:{rail_id}",
            refund=f"{cause}:{reference}",
            clearing=chart.clearing(rail_id),
        ),
        now=now,
    )
    if outcome.done and not outcome.replayed:
        activity.credits_changed(
            session,
            receipt,
            kind="credits.payment_backed_reinstated",
            subject_id=f"credit_event_{outcome.transaction_id}",
            summary=f"{_units(outcome)} credits are back, because their payment stands again",
            links={"payment_reversal_id": _reversal_id(outcome)},
            now=now,
        )
    return outcome


def _tell(session: Session, receipt: Receipt, cause: Cause, outcome: Outcome, *, now: datetime) -> None:
    names = {"payment_reversal_id": _reversal_id(outcome)}
    subject = f"credit_event_{outcome.transaction_id}"
    told: list[tuple[EventType, str, dict[str, str]]] = []
    if not outcome.done:
        told.append(("credits.payment_backed_reversal_rejected", f"a {cause} could not be reconciled", names))
    else:
        recorded = session.get_one(Reversal, outcome.transaction_id)
        if taken := _units(outcome):
            words = f"{taken} credits were taken back for a {cause}"
            told.append((_TAKEN[cause], words, {**names, "credit_event_id": subject}))
        if left := recorded.wanted - _units(outcome):
            words = f"{left} credits of a {cause} are used or set aside, and were not taken back"
            told.append(("credits.payment_backed_reversal_pending", words, names))
    for kind, words, links in told:
        activity.credits_changed(
            session, receipt, kind=kind, subject_id=subject, summary=words, links=links, now=now
        )


def _receipt(session: Session, payment_attempt_id: str) -> tuple[Receipt, str]:
    found = session.exec(
        select(Receipt, PaymentAttempt.rail_id)
        .join(PaymentAttempt)
        .where(Receipt.payment_attempt_id == payment_attempt_id)
    ).one_or_none()
    if found is None:
        raise errors.PurchaseNotFound("nothing was granted for this attempt")
    return found


def _units(outcome: Outcome) -> int:
    return outcome.credits.units if outcome.credits is not None else 0


def _reversal_id(outcome: Outcome) -> str:
    return f"reversal_{outcome.transaction_id}"
