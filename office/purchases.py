"""Purchases, the newest first: of one state, rail, agent or day if wanted, a page at a time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import ColumnElement, tuple_
from sqlmodel import Session, col, select

from ledger.money import CREDIT, USD, Amount
from office import places
from rails.models import PaymentAttempt, Quote, Receipt

PAGE: Final = 50
STATES: Final = (
    *("opening", "requires_action", "processing", "needs_review"),
    *("succeeded", "failed", "canceled", "expired"),
)
_NEWEST: Final = (col(PaymentAttempt.created_at), col(PaymentAttempt.payment_attempt_id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which purchases to list; None is any. A day is one of UTC, by when the payment was opened."""

    state: str | None = None
    rail_id: str | None = None
    agent_id: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A purchase in a list. `received` is None while nothing was granted for it."""

    payment_attempt_id: str
    state: str
    reason: str | None
    rail_id: str
    agent_id: str
    credits: Amount
    price: Amount
    received: Amount | None
    created_at: datetime
    granted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some purchases, and where the next begin; None if these are the last."""

    lines: tuple[Line, ...]
    more: str | None


def listed(session: Session, wanted: Wanted, *, after: str | None = None, limit: int = PAGE) -> Page:
    """A page of what is wanted.

    raises: BadPlace
    """
    query = (
        select(PaymentAttempt, Quote, Receipt)
        .join(Quote, col(Quote.quote_id) == col(PaymentAttempt.quote_id))
        .outerjoin(Receipt, col(Receipt.payment_attempt_id) == col(PaymentAttempt.payment_attempt_id))
        .where(*_conditions(wanted))
    )
    if after is not None:
        query = query.where(tuple_(*_NEWEST) < places.read(after, datetime, str))
    rows = session.exec(query.order_by(*(each.desc() for each in _NEWEST)).limit(limit + 1)).all()
    lines = tuple(_line(attempt, quote, receipt) for attempt, quote, receipt in rows[:limit])
    last = lines[-1] if len(rows) > limit else None
    return Page(lines, places.after(last.created_at, last.payment_attempt_id) if last is not None else None)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        conditions.append(col(PaymentAttempt.state) == wanted.state)
    if wanted.rail_id is not None:
        conditions.append(col(PaymentAttempt.rail_id) == wanted.rail_id)
    if wanted.agent_id is not None:
        conditions.append(col(PaymentAttempt.agent_id) == wanted.agent_id)
    if wanted.day is not None:
        begins_at = datetime.combine(wanted.day, time(), UTC)
        conditions.append(col(PaymentAttempt.created_at) >= begins_at)
        conditions.append(col(PaymentAttempt.created_at) < begins_at + timedelta(days=1))
    return conditions


def _line(attempt: PaymentAttempt, quote: Quote, receipt: Receipt | None) -> Line:
    return Line(
        payment_attempt_id=attempt.payment_attempt_id,
        state=attempt.state,
        reason=attempt.reason,
        rail_id=attempt.rail_id,
        agent_id=attempt.agent_id,
        credits=Amount(quote.credits, CREDIT),
        price=Amount(quote.price_cents, USD),
        received=Amount(receipt.received_cents, USD) if receipt is not None else None,
        created_at=attempt.created_at,
        granted_at=receipt.created_at if receipt is not None else None,
    )
