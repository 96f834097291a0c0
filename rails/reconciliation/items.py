"""The items: one from the moment two witnesses differ until they agree, each state of it kept for ever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select, text

from rails.reconciliation.matching import Finding
from rails.reconciliation.models import Item, ItemState

Key = tuple[str, str]
_LOCK: Final = text("SELECT pg_advisory_xact_lock(4973, 18)")


@dataclass(slots=True)
class Counts:
    """How many items were opened, and how many closed."""

    opened: int = 0
    closed: int = 0


def record(
    session: Session,
    found: Iterable[tuple[str, Finding]],
    *,
    of_attempts: bool,
    now: datetime,
    counts: Counts,
) -> None:
    """Write down how witnesses stand, by subject. What was written down before changes nothing.

    One run at a time writes: the lock stays until the end of the caller's transaction.
    """
    session.connection().execute(_LOCK)
    findings = list(found)
    latest = _latest(session, [subject for subject, _ in findings])
    for subject, finding in findings:
        item = latest.get((subject, finding.matter))
        if item is None or item.closed_at is not None:
            if item is not None and _says(item, finding):
                continue
            item = _open(
                session, subject, finding, payment_attempt_id=subject if of_attempts else None, now=now
            )
            counts.opened += finding.state != "matched"
        elif _says(item, finding):
            continue
        else:
            _move(session, item, finding, now=now)
            counts.closed += finding.state == "matched"
    session.flush()


def close_gone(
    session: Session, found: Iterable[tuple[str, Finding]], *, prefix: str, now: datetime, counts: Counts
) -> None:
    """Close the open items of subjects with this prefix that nobody finds any more: they have an owner."""
    session.connection().execute(_LOCK)
    still = {subject for subject, _ in found}
    query = select(Item).where(col(Item.closed_at).is_(None), col(Item.subject).startswith(prefix))
    for item in session.exec(query).all():
        if item.subject not in still:
            item.state, item.closed_at, item.how = "matched", now, "it belongs to an attempt now"
            item.found_units = item.expected_units
            _append(session, item, why=item.how, now=now)
            counts.closed += 1
    session.flush()


def _latest(session: Session, subjects: Sequence[str]) -> Mapping[Key, Item]:
    newest = (
        select(func.max(col(Item.item_id)))
        .where(col(Item.subject).in_(subjects))
        .group_by(col(Item.subject), col(Item.matter))
    )
    rows = session.exec(
        select(Item).where(col(Item.item_id).in_(newest)).execution_options(populate_existing=True)
    )
    return {(item.subject, item.matter): item for item in rows}


def _says(item: Item, finding: Finding) -> bool:
    """Whether an item tells this already."""
    told = (item.state, item.expected_units, item.found_units)
    return told == (finding.state, Decimal(finding.expected.units), Decimal(finding.found.units))


def _open(
    session: Session, subject: str, finding: Finding, *, payment_attempt_id: str | None, now: datetime
) -> Item:
    agreed = finding.state == "matched"
    item = Item(
        subject=subject,
        matter=finding.matter,
        payment_attempt_id=payment_attempt_id,
        state=finding.state,
        asset=finding.expected.asset.code,
        expected_units=Decimal(finding.expected.units),
        found_units=Decimal(finding.found.units),
        day=finding.since.astimezone(UTC).date(),
        opened_at=now,
        closed_at=now if agreed else None,
        how=finding.why if agreed else None,
    )
    session.add(item)
    session.flush()
    _append(session, item, why=finding.why, now=now)
    return item


def _move(session: Session, item: Item, finding: Finding, *, now: datetime) -> None:
    item.state = finding.state
    item.expected_units = Decimal(finding.expected.units)
    item.found_units = Decimal(finding.found.units)
    if finding.state == "matched":
        item.closed_at, item.how = now, finding.why
    _append(session, item, why=finding.why, now=now)


def _append(session: Session, item: Item, *, why: str, now: datetime) -> None:
    assert item.item_id is not None
    places = session.exec(select(ItemState.place).where(ItemState.item_id == item.item_id)).all()
    session.add(
        ItemState(
            item_id=item.item_id,
            place=max(places, default=0) + 1,
            state=item.state,
            expected_units=item.expected_units,
            found_units=item.found_units,
            entered_at=now,
            why=why,
        )
    )
