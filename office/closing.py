"""Closing a month: one person prepares it, another confirms it, and anybody can have it worked out again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select, text

from ledger import audit as book_audit
from ledger import periods, seals
from ledger.database import Sessions
from ledger.errors import NotClosable
from ledger.models import PeriodClose, PeriodDraft
from ledger.money import CREDIT, USD, Amount
from ledger.periods import Month
from office import audit, close_checks, close_report
from office.actor import Actor
from office.close_checks import Check
from office.close_report import Report

_MONTHS_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Preview:
    """The close of a month as it would be now, and what stands against it."""

    month: str
    report: Report
    control_hash: str
    checks: tuple[Check, ...]

    @property
    def blockers(self) -> tuple[Check, ...]:
        """What has to go before the month can be closed."""
        return tuple(each for each in self.checks if each.standing == "blocker")

    @property
    def warnings(self) -> tuple[Check, ...]:
        """What needs a reason."""
        return tuple(each for each in self.checks if each.standing == "warning")


@dataclass(frozen=True, slots=True)
class Draft:
    """A close that was prepared. `report` is what whoever confirms it agrees to."""

    draft_id: int
    month: str
    report: Report
    control_hash: str
    warnings: tuple[str, ...]
    reason: str | None
    prepared_by: str
    prepared_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """A month that is closed."""

    draft: Draft
    closed_by: str
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A month in the list: `open`, `over`, `prepared` or `closed`."""

    month: str
    state: str
    prepared_by: str | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    control_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A closed month that was worked out again; `differences` name the parts that are not as they were."""

    month: str
    kept: str
    worked_out: str
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether the book says today what it said then."""
        return self.kept == self.worked_out and not self.differences


def preview(sessions: Sessions, month: Month, *, now: datetime) -> Preview:
    """What closing `month` would say now. Reads the whole book; changes nothing."""
    with sessions() as session:
        periods.one_state(session)
        session.connection().execute(text("SET TRANSACTION READ ONLY"))
        return _preview(session, month, now=now)


def prepare(sessions: Sessions, month: Month, *, by: Actor, reason: str, now: datetime) -> Draft:
    """Work out the report of `month` and keep it, for another person to confirm. The book is verified first.

    raises: NotClosable: something stands against it, or a warning has no reason.
    """
    about = ("period", str(month))
    with audit.recorded(sessions, by, "period.prepare", about=about, reason=reason, now=now) as told:
        seals.seal_all(sessions, now=now)
        verified = _book_verified(sessions)
        with sessions() as session:
            snapshot = periods.one_state(session)
            found = _preview(session, month, now=now)
            _demand(found, verified, reason)
            row = PeriodDraft(
                month=month.first,
                report=found.report,
                control_hash=bytes.fromhex(found.control_hash),
                warnings=[f"{each.name}: {each.said}" for each in found.warnings],
                reason=reason.strip() or None,
                prepared_by=by.name,
                prepared_at=now,
                snapshot=snapshot,
            )
            session.add(row)
            session.flush()
            draft = _draft(row)
        told.after = {"draft_id": draft.draft_id, "control_hash": draft.control_hash}
    return draft


def confirm(session: Session, draft_id: int, *, by: Actor, now: datetime) -> Closed:
    """Close the month of the newest draft, for ever: from then on nothing is booked into it.

    raises: NotClosable
    """
    row = session.get(PeriodDraft, draft_id)
    if row is None:
        raise NotClosable(f"no close was prepared under the number {draft_id}")
    newest = _newest(session, Month(row.month))
    if newest is None or newest.draft_id != draft_id:
        raise NotClosable("it was prepared again since: look at the newer one")
    done = periods.close(session, row, by=by.name, now=now)
    after = {"draft_id": draft_id, "control_hash": row.control_hash.hex(), "prepared_by": row.prepared_by}
    audit.write(session, by, "period.close", about=("period", str(Month(row.month))), after=after, now=now)
    return Closed(_draft(row), done.closed_by, done.closed_at)


