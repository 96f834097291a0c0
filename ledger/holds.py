"""The holds of one agent, for reading: those that stand, and all that were placed, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger import chart, walk
from ledger.money import CREDIT, Amount
from ledger.walk import Stretch


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside for a job, and how that ended.

    `state` is open, captured, released, expired or charged; `captured` is what its end took of `credits`.
    `seq` is the entry that placed it.
    """

    seq: int
    hold_id: str
    job: str
    actor: str
    state: str
    in_flight: bool
    credits: Amount
    captured: Amount
    placed_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Open holds, those that run out first at the beginning. `next` is the hold after which it goes on."""

    holds: tuple[Hold, ...]
    next: str | None


_SHOWN: Final = """
    hold.id AS hold_id, hold.job, hold.state, hold.in_flight, hold.credits, hold.captured, hold.expires_at,
    placed.actor, placed.created_at AS placed_at, closed.created_at AS closed_at, closed.actor AS closed_by
"""
_OPEN: Final = text(
    f"""
    SELECT 0 AS seq, {_SHOWN}
    FROM hold
    JOIN ledger_transaction AS placed ON placed.id = hold.placed_in
    LEFT JOIN ledger_transaction AS closed ON closed.id = hold.closed_in
    WHERE hold.account_id = (SELECT id FROM account WHERE name = :account)
        AND hold.state = 'open'
        AND (hold.expires_at, hold.id) > (
            coalesce((SELECT last.expires_at FROM hold AS last WHERE last.id = :after), '-infinity'), :after
        )
    ORDER BY hold.expires_at, hold.id
    LIMIT :most
    """  # noqa: S608
)
_PLACED: Final = text(
    f"""
    SELECT placed.seq, {_SHOWN}
    FROM ({walk.BACK} AND entry.held > 0 AND told.kind = 'hold') AS placed
    JOIN hold ON hold.id = placed.details ->> 'hold'
    LEFT JOIN ledger_transaction AS closed ON closed.id = hold.closed_in
    ORDER BY placed.seq DESC
    LIMIT :most
    """  # noqa: S608
)


def standing(session: Session, *, agent_id: str, most: int, after: str | None = None) -> Page:
    """The agent's open holds, those that run out first at the beginning; after the hold `after` if given."""
    given = {"account": chart.agent(agent_id), "after": after or "", "most": most + 1}
    found = [_hold(row) for row in session.connection().execute(_OPEN, given)]
    return Page(tuple(found[:most]), found[most - 1].hold_id if len(found) > most else None)


def placed(session: Session, *, agent_id: str, most: int, before: int | None = None) -> Stretch[Hold]:
    """The holds that were placed, ended ones too, the newest first; before the entry `before` if given."""
    start = walk.start(session, agent_id=agent_id, before=before)
    rows = session.connection().execute(_PLACED, {**start.given, "most": most + 1})
    return walk.stretch([_hold(row) for row in rows], start=start, most=most)


def _hold(row: Any) -> Hold:
    return Hold(
        seq=row.seq,
        hold_id=row.hold_id,
        job=row.job,
        actor=row.actor,
        state=row.state,
        in_flight=row.in_flight,
        credits=Amount(row.credits, CREDIT),
        captured=Amount(row.captured, CREDIT),
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
    )
