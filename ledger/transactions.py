"""Transactions as the book tells them: who told what, and its legs, debits beside credits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger.money import ASSETS, CREDIT, Amount


@dataclass(frozen=True, slots=True)
class Leg:
    """What came to one account, or left it if negative; `held` of it was set aside there."""

    account: str
    amount: Amount
    held: Amount

    @property
    def debit(self) -> Amount | None:
        """The amount if it stands on the left."""
        return -self.amount if self.amount.units < 0 else None

    @property
    def credit(self) -> Amount | None:
        """The amount if it stands on the right."""
        return self.amount if self.amount.units > 0 else None


@dataclass(frozen=True, slots=True)
class Told:
    """One transaction, or one refusal, which has an outcome other than done and no legs.

    `reverses` is the transaction that it takes back, `reversed_by` those that took it back. `seal` is None
    until it is sealed.
    """

    transaction_id: int
    key: str
    kind: str
    outcome: str
    actor: str
    agent_id: str | None
    credits: Amount | None
    effective_at: datetime
    created_at: datetime
    reverses: int | None
    reversed_by: tuple[int, ...]
    seal: int | None
    hash: str
    metadata: Mapping[str, Any]
    details: Mapping[str, Any]
    legs: tuple[Leg, ...]

    @property
    def sums(self) -> tuple[Amount, ...]:
        """What the legs sum to in each asset: zero, or the book is broken."""
        assets = {leg.amount.asset for leg in self.legs}
        return tuple(
            sum((leg.amount for leg in self.legs if leg.amount.asset == asset), Amount(0, asset))
            for asset in sorted(assets, key=lambda each: each.code)
        )

    @property
    def balances(self) -> bool:
        """Whether every asset sums to zero."""
        return not any(left.units for left in self.sums)


_TOLD: Final = text(
    """
    SELECT
        told.id, told.reference, told.kind, told.outcome, told.actor, told.credits, told.effective_at,
        told.created_at, told.reverses, told.metadata, told.details, encode(told.hash, 'hex') AS hash,
        CASE WHEN account.class_name = 'agent' THEN substr(account.name, 7) END AS agent_id,
        seal_leaf.seal,
        ARRAY(SELECT id FROM ledger_transaction WHERE reverses = told.id ORDER BY id) AS reversed_by
    FROM ledger_transaction AS told
    LEFT JOIN account ON account.id = told.account_id
    LEFT JOIN seal_leaf ON seal_leaf.transaction_id = told.id
    WHERE told.id = ANY(:ids)
    ORDER BY told.id
    """
)
# An account is written on one of its shards: whoever reads the book sees the account.
_LEGS: Final = text(
    """
    SELECT entry.transaction_id, account.name, entry.asset, sum(entry.amount)::bigint AS amount,
        sum(entry.held)::bigint AS held
    FROM entry
    JOIN account ON account.id = entry.account_id
    WHERE entry.transaction_id = ANY(:ids)
    GROUP BY entry.transaction_id, account.name, entry.asset
    ORDER BY entry.transaction_id, entry.asset, min(entry.leg)
    """
)


def told(session: Session, transaction_ids: Iterable[int]) -> Sequence[Told]:
    """These transactions, in the order in which they were told; what there is none of is left out."""
    given = {"ids": sorted(set(transaction_ids))}
    legs: dict[int, list[Leg]] = {}
    for row in session.connection().execute(_LEGS, given):
        asset = ASSETS[row.asset]
        leg = Leg(row.name, Amount(row.amount, asset), Amount(row.held, asset))
        legs.setdefault(row.transaction_id, []).append(leg)
    return [_told(row, legs.get(row.id, [])) for row in session.connection().execute(_TOLD, given)]


def _told(row: Any, legs: Sequence[Leg]) -> Told:
    return Told(
        transaction_id=row.id,
        key=row.reference,
        kind=row.kind,
        outcome=row.outcome,
        actor=row.actor,
        agent_id=row.agent_id,
        credits=Amount(row.credits, CREDIT) if row.credits is not None else None,
        effective_at=row.effective_at,
        created_at=row.created_at,
        reverses=row.reverses,
        reversed_by=tuple(row.reversed_by),
        seal=row.seal,
        hash=row.hash,
        metadata=row.metadata,
        details=row.details or {},
        legs=tuple(legs),
    )