def verify(sessions: Sessions, month: Month) -> Verified:
    """Work the report of a closed month out again, from the book as it is now.

    raises: NotClosable if the month is not closed
    """
    with sessions() as session:
        periods.one_state(session)
        session.connection().execute(text("SET TRANSACTION READ ONLY"))
        closed = of(session, month)
        if closed is None:
            raise NotClosable(f"{month} is not closed")
        kept = closed.draft.report
        again = close_report.of(session, month, witnesses=kept["witnesses"])
    parts = {**{f"book.{name}": again["book"][name] for name in again["book"]}, "previous": again["previous"]}
    before = {
        **{f"book.{name}": kept["book"].get(name) for name in again["book"]},
        "previous": kept["previous"],
    }
    differences = [name for name, value in parts.items() if value != before[name]]
    if close_report.control_hash(kept).hex() != closed.draft.control_hash:
        differences.append("the report that was kept")
    return Verified(
        str(month),
        closed.draft.control_hash,
        close_report.control_hash(again).hex(),
        tuple(differences),
    )


def of(session: Session, month: Month) -> Closed | None:
    """The close of a month, if it is closed."""
    row = session.get(PeriodClose, month.first)
    if row is None:
        return None
    return Closed(_draft(session.get_one(PeriodDraft, row.draft_id)), row.closed_by, row.closed_at)


def prepared(session: Session, month: Month) -> Draft | None:
    """What was prepared last for a month."""
    found = _newest(session, month)
    return None if found is None else _draft(found)


def months(session: Session, *, now: datetime) -> Sequence[MonthLine]:
    """The newest months, the present one first."""
    closes = {
        row.month: row
        for row in session.exec(
            select(PeriodClose).order_by(col(PeriodClose.month).desc()).limit(_MONTHS_SHOWN)
        )
    }
    present = periods.month_of(now)
    first = min([Month(first) for first in closes] or [periods.next_to_close(session, now=now)])
    lines: list[MonthLine] = []
    month = present
    while month >= min(first, present.previous) and len(lines) < _MONTHS_SHOWN:
        lines.append(_line(session, month, closes.get(month.first), now=now))
        month = month.previous
    return lines


def amounts(flow: dict[str, int]) -> tuple[Amount, Amount]:
    """Credits and money of one line of a roll-forward."""
    return Amount(flow["credits"], CREDIT), Amount(flow["cents"], USD)


def _line(session: Session, month: Month, row: PeriodClose | None, *, now: datetime) -> MonthLine:
    if row is not None:
        return MonthLine(
            str(month), "closed", row.prepared_by, row.closed_by, row.closed_at, row.control_hash.hex()
        )
    draft = _newest(session, month)
    if draft is not None:
        return MonthLine(str(month), "prepared", draft.prepared_by)
    return MonthLine(str(month), "over" if month.ends_at <= now else "open")


def _preview(session: Session, month: Month, *, now: datetime) -> Preview:
    report = close_report.of(session, month)
    checks = (*close_checks.of_month(session, month, now=now), *close_checks.of_report(report))
    return Preview(str(month), report, close_report.control_hash(report).hex(), checks)


def _book_verified(sessions: Sessions) -> Check:
    with sessions() as session:
        found = book_audit.verify(session)
    said = "the book agrees with its entries" if found.clean else f"first broken: {found.drifts[0]}"
    return Check("The book is verified", "good" if found.clean else "blocker", said)


def _demand(found: Preview, verified: Check, reason: str) -> None:
    against = [each for each in (verified, *found.checks) if each.standing == "blocker"]
    if against:
        raise NotClosable("; ".join(f"{each.name}: no, {each.said}" for each in against))
    if found.warnings and not reason.strip():
        told = "; ".join(f"{each.name}: {each.said}" for each in found.warnings)
        raise NotClosable(f"say why it may be closed all the same: {told}")


def _newest(session: Session, month: Month) -> PeriodDraft | None:
    query = (
        select(PeriodDraft)
        .where(PeriodDraft.month == month.first)
        .order_by(col(PeriodDraft.draft_id).desc())
        .limit(1)
    )
    return session.exec(query).one_or_none()


def _draft(row: PeriodDraft) -> Draft:
    assert row.draft_id is not None
    report: dict[str, Any] = row.report
    return Draft(
        row.draft_id,
        str(Month(row.month)),
        report,
        row.control_hash.hex(),
        tuple(row.warnings),
        row.reason,
        row.prepared_by,
        row.prepared_at,
    )
