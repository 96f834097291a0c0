"""The book as a journal: what every account held, the transactions that moved something, and what it holds.

All of it is read from one state of the database, and a few rows are in memory at a time.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlmodel import Session, text

from ledger import reports
from ledger.money import ASSETS, Amount
from ledger.statements import MOMENT
from office.exports import snapshot
from office.exports.scope import Scope

_ACCOUNTS: Final = text("SELECT account.name, account.asset FROM account ORDER BY account.name")
# As the trial balance, but each agent on a line of its own.
_HELD: Final = text(
    """
    SELECT account.name, account.asset, CAST(sum(line.posted) AS bigint)
    FROM account
    JOIN balance ON balance.account_id = account.id
    CROSS JOIN LATERAL (
        SELECT balance.posted
        WHERE balance.last_at <= :at
        UNION ALL
        SELECT past.posted
        FROM shards_at(account.id, :at) AS past
        WHERE balance.last_at > :at
            AND past.shard = balance.shard
    ) AS line (posted)
    GROUP BY account.id
    ORDER BY account.id
    """
)
# Holds set credits aside and move none.
_MOVED: Final = text(
    """
    SELECT
        told.id, told.reference, told.kind, told.actor, told.created_at, told.effective_at,
        account.name, entry.asset, entry.amount
    FROM ledger_transaction AS told
    JOIN entry ON entry.transaction_id = told.id
    JOIN account ON account.id = entry.account_id
    WHERE told.created_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND told.created_at < :ends_at
        AND entry.amount <> 0
    ORDER BY told.id, entry.leg
    """
)


class Posting(NamedTuple):
    """What an account got; as accountants write it, debits are positive."""

    account: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Told:
    """One transaction that moved something."""

    transaction_id: int
    reference: str
    kind: str
    actor: str
    booked_at: datetime
    effective_at: datetime
    postings: Sequence[Posting]


class _Moved(NamedTuple):
    transaction_id: int
    reference: str
    kind: str
    actor: str
    booked_at: datetime
    effective_at: datetime
    account: str
    asset: str
    units: int


def accounts(session: Session) -> Iterator[tuple[str, str]]:
    """Every account and the code of its asset, in order of name."""
    for name, asset in snapshot.rows(session, _ACCOUNTS, {}):
        yield str(name), str(asset)


def opening(session: Session, scope: Scope) -> Iterator[Posting]:
    """What accounts held when the period began; nothing if it is the beginning."""
    if scope.begins_at is not None:
        yield from (each for each in held(session, at=scope.begins_at - MOMENT) if each.amount.units)


def closing(session: Session, scope: Scope) -> Iterator[Posting]:
    """What accounts hold when the period ends."""
    return held(session, at=scope.ends_at - MOMENT)


def agents(session: Session, scope: Scope) -> Amount | None:
    """What all agents hold together at the end, by the trial balance; None if there are none."""
    trial = reports.trial_balance(session, at=scope.ends_at - MOMENT)
    return next((-line.amount for line in trial.lines if line.account == reports.AGENTS), None)


def held(session: Session, *, at: datetime) -> Iterator[Posting]:
    """What every account held at a moment, by the time of booking."""
    for name, asset, units in snapshot.rows(session, _HELD, {"at": at}):
        assert isinstance(units, int)
        yield Posting(str(name), Amount(-units, ASSETS[str(asset)]))


def transactions(session: Session, scope: Scope) -> Iterator[Told]:
    """The transactions of the period that moved something, in the order of their numbers."""
    rows = (_Moved._make(row) for row in snapshot.rows(session, _MOVED, scope.given()))
    for _, legs in itertools.groupby(rows, key=lambda row: row.transaction_id):
        moved = list(legs)
        first = moved[0]
        yield Told(
            transaction_id=first.transaction_id,
            reference=first.reference,
            kind=first.kind,
            actor=first.actor,
            booked_at=first.booked_at,
            effective_at=first.effective_at,
            postings=[Posting(row.account, Amount(-row.units, ASSETS[row.asset])) for row in moved],
        )


def about(session: Session, scope: Scope) -> int:
    """How many entries there may be, guessed without reading them."""
    return snapshot.about(session, _MOVED, scope.given())


def last_day(scope: Scope) -> str:
    """The day on which the period ends."""
    return f"{scope.ends_at - MOMENT:%Y-%m-%d}"


def day_after(scope: Scope) -> str:
    """The first day that is wholly after the period."""
    return f"{scope.ends_at - MOMENT + timedelta(days=1):%Y-%m-%d}"
