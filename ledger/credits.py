"""The one way to move an agent's credits: `apply`, in one round trip; and what came of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, text

from ledger import operations
from ledger.database import Sessions
from ledger.errors import Malformed, OutOfRange, TryAgain
from ledger.money import CREDIT, Amount
from ledger.operations import Operation

DONE: Final = "done"
CONFLICT: Final = "conflict"
TRIES: Final = 20

_APPLY: Final = text("SELECT * FROM apply_operations(CAST(:given AS operation[]))")
# What a dry run saw used; a hold says by itself which lots it pins.
_BURNT: Final = text(
    """
    SELECT transaction_id, array_agg(lot_id ORDER BY place), array_agg(used ORDER BY place)
    FROM lot_entry
    WHERE transaction_id = ANY (:told) AND used > 0
    GROUP BY transaction_id
    """
)
_OUTCOME: Final = text("SELECT * FROM outcome_of(:key)")
_MALFORMED: Final[dict[str, type[Malformed]]] = {"PR003": Malformed, "22003": OutOfRange}
_SOMEBODY_WAS_FASTER: Final = frozenset({"23505", "40P01"})


@dataclass(frozen=True, slots=True)
class Standing:
    """What an agent has, right after one operation. `version` grows with every change."""

    version: int
    posted: Amount
    held: Amount

    @property
    def available(self) -> Amount:
        """What can be spent."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one operation, the same for ever. `code` is "done", "conflict" or why it was refused.

    `credits` is what was moved or set aside, or asked for if refused. After a conflict, which means that the
    key was used for something else, nothing else is told.
    """

    code: str
    replayed: bool
    transaction_id: int
    standing: Standing | None
    credits: Amount | None
    details: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """Whether it was carried out, now or before."""
        return self.code == DONE


def apply(session: Session, wanted: Sequence[Operation], *, now: datetime) -> list[Outcome]:
    """Carry out operations, each by itself, in one commit; the outcomes in their order.

    A refusal is an outcome, kept under its key. The agents' balance rows stay locked until the end of the
    caller's transaction: call it last, and once.

    raises: Malformed and OutOfRange, nothing was done; TryAgain, the transaction is lost and another was
        faster with one of the keys.
    """
    given = operations.encode(list(wanted), now=now)
    try:
        rows = session.connection().execute(_APPLY, {"given": given}).all()
    except DBAPIError as error:
        raise _translated(error) from error
    return [_outcome(row) for row in rows]


def apply_one(session: Session, wanted: Operation, *, now: datetime) -> Outcome:
    """`apply` for a single operation."""
    return apply(session, [wanted], now=now)[0]


def perform(sessions: Sessions, wanted: Sequence[Operation], *, now: datetime) -> list[Outcome]:
    """`apply` in a transaction of its own, and again if somebody was faster with one of the keys.

    raises: Malformed, OutOfRange; TryAgain if others were faster with one key after the other
    """
    for _ in range(TRIES - 1):
        try:
            with sessions() as session:
                return apply(session, wanted, now=now)
        except TryAgain:
            # Every time at least one key more has its outcome, which the next try finds.
            continue
    with sessions() as session:
        return apply(session, wanted, now=now)


def dry_run(session: Session, wanted: Sequence[Operation], *, now: datetime) -> list[Outcome]:
    """What `apply` would answer, and which lots would burn: done by the same code, and undone.

    Their ids are `lots` in the details, with as many `pins`: how many credits of each.
    """
    undone = session.begin_nested()
    try:
        return _with_lots(session, apply(session, wanted, now=now))
    finally:
        undone.rollback()


def outcome_of(session: Session, *, key: str) -> Outcome | None:
    """What came of the operation that was told under `key`; None if nobody told one."""
    row = session.connection().execute(_OUTCOME, {"key": key}).one_or_none()
    return None if row is None or row.outcome is None else _outcome(row)


def settle_due(session: Session, *, now: datetime, most: int = 100) -> int:
    """Expire what is due for up to `most` agents that nobody is busy with; for how many it was done."""
    statement = text("SELECT settle_all_due(:now, :most)")
    return int(session.connection().execute(statement, {"now": now, "most": most}).scalar_one())


def _with_lots(session: Session, told: list[Outcome]) -> list[Outcome]:
    ids = [outcome.transaction_id for outcome in told]
    burnt = {
        transaction_id: {"lots": lots, "pins": used}
        for transaction_id, lots, used in session.connection().execute(_BURNT, {"told": ids})
    }
    return [
        replace(outcome, details={**outcome.details, **burnt.get(outcome.transaction_id, {})})
        for outcome in told
    ]


def _outcome(row: Any) -> Outcome:
    details = row.details or {}
    standing = None
    if row.posted is not None:
        standing = Standing(row.version, Amount(row.posted, CREDIT), Amount(row.held, CREDIT))
    return Outcome(
        code=row.outcome,
        replayed=row.replayed,
        transaction_id=row.transaction_id,
        standing=standing,
        credits=None if row.credits is None else Amount(row.credits, CREDIT),
        details=json.loads(details) if isinstance(details, str) else details,
    )


def _translated(error: DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", "")
    if state in _SOMEBODY_WAS_FASTER:
        return TryAgain(str(error.orig).partition("\n")[0])
    malformed = _MALFORMED.get(state)
    return error if malformed is None else malformed(str(error.orig).partition("\n")[0])
