"""When somebody has to look at an attempt again. The schedule is a column, so losing Redis loses nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select, update

from rails.models import PaymentAttempt
from rails.settings import story
from rails.states import GIVEN_UP, OPEN

LEASE = timedelta(seconds=60)
_FRESH = timedelta(days=1)


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
        .values(look_at=now + LEASE)
        .returning(col(PaymentAttempt.payment_attempt_id))
    )
    return session.scalars(taken).all()


def knock(session: Session, *, addresses: Collection[str], now: datetime) -> None:
    """Have the attempts behind these deposit addresses looked at now.

    Where an address is an agent's for good, those that no transfer can pay any more are left alone after a
    day, but for the newest one: what comes beside everything that was asked for is told at it.
    """
    at_same = aliased(PaymentAttempt)
    newest = (
        select(func.max(at_same.created_at))
        .where(at_same.deposit_address == col(PaymentAttempt.deposit_address))
        .scalar_subquery()
    )
    session.execute(
        update(PaymentAttempt)
        .where(
            col(PaymentAttempt.deposit_address).in_(addresses),
            or_(
                col(PaymentAttempt.address_owner) == col(PaymentAttempt.payment_attempt_id),
                col(PaymentAttempt.state).not_in((*GIVEN_UP, "succeeded")),
                and_(
                    col(PaymentAttempt.state).in_(GIVEN_UP),
                    col(PaymentAttempt.expires_at) > now - timedelta(days=story().watch_days),
                ),
                col(PaymentAttempt.expires_at) > now - _FRESH,
                col(PaymentAttempt.created_at) == newest,
            ),
        )
        .values(look_at=now)
        .execution_options(synchronize_session=False)
    )


def behind(
    session: Session, *, addresses: Collection[str], now: datetime, limit: int = 100
) -> Sequence[tuple[str, str | None]]:
    """Some of the attempts at these deposit addresses that are to be looked at now, each with its trace."""
    found = session.exec(
        select(PaymentAttempt.payment_attempt_id, PaymentAttempt.trace_id)
        .where(col(PaymentAttempt.deposit_address).in_(addresses), PaymentAttempt.look_at == now)
        .limit(limit)
    )
    return [(attempt_id, trace_id) for attempt_id, trace_id in found]


def knock_at(session: Session, *, payment_attempt_id: str, now: datetime) -> None:
    """Have one attempt looked at now, if its money may still come: the sweeper takes it up within seconds."""
    session.execute(
        update(PaymentAttempt)
        .where(
            col(PaymentAttempt.payment_attempt_id) == payment_attempt_id,
            col(PaymentAttempt.state).in_(OPEN),
            col(PaymentAttempt.look_at) > now,
        )
        .values(look_at=now)
        .execution_options(synchronize_session=False)
    )


def watched(session: Session, *, now: datetime) -> Collection[str]:
    """Every deposit address that somebody may still pay to, closed attempts included.

    Where something arrived that is not settled yet, it is watched for as long as that takes. An address
    that is an agent's is watched for ever: it stays good for the next payment, and for the wrong one.
    """
    # Longer than payers were promised: money at a retired address is an exception, and not lost.
    since = now - story().watch - timedelta(days=story().retired_watch_days)
    addresses = session.exec(
        select(PaymentAttempt.deposit_address).where(
            col(PaymentAttempt.deposit_address).is_not(None),
            or_(
                col(PaymentAttempt.expires_at) > since,
                col(PaymentAttempt.address_owner) == col(PaymentAttempt.agent_id),
                col(PaymentAttempt.state).in_(("processing", "needs_review")),
            ),
        )
    )
    return {address for address in addresses if address}
