"""Statements: what an account held, what came and went in a period, and what it holds at the end."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, text

from ledger import chart, history
from ledger.errors import Malformed, UnknownAccount
from ledger.money import Amount

MOMENT: Final = timedelta(microseconds=1)
MOST: Final = 1000
_ALL_SHARDS: Final = 32767


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a statement was read: all entries before `at`, and those at it in shards up to `shard`."""

    at: datetime
    shard: int

    @classmethod
    def parse(cls, written: str) -> "Position":
        """The position that `str` wrote.

        raises: Malformed
        """
        found = re.fullmatch(r"(\d{1,17})\.(\d{1,5})", written)
        if found is None:
            raise Malformed("a cursor is what the page before has told as its next")
        return cls(datetime(1970, 1, 1, tzinfo=UTC) + int(found[1]) * MOMENT, int(found[2]))

    def __str__(self) -> str:
        return f"{(self.at - datetime(1970, 1, 1, tzinfo=UTC)) // MOMENT}.{self.shard}"


@dataclass(frozen=True, slots=True)
class About:
    """What a line is about, as far as the book knows; `reverses` is the key of what it takes back."""

    hold_id: str | None = None
    job: str | None = None
    lot_id: int | None = None
    reverses: str | None = None

    def words(self) -> str:
        """In one line, for people."""
        told = {
            "job": self.job,
            "hold": self.hold_id,
            "lot": self.lot_id,
            "reverses": self.reverses,
        }
        return ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `reference` is the key that it was told under: for a purchase, purchase:<payment attempt>.

    `balance` and `held` are the account's after it, summed over its shards; `seq` counts within one shard.
    """

    transaction_id: int
    at: datetime
    effective_at: datetime
    kind: str
    reference: str
    actor: str
    amount: Amount
    held_change: Amount
    balance: Amount
    held: Amount
    shard: int
    seq: int
    about: About


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of an account's entries: opening + lines = closing. `next` is where the next page begins.

    `opening` and `closing` are those of the page; only the last page closes with what the period does.
    """

    account: str
    begins_at: datetime
    ends_at: datetime
    opening: Amount
    opening_held: Amount
    closing: Amount
    closing_held: Amount
    period_closing: Amount
    period_closing_held: Amount
    lines: tuple[Line, ...]
    next: Position | None


# One statement sees one state of the database. Both ends are found by halving seq: time has no index.
_PAGE: Final = text(
    """
    WITH named AS (
        SELECT id FROM account WHERE name = :account
    ), opening AS (
        SELECT line.*
        FROM named CROSS JOIN LATERAL shards_at(named.id, :after) AS line
        WHERE line.shard <= :shard
        UNION ALL
        SELECT line.*
        FROM named CROSS JOIN LATERAL shards_at(named.id, :after - interval '1 microsecond') AS line
        WHERE line.shard > :shard
    ), closing AS (
        SELECT line.* FROM named CROSS JOIN LATERAL shards_at(named.id, :until) AS line
    ), picked AS (
        SELECT entry.*
        FROM opening
        JOIN closing USING (account_id, shard)
        CROSS JOIN LATERAL (
            SELECT entry.*
            FROM entry
            WHERE entry.account_id = opening.account_id
                AND entry.shard = opening.shard
                AND entry.seq > opening.seq
                AND entry.seq <= closing.seq
            ORDER BY entry.seq
            LIMIT :most
        ) AS entry
        ORDER BY entry.created_at, entry.shard
        LIMIT :most
    )
    SELECT
        (SELECT count(*) FROM named) AS opened,
        coalesce((SELECT sum(posted) FROM opening), 0)::bigint AS opening_posted,
        coalesce((SELECT sum(held) FROM opening), 0)::bigint AS opening_held,
        coalesce((SELECT sum(posted) FROM closing), 0)::bigint AS closing_posted,
        coalesce((SELECT sum(held) FROM closing), 0)::bigint AS closing_held,
        picked.transaction_id, picked.created_at, picked.amount, picked.held, picked.shard, picked.seq,
        told.kind, told.reference, told.actor, told.effective_at,
        hold.id AS hold_id,
        coalesce(hold.job, told.details ->> 'job', told.metadata ->> 'job') AS job,
        coalesce((told.details ->> 'lot')::bigint, reversal.lot_id) AS lot_id,
        undone.reference AS reverses
    FROM (VALUES (1)) AS page (number)
    LEFT JOIN picked ON true
    LEFT JOIN ledger_transaction AS told ON told.id = picked.transaction_id
    LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses
    LEFT JOIN hold ON hold.id = told.details ->> 'hold'
    LEFT JOIN reversal
        ON reversal.transaction_id = coalesce((told.details ->> 'reversal')::bigint, told.id)
    ORDER BY picked.created_at, picked.shard
    """
)


