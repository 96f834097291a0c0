"""When somebody has to look at an attempt again. The schedule is a column, so losing Redis loses nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select, update

from rails.models import PaymentAttempt
from rails.settings import story

_LEASE = timedelta(seconds=60)


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[str]:
    """Take up to `limit` attempts whose time has come, oldest first.

    Each is put off by a minute: if whoever was told dies, it comes up again.
    """
    waiting = (
        select(PaymentAttempt.payment_attempt_id)
        .where(col(PaymentAttempt.look_at) <= now)
        .order_by(col(PaymentAttempt.look_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(PaymentAttempt)
        .where(col(PaymentAttempt.payment_attempt_id).in_(waiting))
        .values(look_at=now + _LEASE)
        .returning(col(PaymentAttempt.payment_attempt_id))
    )
    return session.scalars(taken).all()


def knock(session: Session, *, addresses: Collection[str], now: datetime) -> None:
    """Have the attempts behind these deposit addresses looked at now."""
    session.execute(
        update(PaymentAttempt)
        .where(col(PaymentAttempt.deposit_address).in_(addresses))
        .values(look_at=now)
        .execution_options(synchronize_session=False)
    )


def watched(session: Session, *, now: datetime) -> Collection[str]:
    """Every deposit address that somebody may still pay to, closed attempts included.

    Where something arrived that is not settled yet, it is watched for as long as that takes.
    """
    # Longer than payers were promised: money at a retired address is an exception, and not lost.
    since = now - story().watch - timedelta(days=story().retired_watch_days)
    addresses = session.exec(
        select(PaymentAttempt.deposit_address).where(
            col(PaymentAttempt.deposit_address).is_not(None),
            or_(
                col(PaymentAttempt.expires_at) > since,
                col(PaymentAttempt.state).in_(("processing", "needs_review")),
            ),
        )
    )
    return {address for address in addresses if address}
