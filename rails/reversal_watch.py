"""When somebody asks what has left a payment, though nobody knocks: a webhook may be lost, and a dispute
comes months later. The schedule is a column, so losing Redis loses nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select, update

from rails.models import ReversalWatch

# source: Stripe reports a refund's failure up to 30 days later; card networks give payers up to 120 days.
# The first is soon: the notice that had a payment granted may have told that it was refunded.
STEPS: Final = (timedelta(minutes=10), *(timedelta(days=days) for days in (1, 7, 30, 60, 120)))
_WHILE_OPEN: Final = timedelta(days=1)
_UNANSWERED: Final = timedelta(minutes=1)
_REFUSED: Final = timedelta(days=1)
LEASE: Final = timedelta(seconds=60)


def begin(session: Session, payment_attempt_id: str, *, now: datetime) -> None:
    """Have a payment looked at from its grant on: at once if something has left it before."""
    session.execute(
        insert(ReversalWatch)
        .values(payment_attempt_id=payment_attempt_id, looks=0, look_at=now + STEPS[0])
        .on_conflict_do_update(index_elements=["payment_attempt_id"], set_={"look_at": now})
    )


def locked(session: Session, payment_attempt_id: str) -> ReversalWatch:
    """The watch of an attempt under a row lock, made if there is none."""
    session.execute(
        insert(ReversalWatch).values(payment_attempt_id=payment_attempt_id, looks=0).on_conflict_do_nothing()
    )
    return session.get_one(ReversalWatch, payment_attempt_id, with_for_update=True, populate_existing=True)


def looks(session: Session, payment_attempt_id: str) -> int:
    """How many answers were written down."""
    watch = session.get(ReversalWatch, payment_attempt_id, populate_existing=True)
    return watch.looks if watch is not None else 0


def unanswered(session: Session, payment_attempt_id: str, *, now: datetime) -> None:
    """Ask again soon: the processor did not answer."""
    _put_off(session, payment_attempt_id, now + _UNANSWERED, now=now)


def refused(session: Session, payment_attempt_id: str, *, now: datetime) -> None:
    """Ask again tomorrow: the processor does not know this payment, and will not in a minute either."""
    _put_off(session, payment_attempt_id, now + _REFUSED, now=now)


def knock(session: Session, payment_attempt_id: str, *, now: datetime) -> None:
    """Have a payment looked at now."""
    locked(session, payment_attempt_id).look_at = now


def is_watched(session: Session, payment_attempt_id: str) -> bool:
    """Whether it was granted, or anybody has asked before what has left it."""
    return session.get(ReversalWatch, payment_attempt_id) is not None


def answered(watch: ReversalWatch, *, since: datetime | None, is_open: bool, now: datetime) -> None:
    """An answer was written down. Something `is_open` if it may still take money or give it back."""
    watch.looks += 1
    watch.looked_at = now
    steps = [since + step for step in STEPS] if since is not None else []
    coming = [moment for moment in steps if moment > now]
    if is_open:
        coming.append(now + _WHILE_OPEN)
    watch.look_at = min(coming, default=None)


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[str]:
    """Take up to `limit` payments whose time has come, oldest first, and put each off by a minute."""
    waiting = (
        select(ReversalWatch.payment_attempt_id)
        .where(col(ReversalWatch.look_at) <= now)
        .order_by(col(ReversalWatch.look_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(ReversalWatch)
        .where(col(ReversalWatch.payment_attempt_id).in_(waiting))
        .values(look_at=now + LEASE)
        .returning(col(ReversalWatch.payment_attempt_id))
    )
    return session.scalars(taken).all()


def _put_off(session: Session, payment_attempt_id: str, until: datetime, *, now: datetime) -> None:
    watch = locked(session, payment_attempt_id)
    knocked = watch.look_at is not None and watch.look_at > now
    watch.look_at = min(until, watch.look_at) if knocked and watch.look_at is not None else until
