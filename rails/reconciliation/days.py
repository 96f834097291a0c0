"""Days by each witness, added up by the run that saw them change: a list of days reads a row for each."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from sqlmodel import Session, col, func, select, text

from rails.reconciliation import report
from rails.reconciliation.models import KeptDay

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOUCHED: Final = text(
    """
    SELECT (kept.created_at AT TIME ZONE 'UTC')::date AS day
    FROM stripe_booking AS booking
    JOIN stripe_balance_transaction AS kept ON kept.id = booking.balance_transaction_id
    WHERE booking.booked_at >= :since
    UNION
    SELECT (effective_at AT TIME ZONE 'UTC')::date FROM reconciliation_posting WHERE kept_at >= :since
    UNION
    SELECT (block_time AT TIME ZONE 'UTC')::date FROM deposit WHERE final_at >= :since
    UNION
    SELECT item.day
    FROM reconciliation_item_state AS told
    JOIN reconciliation_item AS item ON item.item_id = told.item_id
    WHERE told.entered_at >= :since
    ORDER BY 1
    """
)


def touched(session: Session, *, since: datetime | None) -> Sequence[date]:
    """The days of which something was booked, posted, final or found since then; all if `since` is None."""
    return session.connection().scalars(_TOUCHED, {"since": since or _EVER}).all()


def add_up(session: Session, days: Iterable[date], *, now: datetime) -> None:
    """Add these days up, each anew."""
    for day in days:
        begins_at = datetime.combine(day, time(), UTC)
        ends_at = begins_at + timedelta(days=1)
        totals = report.totals(session, begins_at=begins_at, ends_at=ends_at)
        moved = report.moved(session, begins_at=begins_at, ends_at=ends_at)
        session.merge(
            KeptDay(
                day=day,
                deposits=totals.deposits,
                deposited=Decimal(totals.deposited.units),
                gross=totals.gross.units,
                tax=totals.tax.units,
                fee=totals.fee.units,
                net=totals.net.units,
                returned=totals.returned.units,
                granted=totals.granted.units,
                taken_back=totals.taken_back.units,
                moved=[asdict(each) for each in moved],
                states=dict(report.states(session, day)),
                told_at=now,
            )
        )
    session.flush()


def last_told(session: Session) -> datetime | None:
    """When a run last added days up."""
    return session.exec(select(func.max(col(KeptDay.told_at)))).one()
