"""Money that waits for somebody's decision, never in silence: one open item for each kind of difference.

Callers hold the lock of the attempt's row, so nobody else opens or closes its items meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from rails.models import PaymentException
from rails.rail import NeedsReview

HOUSE = "house"
"""Who closes an item when the difference is gone by itself."""
_NOT_OF_LOOKS = frozenset({"reversal_rejected"})
"""The kinds that no look at a payment's arrival settles."""


def open_item(session: Session, payment_attempt_id: str, review: NeedsReview, *, now: datetime) -> None:
    """Have a difference looked at. An open item of its kind is brought up to date.

    An item that a person has closed stays closed until the amount changes; one that the house closed
    is followed by a new one.
    """
    received = Decimal(review.received.units)
    latest = _latest(session, payment_attempt_id, review.kind)
    if latest is not None and latest.closed_at is None:
        latest.received_units = received
        return
    if latest is not None and latest.closed_by != HOUSE and latest.received_units == received:
        return
    session.add(
        PaymentException(
            payment_attempt_id=payment_attempt_id,
            kind=review.kind,
            asset=review.received.asset.code,
            expected_units=Decimal(review.expected.units),
            received_units=received,
            opened_at=now,
        )
    )


def close_all(
    session: Session, payment_attempt_id: str, *, how: str, now: datetime, but: frozenset[str] = frozenset()
) -> None:
    """Close every open item of an attempt, except those of the kinds `but`: the difference is gone."""
    kept = but | _NOT_OF_LOOKS
    for item in _open_items(session, payment_attempt_id):
        if item.kind not in kept:
            _close(item, how=how, now=now)
    # One open item of a kind is a unique index: the closing must reach the database before the next opening.
    session.flush()


def close_one(session: Session, payment_attempt_id: str, kind: str, *, how: str, now: datetime) -> None:
    """Close the open item of one kind, if there is one."""
    for item in _open_items(session, payment_attempt_id):
        if item.kind == kind:
            _close(item, how=how, now=now)
    session.flush()


def _close(item: PaymentException, *, how: str, now: datetime) -> None:
    item.closed_at = now
    item.closed_by = HOUSE
    item.resolution = how


def _latest(session: Session, payment_attempt_id: str, kind: str) -> PaymentException | None:
    return session.exec(
        select(PaymentException)
        .where(PaymentException.payment_attempt_id == payment_attempt_id, PaymentException.kind == kind)
        .order_by(col(PaymentException.exception_id).desc())
        .limit(1)
    ).one_or_none()


def _open_items(session: Session, payment_attempt_id: str) -> Sequence[PaymentException]:
    return session.exec(
        select(PaymentException).where(
            PaymentException.payment_attempt_id == payment_attempt_id,
            col(PaymentException.closed_at).is_(None),
        )
    ).all()
