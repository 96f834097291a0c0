"""Reports over all accounts: the trial balance of a moment, and the roll-forward of a period."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger import history
from ledger.errors import Malformed
from ledger.money import ASSETS, CREDIT, USD, Amount
from ledger.statements import MOMENT

AGENTS: Final = "agents"
"""The line of the trial balance that sums all agents."""


@dataclass(frozen=True, slots=True)
class TrialLine:
    """What one house account holds, or all agents together."""

    account: str
    amount: Amount

    @property
    def debit(self) -> Amount:
        """The amount if it stands on the left: negative in the book, an asset or an expense."""
        return max(-self.amount, Amount(0, self.amount.asset))

    @property
    def credit(self) -> Amount:
        """The amount if it stands on the right: positive in the book, a liability or income."""
        return max(self.amount, Amount(0, self.amount.asset))


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts at one moment; the lines of every asset sum to zero."""

    at: datetime
    lines: tuple[TrialLine, ...]

    def of(self, account: str, *, default: Amount) -> Amount:
        """What one line holds, `default` if the account was never opened."""
        return next((line.amount for line in self.lines if line.account == account), default)

    @property
    def sums(self) -> tuple[Amount, ...]:
        """What is left over in each asset: zero, or the book is broken."""
        return tuple(
            sum((line.amount for line in self.lines if line.amount.asset == asset), Amount(0, asset))
            for asset in sorted({line.amount.asset for line in self.lines}, key=lambda each: each.code)
        )

    @property
    def balances(self) -> bool:
        """Whether every asset sums to zero."""
        return not any(left.units for left in self.sums)


@dataclass(frozen=True, slots=True)
class Flow:
    """Credits outstanding and the money owed for them (deferred revenue), or a change of both."""

    credits: Amount
    cents: Amount

    def __add__(self, other: "Flow") -> "Flow":
        return Flow(self.credits + other.credits, self.cents + other.cents)


@dataclass(frozen=True, slots=True)
class Movement:
    """One line between opening and closing; `source` is where the money of grants came to."""

    what: str
    source: str | None
    flow: Flow


@dataclass(frozen=True, slots=True)
class RollForward:
    """What was owed in service at the beginning of a period, how it changed, and what is owed at its end.

    What agents hold and `prepaid_liability` are read from the trial balances of both ends, the movements
    from the entries between them: `reconciles` is a proof, not a definition.
    """

    begins_at: datetime
    ends_at: datetime
    opening: Flow
    movements: tuple[Movement, ...]
    closing: Flow

    @property
    def reconciles(self) -> bool:
        """Whether opening and movements give the closing."""
        return sum((each.flow for each in self.movements), self.opening) == self.closing


# Agents whose newest entry is older need no search.
_TRIAL: Final = text(
    """
    SELECT CASE WHEN account.class_name = 'agent' THEN 'agents' ELSE account.name END, account.asset,
        sum(line.posted)::bigint AS units
    FROM account
    JOIN balance ON balance.account_id = account.id
    CROSS JOIN LATERAL (
        SELECT balance.posted WHERE balance.last_at <= :at
        UNION ALL
        SELECT past.posted
        FROM shards_at(account.id, :at) AS past
        WHERE balance.last_at > :at
            AND past.shard = balance.shard
    ) AS line (posted)
    GROUP BY 1, 2
    ORDER BY account.asset, 1
    """
)

WHAT: Final = """
        CASE
            WHEN event.kind = 'grant' THEN 'granted'
            WHEN event.kind IN ('debit', 'capture', 'hold_expiry') AND event.reverses IS NULL THEN 'spent'
            WHEN event.kind IN ('unwind', 'capture') THEN 'unwound'
            WHEN event.kind = 'lot_expiry' THEN 'expired'
            WHEN event.kind IN ('refund', 'clawback') THEN 'reversed'
            WHEN event.kind = 'reinstate' THEN 'reinstated'
            ELSE 'adjusted'
        END"""
"""In SQL, which movement of the roll-forward a transaction of the book, `event`, is."""

