"""Explain a balance: every credit back to its grant, every spend to its job, and what became of the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger import chart, history
from ledger.money import CREDIT, USD, Amount

_NOTHING: Final = Amount(0, CREDIT)
_TAKEN_BACK: Final = frozenset({"refund", "clawback"})
_SPENT: Final = "spent"


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of one lot: `credits` and `cents` came to it, or left it if negative.

    `what` is granted, spent, unwound, expired, refunded, reinstated or deducted. `key` names the transaction,
    and `reverses` the one that it takes back.
    """

    what: str
    lot_id: int
    transaction_id: int
    kind: str
    key: str
    reverses: str | None
    at: datetime
    credits: Amount
    cents: Amount


@dataclass(frozen=True, slots=True)
class LotStory:
    """The credits of one grant and what became of them. `key` is the grant's, for a purchase the attempt's.

    granted - spent - expired - refunded - deducted = left; `spent` is less what was unwound, `refunded` less
    what was reinstated. `cents_left` is what the unused credits were paid with.
    """

    lot_id: int
    key: str
    transaction_id: int
    granted_at: datetime
    promotional: bool
    priority: int
    expires_at: datetime | None
    granted: Amount
    paid: Amount
    spent: Amount
    expired: Amount
    refunded: Amount
    deducted: Amount
    left: Amount
    cents_left: Amount
    movements: tuple[Movement, ...]


@dataclass(frozen=True, slots=True)
class LotUse:
    """How many credits of a lot one spend used, and the cents that these were paid with."""

    lot_id: int
    credits: Amount
    cents: Amount


