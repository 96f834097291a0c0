"""Refunds that the house asks for, as rows: what was asked, what was answered, and when to ask again."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select, update

from rails.models import RefundRequest
from rails.rail import Reversed

logger = logging.getLogger("pennyrail.rails")
LEASE: Final = timedelta(seconds=60)
_LONGEST: Final = timedelta(hours=1)


def of_exception(exception_id: int) -> str:
    """The key of the refund that decides an exception."""
    return f"exception:{exception_id}"


def failed_keys(session: Session, payment_attempt_ids: Collection[str]) -> frozenset[str]:
    """The keys of these attempts' refunds that were refused, or came back: none of their money is gone."""
    found = session.exec(
        select(RefundRequest.idempotency_key).where(
            col(RefundRequest.payment_attempt_id).in_(payment_attempt_ids), RefundRequest.state == "failed"
        )
    )
    return frozenset(found)


def heard(session: Session, said: Reversed, *, now: datetime) -> bool:
    """Learn of a refund that this house asked for, by whatever way. Tells whether it has failed since."""
    if said.refund_id is None or (request := _locked(session, said.refund_id)) is None:
        return False
    if request.state == "asked":
        accept(request, reference=said.reference, now=now)
    failed = request.state == "accepted" and said.state in ("back", "void")
    if failed:
        fail(request, why=str(said.detail.get("failure_reason") or "failed"), now=now)
    return failed


def accept(request: RefundRequest, *, reference: str, now: datetime) -> None:
    """The processor has made it. Whether money has left is told by the reversals."""
    request.state, request.reference = "accepted", reference
    request.try_at, request.answered_at = None, now


def fail(request: RefundRequest, *, why: str, now: datetime) -> None:
    """The processor refused it, or it came back: somebody who was promised money does not get it."""
    logger.error("refund %s of %s failed", request.refund_id, request.payment_attempt_id)
    request.state, request.failure = "failed", why
    request.try_at, request.answered_at = None, now


def put_off(request: RefundRequest, *, now: datetime) -> None:
    """Nobody knows what became of it: ask again, ever more rarely."""
    request.tries += 1
    request.try_at = now + min(timedelta(seconds=5 * 2 ** min(request.tries, 10)), _LONGEST)


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[str]:
    """Take up to `limit` requests without an answer whose time has come, and put each off by a minute."""
    waiting = (
        select(RefundRequest.refund_id)
        .where(col(RefundRequest.try_at) <= now)
        .order_by(col(RefundRequest.try_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(RefundRequest)
        .where(col(RefundRequest.refund_id).in_(waiting))
        .values(try_at=now + LEASE)
        .returning(col(RefundRequest.refund_id))
    )
    return session.scalars(taken).all()


def locked(session: Session, refund_id: str) -> RefundRequest:
    """The request under a row lock."""
    found = _locked(session, refund_id)
    assert found is not None, "a request is never deleted"
    return found


def _locked(session: Session, refund_id: str) -> RefundRequest | None:
    return session.get(RefundRequest, refund_id, with_for_update=True, populate_existing=True)
