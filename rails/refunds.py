"""Giving money back: an operator asks, the processor does, and the book hears of it as of any other refund.

The row comes first, and the processor is asked under the row's id. While nobody knows what became of it, it
is asked again under the same id. Nothing is booked here: what has left is told by the processor alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import errors, handles, ids, refund_requests, reversals
from rails.models import EvidenceRow, PaymentAttempt, PaymentReversal, Quote, Receipt, RefundRequest
from rails.rail import Rails, RefundOrder

State = Literal["asked", "pending", "done", "failed"]
_PAID = frozenset({"succeeded", "needs_review"})


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund that the house asked for, and how far it is.

    asked: no answer yet. pending: made, and no money has left. done: the money has left.
    failed: refused, or the money came back.
    """

    request: RefundRequest
    state: State
    replayed: bool = False


def request(
    sessions: Sessions,
    rails: Rails,
    *,
    payment_attempt_id: str,
    amount: Amount | None,
    reason: str,
    requested_by: str,
    key: str,
    now: datetime,
) -> Refund:
    """Give `amount` of a payment back to its payer, or all that is left of it. The same key asks once.

    raises: PurchaseNotFound, NothingPaid, RefundTooLarge, RefundConflict if the key is another refund's;
        RailUnreachable while nobody knows, the sweeper goes on asking; RailRefused if it failed.
    """
    reversals.look(sessions, rails, payment_attempt_id=payment_attempt_id, now=now)
    with sessions() as session:
        placed = place(
            session,
            payment_attempt_id=payment_attempt_id,
            amount=amount,
            reason=reason,
            requested_by=requested_by,
            key=key,
            now=now,
        )
    found = placed
    if placed.state == "asked":
        found = ask(sessions, rails, refund_id=placed.request.refund_id, now=now)
    if found.state == "asked":
        raise errors.RailUnreachable("the processor has not answered, and is asked again")
    if found.state == "failed":
        raise errors.RailRefused(found.request.failure or "failed")
    return Refund(found.request, found.state, placed.replayed)


def place(
    session: Session,
    *,
    payment_attempt_id: str,
    amount: Amount | None,
    reason: str,
    requested_by: str,
    key: str,
    now: datetime,
) -> Refund:
    """Write down that a refund is wanted. Whoever sweeps next asks the processor.

    raises: PurchaseNotFound, NothingPaid, RefundTooLarge, RefundConflict.
    """
    attempt = _locked(session, payment_attempt_id)
    known, made = _by_key(session, key), False
    if known is None:
        wanted = RefundRequest(
            refund_id=ids.new("refund"),
            payment_attempt_id=payment_attempt_id,
            idempotency_key=key,
            cents=_cents(session, attempt, amount),
            reason=reason,
            requested_by=requested_by,
            requested_at=now,
            state="asked",
            try_at=now,
        )
        known, made = _keep(session, wanted)
    if known.payment_attempt_id != payment_attempt_id or amount not in (None, Amount(known.cents, USD)):
        raise errors.RefundConflict("this key belongs to another refund")
    found = view(session, known)
    return Refund(found.request, found.state, replayed=not made)


def _keep(session: Session, wanted: RefundRequest) -> tuple[RefundRequest, bool]:
    """The request under its key, and whether it is this one: somebody may have used the key meanwhile."""
    made = session.execute(
        insert(RefundRequest)
        .values(**wanted.model_dump())
        .on_conflict_do_nothing(constraint="refund_request_once_per_key")
        .returning(col(RefundRequest.refund_id))
    ).one_or_none()
    kept = _by_key(session, wanted.idempotency_key)
    assert kept is not None
    return kept, made is not None


def ask(sessions: Sessions, rails: Rails, *, refund_id: str, now: datetime) -> Refund:
    """Ask the processor for a refund that was written down, and hear what has left since.

    Repeating it is harmless. Without an answer the request stays as it is, and comes up again.
    """
    with sessions() as session:
        wanted = refund_requests.locked(session, refund_id)
        attempt = session.get_one(PaymentAttempt, wanted.payment_attempt_id)
        handle, rail = handles.of(session, attempt), rails.get(attempt.rail_id)
    if wanted.state == "asked" and handle is not None and rail is not None:
        order = RefundOrder(refund_id, handle, Amount(wanted.cents, USD))
        reference, failure = None, None
        try:
            reference = rail.refund(order)
        except errors.RailRefused as error:
            failure = str(error)
        except errors.RailUnreachable:
            pass
        with sessions() as session:
            _answer(session, refund_id, reference=reference, failure=failure, now=now)
    reversals.look(sessions, rails, payment_attempt_id=wanted.payment_attempt_id, now=now)
    with sessions() as session:
        return view(session, session.get_one(RefundRequest, refund_id))


