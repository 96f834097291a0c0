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


def lock(session: Session) -> None:
    """Be the only one who writes items, until the end of the caller's transaction."""
    session.connection().execute(_LOCK)


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
    lock(session)
    findings = list(found)
    latest = _latest(session, [subject for subject, _ in findings])
    moved: list[tuple[Item, str]] = []
    for subject, finding in findings:
        item = latest.get((subject, finding.matter))
        if item is not None and (_says(item, finding) or _explained(item, finding)):
            continue
        if item is None or item.closed_at is not None:
            item = _open(subject, finding, payment_attempt_id=subject if of_attempts else None, now=now)
            counts.opened += finding.state != "matched"
        else:
            _move(item, finding, now=now)
            counts.closed += finding.state == "matched"
        moved.append((item, finding.why))
    session.add_all([item for item, _ in moved])
    remember(session, moved, now=now)


def close_gone(
    session: Session, found: Iterable[tuple[str, Finding]], *, prefix: str, now: datetime, counts: Counts
) -> None:
    """Close the open items of subjects with this prefix that nobody finds any more: they have an owner."""
    lock(session)
    still = {subject for subject, _ in found}
    query = select(Item).where(col(Item.closed_at).is_(None), col(Item.subject).startswith(prefix))
    gone = [item for item in session.exec(query) if item.subject not in still]
    why = "it belongs to an attempt now"
    for item in gone:
        item.state, item.closed_at, item.how = "matched", now, why
        item.found_units = item.expected_units
        counts.closed += 1
    remember(session, [(item, why) for item in gone], now=now)


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


def _explained(item: Item, finding: Finding) -> bool:
    """Whether a person has explained these very amounts. Others are another difference."""
    amounts = (Decimal(finding.expected.units), Decimal(finding.found.units))
    return item.state == "explained" and (item.expected_units, item.found_units) == amounts


def _open(subject: str, finding: Finding, *, payment_attempt_id: str | None, now: datetime) -> Item:
    agreed = finding.state == "matched"
    return Item(
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


def _move(item: Item, finding: Finding, *, now: datetime) -> None:
    item.state = finding.state
    item.expected_units = Decimal(finding.expected.units)
    item.found_units = Decimal(finding.found.units)
    if finding.state == "matched":
        item.closed_at, item.how = now, finding.why


def remember(session: Session, moved: Sequence[tuple[Item, str]], *, now: datetime) -> None:
    """Append the state that each of these items is in now to its history. `lock` stays taken."""
    session.flush()
    places = dict(
        session.exec(
            select(ItemState.item_id, func.max(col(ItemState.place)))
            .where(col(ItemState.item_id).in_([item.item_id for item, _ in moved]))
            .group_by(col(ItemState.item_id))
        ).all()
    )
    for item, why in moved:
        assert item.item_id is not None
        session.add(
            ItemState(
                item_id=item.item_id,
                place=places.get(item.item_id, 0) + 1,
                state=item.state,
                expected_units=item.expected_units,
                found_units=item.found_units,
                entered_at=now,
                why=why,
            )
        )
    session.flush()
