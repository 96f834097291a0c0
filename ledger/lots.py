"""The lots of one agent, a page at a time: what is left of each grant, and what each of them was used for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger import chart, explain
from ledger.money import CREDIT, USD, Amount


@dataclass(frozen=True, slots=True)
class Lot:
    """The credits of one grant as they stand. `key` is the grant's: for a purchase purchase:<attempt>.

    granted - taken_back - gone = left; `gone` was spent or has lapsed, and `held` is a part of `left`.
    `begins_at` is later than `granted_at` if it was granted for later.
    """

    lot_id: int
    transaction_id: int
    key: str
    actor: str
    granted_at: datetime
    begins_at: datetime
    expires_at: datetime | None
    promotional: bool
    priority: int
    granted: Amount
    paid: Amount
    taken_back: Amount
    gone: Amount
    held: Amount
    left: Amount
    cents_left: Amount
    open: bool
    pending: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Lots, the newest first. `next` is the lot after which the next page begins."""

    lots: tuple[Lot, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a lot: `credits` and `cents` came to it, or left it if negative.

    `what` is granted, spent, unwound, expired, refunded or reinstated; `reverses` is the key of what it takes
    back.
    """

    transaction_id: int
    what: str
    key: str
    reverses: str | None
    at: datetime
    actor: str
    job: str | None
    credits: Amount
    cents: Amount


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a lot, the newest first. `next` is the transaction before which the next page begins."""

    found: tuple[Change, ...]
    next: int | None


_LOT: Final = """
    SELECT
        lot.id, lot.granted_in, lot.effective_at, lot.promotional, lot.priority, lot.granted, lot.paid_cents,
        lot.credits, lot.used, lot.held, lot.cents, lot.cents_used, lot.open, lot.pending,
        CASE WHEN lot.expires_at < 'infinity' THEN lot.expires_at END AS expires_at,
        told.reference, told.actor, told.created_at
    FROM lot
    JOIN ledger_transaction AS told ON told.id = lot.granted_in
    WHERE lot.account_id = (SELECT id FROM account WHERE name = :account)
"""
_NEWEST: Final = text(f"{_LOT} AND lot.id < :before ORDER BY lot.id DESC LIMIT :most")
_NEXT_USED: Final = text(
    f"{_LOT} AND lot.open ORDER BY lot.priority, lot.expires_at, lot.promotional DESC, lot.id LIMIT :most"
)
_ONE: Final = text(f"{_LOT} AND lot.id = :lot_id")
# Its uses are found before anything is joined to them: the plan for any lot, which a prepared statement gets
# after some runs, would else pass the agent's whole history.
_CHANGES: Final = text(
    """
    WITH change AS MATERIALIZED (
        SELECT transaction_id, place, credits - used AS credits, cents - cents_used AS cents
        FROM lot_entry
        WHERE lot_id = (
                SELECT lot.id FROM lot
                WHERE lot.id = :lot_id AND lot.account_id = (SELECT id FROM account WHERE name = :account)
            )
            AND transaction_id < :before
        ORDER BY transaction_id DESC
        LIMIT :most
    )
    SELECT
        told.id AS transaction_id, told.kind, told.reference AS key, undone.reference AS reverses,
        told.created_at, told.actor, change.credits, change.cents,
        coalesce(hold.job, told.details ->> 'job', told.metadata ->> 'job') AS job
    FROM change
    JOIN ledger_transaction AS told ON told.id = change.transaction_id
    LEFT JOIN hold ON hold.id = told.details ->> 'hold'
    LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses
    ORDER BY told.id DESC, change.place DESC
    """
)
_LAST: Final = 2**63 - 1


def newest(session: Session, *, agent_id: str, most: int, before: int | None = None) -> Page:
    """The agent's lots, spent ones too, the newest first; those before the lot `before` if given."""
    given = {"account": chart.agent(agent_id), "before": before or _LAST, "most": most + 1}
    found = [_lot(row) for row in session.connection().execute(_NEWEST, given)]
    return Page(tuple(found[:most]), found[most - 1].lot_id if len(found) > most else None)


def next_used(session: Session, *, agent_id: str, most: int) -> Sequence[Lot]:
    """The lots with credits left, in the order in which they are used."""
    given = {"account": chart.agent(agent_id), "most": most}
    return [_lot(row) for row in session.connection().execute(_NEXT_USED, given)]


def one(session: Session, *, agent_id: str, lot_id: int) -> Lot | None:
    """This lot of this agent; None if it has none of this number."""
    given = {"account": chart.agent(agent_id), "lot_id": lot_id}
    row = session.connection().execute(_ONE, given).one_or_none()
    return _lot(row) if row is not None else None


def changes(session: Session, *, agent_id: str, lot_id: int, most: int, before: int | None = None) -> Changes:
    """What made the lot what it is, newest first, back to its grant; before a transaction if given."""
    given = {
        "account": chart.agent(agent_id),
        "lot_id": lot_id,
        "before": before or _LAST,
        "most": most + 1,
    }
    found = [_change(row) for row in session.connection().execute(_CHANGES, given)]
    return Changes(tuple(found[:most]), found[most - 1].transaction_id if len(found) > most else None)


def _lot(row: Any) -> Lot:
    return Lot(
        lot_id=row.id,
        transaction_id=row.granted_in,
        key=row.reference,
        actor=row.actor,
        granted_at=row.created_at,
        begins_at=row.effective_at,
        expires_at=row.expires_at,
        promotional=row.promotional,
        priority=row.priority,
        granted=Amount(row.granted, CREDIT),
        paid=Amount(row.paid_cents, USD),
        taken_back=Amount(row.granted - row.credits, CREDIT),
        gone=Amount(row.used, CREDIT),
        held=Amount(row.held, CREDIT),
        left=Amount(row.credits - row.used, CREDIT),
        cents_left=Amount(row.cents - row.cents_used, USD),
        open=row.open,
        pending=row.pending,
    )


def _change(row: Any) -> Change:
    return Change(
        transaction_id=row.transaction_id,
        what=explain.what(row),
        key=row.key,
        reverses=row.reverses,
        at=row.created_at,
        actor=row.actor,
        job=row.job,
        credits=Amount(row.credits, CREDIT),
        cents=Amount(row.cents, USD),
    )