def _answer(
    session: Session, refund_id: str, *, reference: str | None, failure: str | None, now: datetime
) -> None:
    # The attempt first, as everybody who holds both.
    attempt_id = session.get_one(RefundRequest, refund_id).payment_attempt_id
    attempt = session.get_one(PaymentAttempt, attempt_id, with_for_update=True, populate_existing=True)
    wanted = refund_requests.locked(session, refund_id)
    if wanted.state != "asked":
        # Another has asked meanwhile, or the refund was seen at the processor: that answer stands.
        return
    if reference is not None:
        refund_requests.accept(wanted, reference=reference, now=now)
    elif failure is not None:
        refund_requests.fail(wanted, why=failure, now=now)
        # What was decided by this refund is not decided any more: the next look opens it again.
        attempt.looks += 1
        attempt.look_at = now
    else:
        refund_requests.put_off(wanted, now=now)


# What is left


def _cents(session: Session, attempt: PaymentAttempt, amount: Amount | None) -> int:
    left = left_of(session, attempt)
    if left.units < 1:
        raise errors.NothingPaid("nothing is left of this payment that could go back")
    wanted = amount if amount is not None else left
    if wanted > left:
        raise errors.RefundTooLarge(left_cents=left.units)
    return wanted.units


def left_of(session: Session, attempt: PaymentAttempt) -> Amount:
    """What was paid and has neither left nor is asked to: the processor has the last word on it.

    Call it under the lock of the attempt's row, or it may be old.
    """
    if attempt.state not in _PAID:
        return Amount(0, USD)
    attempt_id = attempt.payment_attempt_id
    left = session.exec(
        select(PaymentReversal).where(
            PaymentReversal.payment_attempt_id == attempt_id,
            (col(PaymentReversal.state) == "gone")
            | ((col(PaymentReversal.state) == "pending") & (col(PaymentReversal.cause) == "refund")),
        )
    ).all()
    known = {row.reference for row in left}
    asked = session.exec(
        select(RefundRequest).where(
            RefundRequest.payment_attempt_id == attempt_id, RefundRequest.state != "failed"
        )
    ).all()
    unseen = sum(row.cents for row in asked if row.reference not in known)
    return Amount(max(0, _paid_cents(session, attempt) - sum(row.cents for row in left) - unseen), USD)


def _paid_cents(session: Session, attempt: PaymentAttempt) -> int:
    """What the payer paid, tax included where a page said how much that was."""
    attempt_id = attempt.payment_attempt_id
    receipt = session.exec(select(Receipt).where(Receipt.payment_attempt_id == attempt_id)).one_or_none()
    price = session.get_one(Quote, attempt.quote_id).price_cents
    received = receipt.received_cents if receipt is not None else price
    said = session.exec(
        select(EvidenceRow.detail).where(
            EvidenceRow.payment_attempt_id == attempt_id, EvidenceRow.source == "stripe"
        )
    ).all()
    totals = [detail.get("amount_total_cents") for detail in said]
    return max(received, *(total for total in totals if isinstance(total, int)), 0)


# Seen


def view(session: Session, wanted: RefundRequest) -> Refund:
    """A refund, and how far it is."""
    if wanted.state != "accepted":
        return Refund(wanted, "failed" if wanted.state == "failed" else "asked")
    seen = session.get(PaymentReversal, wanted.reference)
    return Refund(wanted, "done" if seen is not None and seen.state == "gone" else "pending")


def listed(session: Session, *, payment_attempt_id: str | None = None, limit: int = 100) -> Sequence[Refund]:
    """The newest refunds that the house asked for, of one payment if given."""
    query = select(RefundRequest)
    if payment_attempt_id is not None:
        query = query.where(RefundRequest.payment_attempt_id == payment_attempt_id)
    newest = query.order_by(col(RefundRequest.requested_at).desc(), col(RefundRequest.refund_id)).limit(limit)
    return [view(session, each) for each in session.exec(newest).all()]


def _by_key(session: Session, key: str) -> RefundRequest | None:
    return session.exec(select(RefundRequest).where(RefundRequest.idempotency_key == key)).one_or_none()


def _locked(session: Session, payment_attempt_id: str) -> PaymentAttempt:
    found = session.get(PaymentAttempt, payment_attempt_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise errors.PurchaseNotFound("no such attempt")
    return found