# Every change of what agents own has its other leg on issued, spent or expired; every change of what is owed
# for it is a leg of prepaid_liability. So the entries of four accounts between two moments tell the period.
_BOOKED: Final = """
    SELECT entry.transaction_id, account.asset, entry.amount
    FROM account
    CROSS JOIN LATERAL shards_at(account.id, :before) AS opening
    JOIN LATERAL shards_at(account.id, :until) AS closing ON closing.shard = opening.shard
    JOIN entry
        ON entry.account_id = account.id
        AND entry.shard = opening.shard
        AND entry.seq > opening.seq
        AND entry.seq <= closing.seq
    WHERE account.name IN ('issued', 'spent', 'expired', 'prepaid_liability')
"""
_HAPPENED: Final = """
    SELECT entry.transaction_id, account.asset, entry.amount
    FROM ledger_transaction AS told
    JOIN entry ON entry.transaction_id = told.id
    JOIN account ON account.id = entry.account_id
    WHERE told.effective_at >= :begins_at
        AND told.effective_at < :ends_at
        AND account.name IN ('issued', 'spent', 'expired', 'prepaid_liability')
"""
_MOVEMENTS: Final = """
    WITH told AS ({told}), moved AS (
        SELECT
            told.transaction_id,
            -coalesce(sum(told.amount) FILTER (WHERE told.asset = 'CREDIT'), 0)::bigint AS credits,
            coalesce(sum(told.amount) FILTER (WHERE told.asset = 'USD'), 0)::bigint AS cents
        FROM told
        GROUP BY told.transaction_id
    )
    SELECT
        {what} AS what,
        CASE
            WHEN event.kind <> 'grant' THEN NULL
            WHEN lot.promotional THEN 'promotional'
            ELSE coalesce(paid.name, 'nothing paid')
        END AS source,
        sum(moved.credits)::bigint AS credits,
        sum(moved.cents)::bigint AS cents
    FROM moved
    JOIN ledger_transaction AS event ON event.id = moved.transaction_id
    LEFT JOIN lot ON event.kind = 'grant' AND lot.granted_in = event.id
    LEFT JOIN LATERAL (
        SELECT account.name
        FROM entry
        JOIN account ON account.id = entry.account_id
        WHERE event.kind = 'grant'
            AND entry.transaction_id = event.id
            AND account.class_name = 'clearing'
    ) AS paid ON true
    GROUP BY 1, 2
"""
_BY_BOOKING: Final = text(_MOVEMENTS.format(told=_BOOKED, what=WHAT))
_BY_EFFECT: Final = text(_MOVEMENTS.format(told=_HAPPENED, what=WHAT))
_ORDER: Final = ("granted", "spent", "unwound", "expired", "reversed", "reinstated", "adjusted")


def trial_balance(session: Session, *, at: datetime) -> TrialBalance:
    """What every house account, and all agents together, held at `at` by the time of booking.

    raises: Malformed
    """
    history.require_zone(at)
    rows = session.connection().execute(_TRIAL, {"at": at}).all()
    return TrialBalance(
        at=at, lines=tuple(TrialLine(name, Amount(units, ASSETS[asset])) for name, asset, units in rows)
    )


def roll_forward(session: Session, *, begins_at: datetime, ends_at: datetime) -> RollForward:
    """How the credits outstanding and the deferred revenue changed from `begins_at` until before `ends_at`.

    All of it is read from one state of the database: the session must not have been used before in its
    transaction.

    raises: Malformed
    """
    history.require_zone(begins_at, ends_at)
    if ends_at < begins_at:
        raise Malformed("a period cannot end before it begins")
    session.connection().execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    opening, closing = (_owed(trial_balance(session, at=end - MOMENT)) for end in (begins_at, ends_at))
    given = {"before": begins_at - MOMENT, "until": ends_at - MOMENT}
    return RollForward(
        begins_at=begins_at,
        ends_at=ends_at,
        opening=opening,
        movements=_in_order(session.connection().execute(_BY_BOOKING, given).all()),
        closing=closing,
    )


def happened(session: Session, *, begins_at: datetime, ends_at: datetime) -> tuple[Movement, ...]:
    """The movements of what happened from `begins_at` until before `ends_at`, whenever it was booked."""
    given = {"begins_at": begins_at, "ends_at": ends_at}
    return _in_order(session.connection().execute(_BY_EFFECT, given).all())


def _in_order(rows: Iterable[Any]) -> tuple[Movement, ...]:
    movements = [
        Movement(row.what, row.source, Flow(Amount(row.credits, CREDIT), Amount(row.cents, USD)))
        for row in rows
    ]
    return tuple(sorted(movements, key=lambda each: (_ORDER.index(each.what), each.source or "")))


def _owed(trial: TrialBalance) -> Flow:
    return Flow(
        trial.of(AGENTS, default=Amount(0, CREDIT)),
        trial.of("prepaid_liability", default=Amount(0, USD)),
    )
