"""Differences that wait for a decision, never in silence: one open item for each kind of difference.

Callers hold the lock of the attempt's row, so nobody else opens or closes its items meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from ledger.money import USD, USDC
from rails import kinds, refund_requests
from rails.accounted import accounted, in_usdc, undecided
from rails.models import ExceptionAction, PaymentException
from rails.rail import NeedsReview

HOUSE = "house"
"""Who closes an item when the difference is gone by itself."""


def keep(
    session: Session, payment_attempt_id: str, found: Sequence[NeedsReview], *, how: str, now: datetime
) -> frozenset[str]:
    """Have exactly these differences of an attempt looked at; the kinds that are open now.

    What is open and was not found again is closed by the house, and `how` says why. An item that a person
    has closed stays closed until the amount changes; one that the house closed is followed by a new one.
    """
    standing = [review for review in found if not _is_decided(session, payment_attempt_id, review)]
    close_all(
        session,
        payment_attempt_id,
        how=how,
        now=now,
        but=frozenset((review.kind, review.received.asset.code) for review in standing),
    )
    opened = [open_item(session, payment_attempt_id, review, now=now) for review in standing]
    return frozenset(item.kind for item in opened if item is not None)


def open_item(
    session: Session, payment_attempt_id: str, review: NeedsReview, *, now: datetime
) -> PaymentException | None:
    """Have a difference looked at. An open item of its kind is brought up to date; None if it was decided."""
    received = Decimal(review.received.units)
    latest = _latest(session, payment_attempt_id, review)
    if latest is not None and latest.closed_at is None:
        _bring_up_to_date(latest, review)
        return latest
    if latest is not None and latest.received_units == received and _stays_closed(session, latest):
        return None
    item = PaymentException(
        payment_attempt_id=payment_attempt_id,
        kind=review.kind,
        asset=review.received.asset.code,
        expected_units=Decimal(review.expected.units),
        received_units=received,
        final_units=_final(review),
        late=review.late,
        opened_at=now,
    )
    session.add(item)
    session.flush()
    return item


def close_all(
    session: Session,
    payment_attempt_id: str,
    *,
    how: str,
    now: datetime,
    but: frozenset[tuple[str, str]] = frozenset(),
) -> None:
    """Close every open item that looks find, but for these kinds and assets: the difference is gone."""
    for item in _open_items(session, payment_attempt_id):
        if item.kind in kinds.FOUND_BY_LOOKS and (item.kind, item.asset) not in but:
            close(item, by=HOUSE, how=how, now=now)
    # One open item of a kind is a unique index: the closing must reach the database before the next opening.
    session.flush()


def close(item: PaymentException, *, by: str, how: str, now: datetime) -> None:
    """Close an item, for ever."""
    item.closed_at, item.closed_by, item.resolution, item.wait_until = now, by, how, None


def close_one(session: Session, payment_attempt_id: str, kind: str, *, how: str, now: datetime) -> None:
    """Close the open items of one kind, if there are any."""
    for item in _open_items(session, payment_attempt_id):
        if item.kind == kind:
            close(item, by=HOUSE, how=how, now=now)
    session.flush()


def chain_changed(session: Session, *, chain_id: int, detail: str, now: datetime) -> None:
    """Have a person decide that a chain changed below what was final. Again is the same open item."""
    subject = _chain(chain_id)
    found = _of_chain(session, subject)
    if found is not None:
        found.detail = detail
        return
    session.add(
        PaymentException(
            subject=subject,
            detail=detail,
            kind="deeper_than_final",
            asset=USDC.code,
            expected_units=Decimal(0),
            received_units=Decimal(0),
            opened_at=now,
        )
    )


def chain_is_read(session: Session, *, chain_id: int, now: datetime) -> bool:
    """Close what `chain_changed` opened: a person had the chain read on. Whether there was anything open."""
    found = _of_chain(session, _chain(chain_id))
    if found is not None:
        close(found, by=HOUSE, how="the chain is read again", now=now)
    return found is not None


def _is_decided(session: Session, payment_attempt_id: str, review: NeedsReview) -> bool:
    """Whether every cent that a difference is about was granted or decided, whatever kind it was then."""
    if review.kind not in kinds.SUMS or review.received.asset not in (USD, USDC):
        return False
    done = accounted(session, payment_attempt_id=payment_attempt_id)
    return done.units > 0 and in_usdc(review.received) <= done


def _stays_closed(session: Session, item: PaymentException) -> bool:
    """Whether a person has closed it, unless what was done about it was undone since."""
    assert item.payment_attempt_id is not None
    if item.closed_by == HOUSE or item.exception_id is None:
        return False
    if item.kind in kinds.SUMS and _claimed(session, item.payment_attempt_id):
        return undecided(session, item).units == 0
    key = refund_requests.of_exception(item.exception_id)
    return key not in refund_requests.failed_keys(session, [item.payment_attempt_id])


def _claimed(session: Session, payment_attempt_id: str) -> bool:
    """Whether anything that was decided about a payment counts no more."""
    claims = (
        select(ExceptionAction.action_id)
        .join(PaymentException)
        .where(PaymentException.payment_attempt_id == payment_attempt_id, ExceptionAction.action == "claim")
    )
    return session.exec(claims).first() is not None


def _bring_up_to_date(item: PaymentException, review: NeedsReview) -> None:
    if item.received_units != Decimal(review.received.units):
        # Whoever put it off knew another amount.
        item.wait_until = None
    item.received_units, item.expected_units = Decimal(review.received.units), Decimal(review.expected.units)
    item.final_units, item.late = _final(review), review.late


def _final(review: NeedsReview) -> Decimal | None:
    return None if review.final is None else Decimal(review.final.units)


def _latest(session: Session, payment_attempt_id: str, review: NeedsReview) -> PaymentException | None:
    return session.exec(
        select(PaymentException)
        .where(
            PaymentException.payment_attempt_id == payment_attempt_id,
            PaymentException.kind == review.kind,
            PaymentException.asset == review.received.asset.code,
        )
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


def _of_chain(session: Session, subject: str) -> PaymentException | None:
    return session.exec(
        select(PaymentException)
        .where(PaymentException.subject == subject, col(PaymentException.closed_at).is_(None))
        .with_for_update()
    ).one_or_none()


def _chain(chain_id: int) -> str:
    return f"chain {chain_id}"
