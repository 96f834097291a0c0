"""What became of the credits of certain grants: the lots they made, and what each was used for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger.money import CREDIT, USD, Amount

MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a lot: `credits` and `cents` came to it, or left it if negative."""

    transaction_id: int
    what: str
    at: datetime
    actor: str
    job: str | None
    hold_id: str | None
    credits: Amount
    cents: Amount


@dataclass(frozen=True, slots=True)
class LotUse:
    """One lot as it stands: granted - spent - lapsed - taken back = left, of which `held` is set aside.

    `changes` are the newest, `more` tells whether there are older ones.
    """

    lot_id: int
    granted_in: int
    promotional: bool
    granted_at: datetime
    expires_at: datetime | None
    granted: Amount
    paid: Amount
    spent: Amount
    lapsed: Amount
    taken_back: Amount
    left: Amount
    held: Amount
    cents_left: Amount
    changes: tuple[Change, ...]
    more: bool

    @property
    def reconciles(self) -> bool:
        """Whether nothing of the grant is missing."""
        return self.granted - self.spent - self.lapsed - self.taken_back == self.left


_WHAT: Final = """
    CASE
        WHEN told.kind = 'grant' THEN 'granted'
        WHEN told.kind = 'lot_expiry' THEN 'lapsed'
        WHEN told.kind IN ('refund', 'clawback') THEN 'taken back'
        WHEN told.kind = 'reinstate' THEN 'given again'
        WHEN told.reverses IS NULL THEN 'spent'
        ELSE 'unwound'
    END
"""
_LOTS: Final = text(
    f"""
    SELECT
        lot.id, lot.granted_in, lot.promotional, lot.granted, lot.paid_cents, lot.held,
        lot.credits - lot.used AS left, lot.cents - lot.cents_used AS cents_left, granted.created_at,
        CASE WHEN lot.expires_at < 'infinity' THEN lot.expires_at END AS expires_at,
        -coalesce(sum(change.credits) FILTER (WHERE change.what IN ('spent', 'unwound')), 0)::bigint AS spent,
        -coalesce(sum(change.credits) FILTER (WHERE change.what = 'lapsed'), 0)::bigint AS lapsed,
        -coalesce(sum(change.credits) FILTER (WHERE change.what IN ('taken back', 'given again')), 0)::bigint
            AS taken_back
    FROM lot
    JOIN ledger_transaction AS granted ON granted.id = lot.granted_in
    LEFT JOIN LATERAL (
        SELECT {_WHAT} AS what, entry.credits - entry.used AS credits
        FROM lot_entry AS entry
        JOIN ledger_transaction AS told ON told.id = entry.transaction_id
        WHERE entry.lot_id = lot.id
    ) AS change ON true
    WHERE lot.granted_in = ANY(:ids)
    GROUP BY lot.id, granted.created_at
    ORDER BY lot.id
    """  # noqa: S608
)
_CHANGES: Final = text(
    f"""
    SELECT
        told.id AS transaction_id, {_WHAT} AS what, told.created_at, told.actor, hold.id AS hold_id,
        coalesce(hold.job, told.details ->> 'job', told.metadata ->> 'job') AS job,
        entry.credits - entry.used AS credits, entry.cents - entry.cents_used AS cents
    FROM lot_entry AS entry
    JOIN ledger_transaction AS told ON told.id = entry.transaction_id
    LEFT JOIN hold ON hold.id = told.details ->> 'hold'
    WHERE entry.lot_id = :lot_id
    ORDER BY entry.transaction_id DESC, entry.place DESC
    LIMIT :most
    """  # noqa: S608
)


def of_grants(session: Session, transaction_ids: Iterable[int], *, most: int = MOST) -> Sequence[LotUse]:
    """The lots that these transactions granted, each with at most `most` of its changes, the newest first."""
    rows = session.connection().execute(_LOTS, {"ids": sorted(set(transaction_ids))}).all()
    return [_lot(row, _changes(session, row.id, most=most + 1), most=most) for row in rows]


def _changes(session: Session, lot_id: int, *, most: int) -> Sequence[Change]:
    return [
        Change(
            transaction_id=row.transaction_id,
            what=row.what,
            at=row.created_at,
            actor=row.actor,
            job=row.job,
            hold_id=row.hold_id,
            credits=Amount(row.credits, CREDIT),
            cents=Amount(row.cents, USD),
        )
        for row in session.connection().execute(_CHANGES, {"lot_id": lot_id, "most": most})
    ]


def _lot(row: Any, changes: Sequence[Change], *, most: int) -> LotUse:
    return LotUse(
        lot_id=row.id,
        granted_in=row.granted_in,
        promotional=row.promotional,
        granted_at=row.created_at,
        expires_at=row.expires_at,
        granted=Amount(row.granted, CREDIT),
        paid=Amount(row.paid_cents, USD),
        spent=Amount(row.spent, CREDIT),
        lapsed=Amount(row.lapsed, CREDIT),
        taken_back=Amount(row.taken_back, CREDIT),
        left=Amount(row.left, CREDIT),
        held=Amount(row.held, CREDIT),
        cents_left=Amount(row.cents_left, USD),
        changes=tuple(changes[:most]),
        more=len(changes) > most,
    )