def page(
    session: Session,
    *,
    account: str,
    begins_at: datetime,
    ends_at: datetime,
    after: Position | None = None,
    most: int = MOST,
) -> Statement:
    """The entries booked from `begins_at` until before `ends_at`, at most `most`, beginning after `after`.

    The opening of a later page is the closing of the page before it.

    raises: UnknownAccount for an agent that was never given credits, or a name that is not in the chart;
        Malformed
    """
    chart.asset(account)
    history.require_zone(begins_at, ends_at)
    start = after or Position(begins_at - MOMENT, _ALL_SHARDS)
    _check(begins_at, ends_at, start, most)
    given = {
        "account": account,
        "after": start.at,
        "shard": start.shard,
        "until": ends_at - MOMENT,
        "most": most + 1,
    }
    rows = session.connection().execute(_PAGE, given).all()
    if not rows[0].opened and account.startswith("agent:"):
        raise UnknownAccount(account=account)
    return _statement(rows, account=account, begins_at=begins_at, ends_at=ends_at, most=most)


def pages(
    session: Session, *, account: str, begins_at: datetime, ends_at: datetime, most: int = MOST
) -> Iterator[Statement]:
    """Every page of the period, each read when it is asked for.

    raises: what `page` raises
    """
    after: Position | None = None
    while True:
        read = page(session, account=account, begins_at=begins_at, ends_at=ends_at, after=after, most=most)
        yield read
        if read.next is None:
            return
        after = read.next


def _check(begins_at: datetime, ends_at: datetime, start: Position, most: int) -> None:
    if ends_at < begins_at:
        raise Malformed("a period cannot end before it begins")
    if not begins_at - MOMENT <= start.at < ends_at + MOMENT:
        raise Malformed("the cursor belongs to another period")
    if not 0 < most <= MOST:
        raise Malformed(f"a page has between 1 and {MOST} lines")


def _statement(
    rows: Sequence[Any], *, account: str, begins_at: datetime, ends_at: datetime, most: int
) -> Statement:
    asset, first = chart.asset(account), rows[0]
    opening, opening_held = Amount(first.opening_posted, asset), Amount(first.opening_held, asset)
    lines: list[Line] = []
    balance, held = opening, opening_held
    for row in rows[:most]:
        if row.transaction_id is not None:
            balance += Amount(row.amount, asset)
            held += Amount(row.held, asset)
            lines.append(_line(row, balance=balance, held=held))
    more = len(rows) > most
    # The end of the period was read on its own: on the last page they must meet.
    assert more or (balance.units, held.units) == (first.closing_posted, first.closing_held)
    return Statement(
        account=account,
        begins_at=begins_at,
        ends_at=ends_at,
        opening=opening,
        opening_held=opening_held,
        closing=balance,
        closing_held=held,
        period_closing=Amount(first.closing_posted, asset),
        period_closing_held=Amount(first.closing_held, asset),
        lines=tuple(lines),
        next=Position(lines[-1].at, lines[-1].shard) if more else None,
    )


def _line(row: Any, *, balance: Amount, held: Amount) -> Line:
    asset = balance.asset
    return Line(
        transaction_id=row.transaction_id,
        at=row.created_at,
        effective_at=row.effective_at,
        kind=row.kind,
        reference=row.reference,
        actor=row.actor,
        amount=Amount(row.amount, asset),
        held_change=Amount(row.held, asset),
        balance=balance,
        held=held,
        shard=row.shard,
        seq=row.seq,
        about=About(hold_id=row.hold_id, job=row.job, lot_id=row.lot_id, reverses=row.reverses),
    )
