"""What operators see of reconciliation: days side by side, their items, and one item with its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, func, select

from ledger.money import USD, USDC, Amount
from office import audit
from office.actor import Actor
from rails.errors import BreakNotFound
from rails.reconciliation import explaining, story
from rails.reconciliation.matching import NO_BREAK
from rails.reconciliation.models import Item, KeptDay, Run
from rails.reconciliation.report import ItemLine, Line, line
from rails.reconciliation.story import StateLine

DAYS: Final = 31
ITEMS: Final = 50
RUNS: Final = 10
OPEN: Final = "open"
"""In place of a state: the breaks that are open."""
STATES: Final = (
    OPEN,
    *("expected", "in_review", "missing", "over", "under", "mismatch"),
    *("stripe_only", "book_only", "chain_only", "unknown", "explained", "matched"),
)


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day by each witness. What Stripe received is without tax, as the book grants for it."""

    day: date
    deposits: int
    deposited: Amount
    received: Amount
    returned: Amount
    fee: Amount
    tax: Amount
    granted: Amount
    taken_back: Amount
    breaks: int
    told_at: datetime

    @property
    def difference(self) -> Amount:
        """What Stripe kept of the day's sales beyond what the book granted for: of two days, or a break."""
        return (self.received - self.returned) - (self.granted - self.taken_back)


@dataclass(frozen=True, slots=True)
class Days:
    """A page of days, the newest first; `cursor` is the last one if there are more."""

    lines: tuple[DayLine, ...]
    cursor: date | None


@dataclass(frozen=True, slots=True)
class DayPage:
    """One day, and a page of its items."""

    line: DayLine | None
    moved: tuple[Line, ...]
    states: dict[str, int]
    items: tuple[ItemLine, ...]
    cursor: int | None


@dataclass(frozen=True, slots=True)
class ItemPage:
    """An item, every state it was in, and who explained it."""

    item: ItemLine
    payment_attempt_id: str | None
    closed_at: datetime | None
    how: str | None
    closed_by: str | None
    states: tuple[StateLine, ...]
    others: tuple[ItemLine, ...]

    @property
    def explainable(self) -> bool:
        """Whether it is an open break."""
        return self.closed_at is None and self.item.state not in NO_BREAK


def days(session: Session, *, before: date | None) -> Days:
    """The days before one, or the newest."""
    query = select(KeptDay).order_by(col(KeptDay.day).desc()).limit(DAYS + 1)
    if before is not None:
        query = query.where(KeptDay.day < before)
    rows = session.exec(query).all()
    shown, more = rows[:DAYS], len(rows) > DAYS
    breaks = _breaks(session, [row.day for row in shown])
    lines = tuple(_day(row, breaks=breaks.get(row.day, 0)) for row in shown)
    return Days(lines, shown[-1].day if more else None)


def day(session: Session, day: date, *, state: str | None, after: int | None, now: datetime) -> DayPage:
    """One day, and its items of one state, or all."""
    row = session.get(KeptDay, day)
    items = _items(session, day, state=state, after=after)
    shown = items[:ITEMS]
    return DayPage(
        line=_day(row, breaks=_breaks(session, [day]).get(day, 0)) if row is not None else None,
        moved=tuple(Line(**each) for each in row.moved) if row is not None else (),
        states=row.states if row is not None else {},
        items=tuple(line(item, now=now) for item in shown),
        cursor=shown[-1].item_id if len(items) > ITEMS else None,
    )


def open_breaks(session: Session, *, now: datetime) -> tuple[ItemLine, ...]:
    """The oldest open breaks, whatever their day."""
    query = (
        select(Item)
        .where(col(Item.closed_at).is_(None), col(Item.state).not_in(NO_BREAK))
        .order_by(col(Item.day), col(Item.item_id))
        .limit(ITEMS)
    )
    return tuple(line(item, now=now) for item in session.exec(query))


def item(session: Session, item_id: int, *, now: datetime) -> ItemPage:
    """An item with its history.

    raises: BreakNotFound
    """
    found = session.get(Item, item_id)
    if found is None:
        raise BreakNotFound(f"no item of reconciliation has the number {item_id}")
    others = session.exec(
        select(Item).where(Item.subject == found.subject, Item.item_id != item_id).order_by(col(Item.item_id))
    )
    return ItemPage(
        item=line(found, now=now),
        payment_attempt_id=found.payment_attempt_id,
        closed_at=found.closed_at,
        how=found.how,
        closed_by=found.closed_by,
        states=story.states(session, found),
        others=tuple(line(each, now=now) for each in others),
    )


def runs(session: Session) -> Sequence[Run]:
    """The newest runs."""
    return session.exec(select(Run).order_by(col(Run.run_id).desc()).limit(RUNS)).all()


def explain(session: Session, item_id: int, *, reason: str, by: Actor, now: datetime) -> None:
    """Close a break by hand, and say so in the audit log.

    raises: BreakNotFound, NotABreak
    """
    before = session.get(Item, item_id)
    told = _told(before) if before is not None else None
    done = explaining.explain(session, item_id, reason=reason, by=by.name, now=now)
    about = ("reconciliation_item", str(item_id))
    audit.write(
        session, by, "break.explain", about=about, reason=reason, before=told, after=_told(done), now=now
    )


def _told(item: Item) -> dict[str, Any]:
    return {
        "subject": item.subject,
        "matter": item.matter,
        "state": item.state,
        "expected": f"{item.expected_units}",
        "found": f"{item.found_units}",
        "asset": item.asset,
    }


def _breaks(session: Session, of: Sequence[date]) -> dict[date, int]:
    """How many breaks of these days are open. No other items are in the index that is read."""
    query = (
        select(col(Item.day), func.count(col(Item.item_id)))
        .where(col(Item.closed_at).is_(None), col(Item.state).not_in(NO_BREAK), col(Item.day).in_(of))
        .group_by(col(Item.day))
    )
    return dict(session.exec(query).all())


def _items(session: Session, day: date, *, state: str | None, after: int | None) -> Sequence[Item]:
    query = select(Item).where(Item.day == day).order_by(col(Item.item_id)).limit(ITEMS + 1)
    if state == OPEN:
        query = query.where(col(Item.closed_at).is_(None), col(Item.state).not_in(NO_BREAK))
    elif state:
        query = query.where(Item.state == state)
    if after is not None:
        query = query.where(col(Item.item_id) > after)
    return session.exec(query).all()


def _day(row: KeptDay, *, breaks: int) -> DayLine:
    return DayLine(
        day=row.day,
        deposits=row.deposits,
        deposited=Amount(int(row.deposited), USDC),
        received=Amount(row.gross - row.tax, USD),
        returned=Amount(row.returned, USD),
        fee=Amount(row.fee, USD),
        tax=Amount(row.tax, USD),
        granted=Amount(row.granted, USD),
        taken_back=Amount(row.taken_back, USD),
        breaks=breaks,
        told_at=row.told_at,
    )
