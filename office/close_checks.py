"""What has to be so before a month is closed, and what should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlmodel import Session, text

from ledger import periods
from ledger.money import USD, Amount
from ledger.periods import Month
from office.close_report import Report
from rails.reconciliation.matching import NO_BREAK

Standing = Literal["good", "warning", "blocker"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question, its answer, and where to look. A blocker has to go; a warning needs a reason."""

    name: str
    standing: Standing
    said: str
    path: str | None = None


def of_month(session: Session, month: Month, *, now: datetime) -> list[Check]:
    """What can be told at once, without reading the month itself."""
    return [
        _over(month, now),
        _turn(session, month, now),
        _sealed(session, month),
        _reconciled(session, month),
        *_left_open(session, month),
    ]


def of_report(report: Report) -> Iterator[Check]:
    """What the report itself tells."""
    book, stripe = report["book"], report["witnesses"]["stripe"]
    wrong = book["contradictions"]
    yield Check(
        "The accounts add up", "blocker" if wrong else "good", "; ".join(wrong) or "every asset sums to zero"
    )
    left = stripe["not_booked"]
    yield Check(
        "What Stripe told is booked",
        "blocker" if left else "good",
        f"{left} movements wait to be booked: run a reconciliation" if left else "every movement is",
        "/console/reconciliation",
    )
    for name, account, told in (
        ("Stripe's balance is in the book", "processor:stripe", stripe["balance_cents"]),
        ("What Stripe paid out is in the book", "bank", stripe["paid_out_cents"]),
    ):
        held = -next((each["closing"] for each in book["accounts"] if each["account"] == account), 0)
        said = f"{Amount(told, USD)} by Stripe, {Amount(held, USD)} in the book"
        yield Check(name, "good" if told == held else "warning", said, "/console/reconciliation")


def _over(month: Month, now: datetime) -> Check:
    over = month.ends_at <= now
    return Check(
        "The month is over",
        "good" if over else "blocker",
        f"it ended {month.ends_at:%Y-%m-%d}" if over else f"it ends {month.ends_at:%Y-%m-%d}, 00:00 UTC",
    )


def _turn(session: Session, month: Month, now: datetime) -> Check:
    last = periods.last_closed(session)
    if last is None:
        first = periods.next_to_close(session, now=now)
        # Nothing is left out if a later one is closed first: what happened before is its opening.
        return Check("It is its turn", "good", f"the first close; the book begins in {first}")
    if month <= last:
        return Check("It is its turn", "blocker", f"{last} is closed already", f"/console/periods/{last}")
    if month > last.next:
        return Check("It is its turn", "blocker", f"{last.next} comes first", f"/console/periods/{last.next}")
    return Check("It is its turn", "good", f"{last} was closed last")


# Along the order of sealing: only what came after the last leaf is read.
_UNSEALED: Final = text(
    """
    WITH last AS (
        SELECT xid, transaction_id FROM seal_leaf ORDER BY seal DESC, place DESC LIMIT 1
    )
    SELECT count(*)
    FROM (
        SELECT told.id
        FROM ledger_transaction AS told
        WHERE (told.xid, told.id) > (
                coalesce((SELECT xid FROM last), '0'), coalesce((SELECT transaction_id FROM last), 0)
            )
            AND told.effective_at < :ends_at
        ORDER BY told.xid, told.id
        LIMIT 1000
    ) AS waiting
    """
)


def _sealed(session: Session, month: Month) -> Check:
    left = session.connection().execute(_UNSEALED, {"ends_at": month.ends_at}).scalar_one()
    # Of more than a thousand, it is enough to know that there are many.
    said = f"{left} transactions wait for their seal: try again in a moment" if left else "every transaction"
    return Check("The month is sealed", "blocker" if left else "good", said)


_READ: Final = text("SELECT max(read_until) FROM reconciliation_cursor")


def _reconciled(session: Session, month: Month) -> Check:
    until: datetime | None = session.connection().execute(_READ).scalar_one()
    read = until is not None and until >= month.ends_at
    said = "no reconciliation has run" if until is None else f"read until {until:%Y-%m-%d %H:%M} UTC"
    name = "Stripe's books were read to the end of the month"
    return Check(name, "good" if read else "warning", said, "/console/reconciliation")


# Only open ones, of which each index holds no others.
_OPEN: Final = {
    "Exceptions of the month that are open": (
        text("SELECT count(*) FROM payment_exception WHERE closed_at IS NULL AND opened_at < :ends_at"),
        "/console/exceptions",
    ),
    "Breaks of the month that are open": (
        text(
            """
            SELECT count(*) FROM reconciliation_item
            WHERE closed_at IS NULL AND day < :first_after AND state <> ALL (:no_break)
            """
        ),
        "/console/reconciliation",
    ),
    "Notices of the month that are not handled": (
        text(
            """
            SELECT
                (SELECT count(*) FROM notice WHERE try_at IS NOT NULL AND received_at < :ends_at)
                + (SELECT count(*) FROM notice WHERE state = 'dead' AND received_at < :ends_at)
            """
        ),
        "/console/inbox",
    ),
}


def _left_open(session: Session, month: Month) -> Iterator[Check]:
    given: dict[str, Any] = {
        "ends_at": month.ends_at,
        "first_after": month.next.first,
        "no_break": sorted(NO_BREAK),
    }
    for name, (query, path) in _OPEN.items():
        wanted = {key: given[key] for key in given if f":{key}" in query.text}
        left = session.connection().execute(query, wanted).scalar_one()
        yield Check(name, "warning" if left else "good", f"{left} of them" if left else "none is left", path)