@dataclass(frozen=True, slots=True)
class Spend:
    """One debit or capture, or the charge of a hold whose time ran out, with the lots in the order of use.

    `unwound` is what was given back of it since. `job` is None only if nobody said what it was for.
    """

    transaction_id: int
    kind: str
    key: str
    at: datetime
    job: str | None
    hold_id: str | None
    credits: Amount
    unwound: Amount
    lots: tuple[LotUse, ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """Credits that are set aside: for a hold and its job, or because the lot `lot_id` has not begun."""

    hold_id: str | None
    job: str | None
    lot_id: int | None
    credits: Amount


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an agent has what it has after `version` entries."""

    agent_id: str
    at: datetime
    version: int
    posted: Amount
    held: Amount
    lots: tuple[LotStory, ...]
    spends: tuple[Spend, ...]
    aside: tuple[Aside, ...]

    @property
    def reconciles(self) -> bool:
        """Whether the lots sum to the balance, the spends to what they used, and `aside` to what is held."""
        spent = _sum(lot.spent for lot in self.lots)
        return (
            _sum(lot.left for lot in self.lots) == self.posted
            and _sum(spend.credits - spend.unwound for spend in self.spends) == spent
            and _sum(kept.credits for kept in self.aside) == self.held
            and all(
                lot.granted - lot.spent - lot.expired - lot.refunded - lot.deducted == lot.left
                for lot in self.lots
            )
        )


# Every row is found by a key, from the entries of the agent on, and none of what is read ever changes: so the
# version alone makes it one state of the book.
_TOLD: Final = """
    SELECT entry.seq, entry.held, told.*
    FROM account
    JOIN entry ON entry.account_id = account.id AND entry.shard = 0 AND entry.seq <= :version
    JOIN ledger_transaction AS told ON told.id = entry.transaction_id
    WHERE account.name = :account
"""

_MOVEMENTS: Final = text(
    f"""
    SELECT
        told.id AS transaction_id, told.kind, told.reference AS key, undone.reference AS reverses,
        told.created_at, change.lot_id, change.credits - change.used AS credits,
        change.cents - change.cents_used AS cents,
        lot.promotional, lot.priority,
        CASE WHEN lot.expires_at < 'infinity' THEN lot.expires_at END AS expires_at,
        hold.id AS hold_id, coalesce(hold.job, told.details ->> 'job', told.metadata ->> 'job') AS job
    FROM ({_TOLD}) AS told
    JOIN lot_entry AS change ON change.transaction_id = told.id
    JOIN lot ON lot.id = change.lot_id
    LEFT JOIN hold ON hold.id = told.details ->> 'hold'
    LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses
    ORDER BY told.seq, change.place
    """  # noqa: S608
)

_ASIDE: Final = text(
    f"""
    SELECT hold.id AS hold_id, hold.job, kept.lot_id, kept.credits
    FROM (
        SELECT
            told.details ->> 'hold' AS hold_id,
            CASE WHEN told.details ? 'hold' THEN NULL ELSE (told.details ->> 'lot')::bigint END AS lot_id,
            sum(told.held)::bigint AS credits,
            min(told.seq) AS seq
        FROM ({_TOLD}) AS told
        WHERE told.held <> 0
        GROUP BY 1, 2
        HAVING sum(told.held) <> 0
    ) AS kept
    LEFT JOIN hold ON hold.id = kept.hold_id
    ORDER BY kept.seq
    """  # noqa: S608
)


def explain(session: Session, *, agent_id: str, at: datetime) -> Explanation:
    """Why the agent had what it had at `at`.

    raises: UnknownAccount if it was never given credits; Malformed
    """
    account = chart.agent(agent_id)
    then = history.balance_at(session, account=account, at=at)
    given = {"account": account, "version": then.version}
    rows = session.connection().execute(_MOVEMENTS, given).all()
    kept = session.connection().execute(_ASIDE, given).all()
    movements = [_movement(row) for row in rows]
    return Explanation(
        agent_id=agent_id,
        at=at,
        version=then.version,
        posted=then.posted,
        held=then.held,
        lots=tuple(
            _lot(row, [each for each in movements if each.lot_id == row.lot_id])
            for row in rows
            if row.kind == "grant"
        ),
        spends=_spends(rows, movements),
        aside=tuple(Aside(row.hold_id, row.job, row.lot_id, Amount(row.credits, CREDIT)) for row in kept),
    )


def what(row: Any) -> str:
    """What a change of a lot was, by the `kind` of its transaction and what that `reverses`."""
    if row.kind == "grant":
        return "granted"
    if row.kind == "lot_expiry":
        return "expired"
    if row.kind in _TAKEN_BACK:
        return "refunded"
    if row.kind == "reinstate":
        return "reinstated"
    if row.kind == "deduct":
        return "deducted"
    return _SPENT if row.reverses is None else "unwound"


def _movement(row: Any) -> Movement:
    return Movement(
        what=what(row),
        lot_id=row.lot_id,
        transaction_id=row.transaction_id,
        kind=row.kind,
        key=row.key,
        reverses=row.reverses,
        at=row.created_at,
        credits=Amount(row.credits, CREDIT),
        cents=Amount(row.cents, USD),
    )


def _lot(granted: Any, movements: Sequence[Movement]) -> LotStory:
    def lost(*kinds: str) -> Amount:
        return -_sum(each.credits for each in movements if each.what in kinds)

    return LotStory(
        lot_id=granted.lot_id,
        key=granted.key,
        transaction_id=granted.transaction_id,
        granted_at=granted.created_at,
        promotional=granted.promotional,
        priority=granted.priority,
        expires_at=granted.expires_at,
        granted=Amount(granted.credits, CREDIT),
        paid=Amount(granted.cents, USD),
        spent=lost(_SPENT, "unwound"),
        expired=lost("expired"),
        refunded=lost("refunded", "reinstated"),
        deducted=lost("deducted"),
        left=-lost("granted", _SPENT, "unwound", "expired", "refunded", "reinstated", "deducted"),
        cents_left=sum((each.cents for each in movements), Amount(0, USD)),
        movements=tuple(movements),
    )


def _spends(rows: Sequence[Any], movements: Sequence[Movement]) -> tuple[Spend, ...]:
    uses: dict[int, list[LotUse]] = {}
    unwound: dict[str | None, Amount] = {}
    for each in movements:
        if each.what == _SPENT:
            used = LotUse(each.lot_id, -each.credits, -each.cents)
            uses.setdefault(each.transaction_id, []).append(used)
        elif each.what == "unwound":
            unwound[each.reverses] = unwound.get(each.reverses, _NOTHING) + each.credits
    told = {row.transaction_id: row for row in rows if row.transaction_id in uses}
    return tuple(
        Spend(
            transaction_id=transaction_id,
            kind=row.kind,
            key=row.key,
            at=row.created_at,
            job=row.job,
            hold_id=row.hold_id,
            credits=_sum(use.credits for use in uses[transaction_id]),
            unwound=unwound.get(row.key, _NOTHING),
            lots=tuple(uses[transaction_id]),
        )
        for transaction_id, row in told.items()
    )


def _sum(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, _NOTHING)
