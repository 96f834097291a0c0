"""Notices: kept once, answered at once, handled later.

A notice is a knock, not a fact. Handling one means looking at the attempts it mentions, and nothing else.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select, update

from ledger.database import Sessions
from rails import purchase, reversals
from rails.models import Notice, PaymentAttempt
from rails.notice import Incoming
from rails.rail import Rails

logger = logging.getLogger("pennyrail.rails")

_LEASE = timedelta(seconds=60)
_FIRST_TRY = timedelta(seconds=10)
_MOST_ATTEMPTS = 12


def receive(session: Session, incoming: Incoming, *, now: datetime) -> int | None:
    """Keep a notice. Returns its id if somebody has to handle it, None for a repeat or one to ignore.

    A dead notice that is delivered again is tried again: its sender was asked to.
    """
    row = insert(Notice).values(
        source=incoming.source,
        external_id=incoming.external_id,
        kind=incoming.kind,
        refs=list(incoming.refs),
        body=incoming.body,
        state="ignored" if incoming.ignore else "waiting",
        reason=incoming.ignore,
        received_at=now,
        # The sweeper leaves a moment for the wake-up call that is sent after the commit.
        try_at=None if incoming.ignore else now + _FIRST_TRY,
    )
    kept = session.execute(
        row.on_conflict_do_update(
            constraint="notice_kept_once", set_={"deliveries": Notice.deliveries + 1}
        ).returning(col(Notice.notice_id), col(Notice.deliveries), col(Notice.state))
    ).one()
    if kept.state == "dead":
        _revive(session, kept.notice_id, now=now)
        return int(kept.notice_id)
    return int(kept.notice_id) if kept.deliveries == 1 and not incoming.ignore else None


def handle(sessions: Sessions, rails: Rails, *, notice_id: int, now: datetime) -> str:
    """Look at every attempt a notice mentions. Returns the state the notice is left in.

    Repeating it is harmless. An error is kept on the notice, which comes up again later.
    """
    with sessions() as session:
        notice = session.get(Notice, notice_id)
        if notice is None or notice.state != "waiting":
            return "gone" if notice is None else notice.state
        mentioned = _attempts(session, notice.refs)
    try:
        for attempt_id in mentioned:
            if purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now).may_be_reversed:
                reversals.look(sessions, rails, payment_attempt_id=attempt_id, now=now)
    except Exception as error:
        with sessions() as session:
            _put_off(session, notice_id, reason=type(error).__name__, now=now)
        raise
    with sessions() as session:
        return _finish(session, notice_id, matched=bool(mentioned), now=now)


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[int]:
    """Take up to `limit` notices that nobody handled in time, oldest first."""
    waiting = (
        select(Notice.notice_id)
        .where(col(Notice.try_at) <= now)
        .order_by(col(Notice.try_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Notice)
        .where(col(Notice.notice_id).in_(waiting))
        .values(try_at=now + _LEASE)
        .returning(col(Notice.notice_id))
    )
    return [notice_id for notice_id in session.scalars(taken) if notice_id is not None]


def _attempts(session: Session, refs: Sequence[str]) -> Sequence[str]:
    return session.exec(
        select(PaymentAttempt.payment_attempt_id).where(col(PaymentAttempt.reference).in_(refs))
    ).all()


def _finish(session: Session, notice_id: int, *, matched: bool, now: datetime) -> str:
    notice = session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
    notice.state = "handled" if matched else "ignored"
    notice.reason = None if matched else "mentions no attempt of ours"
    notice.try_at = None
    notice.handled_at = now
    return notice.state


def _revive(session: Session, notice_id: int, *, now: datetime) -> None:
    notice = session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
    notice.state, notice.attempts, notice.try_at = "waiting", 0, now + _FIRST_TRY


def _put_off(session: Session, notice_id: int, *, reason: str, now: datetime) -> None:
    notice = session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
    notice.attempts += 1
    notice.reason = reason
    if notice.attempts >= _MOST_ATTEMPTS:
        notice.state, notice.try_at = "dead", None
        logger.error("notice %s is dead after %s tries: %s", notice_id, notice.attempts, reason)
    else:
        notice.try_at = now + timedelta(seconds=min(2**notice.attempts, 3600))
