"""What an agent has: balance, holds and lots in one versioned snapshot."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlmodel import Session, col, select, text

from ledger import chart
from ledger.models import Account, PreviewDay
from ledger.money import CREDIT, USD, Amount


@dataclass(frozen=True, slots=True)
class LotLeft:
    """What is left of the grant told in the transaction `granted_in`; `cents` is what that cost."""

    lot_id: int
    granted_in: int
    promotional: bool
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    credits: Amount
    held: Amount
    cents: Amount


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Credits set aside for a job."""

    hold_id: str
    job: str
    credits: Amount
    in_flight: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Balance, holds and lots of one agent at one version. An agent nobody gave credits has version 0."""

    version: int
    posted: Amount
    held: Amount
    due_at: datetime | None
    holds: tuple[HoldOpen, ...]
    lots: tuple[LotLeft, ...]

    @property
    def available(self) -> Amount:
        """What can be spent."""
        return self.posted - self.held

    def free(self, *, promotional: bool) -> Amount:
        """What can be spent of the promotional lots, or of the bought ones."""
        kept = (lot.credits - lot.held for lot in self.lots if lot.promotional == promotional)
        return sum(kept, Amount(0, CREDIT))


@dataclass(frozen=True, slots=True)
class Standing:
    """The balance of one agent as it was booked last, without its holds and lots.

    From `due_at` on the clock has made something due that the book does next: then less, or more, is there.
    """

    version: int
    posted: Amount
    held: Amount
    due_at: datetime | None
    frozen: bool

    @property
    def available(self) -> Amount:
        """What can be spent."""
        return self.posted - self.held


_STANDING: Final = text(
    """
    SELECT
        balance.seq, balance.posted, balance.held, balance.frozen,
        CASE WHEN balance.due_at < 'infinity' THEN balance.due_at END AS due_at
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = :account
    """
)
# One statement sees one state of the database, however many rows it reads. Python's times know no infinity.
_SNAPSHOT: Final = text(
    """
    SELECT
        balance.seq, balance.posted, balance.held,
        CASE WHEN balance.due_at < 'infinity' THEN balance.due_at END,
        ARRAY(
            SELECT json_build_array(hold.id, hold.job, hold.credits, hold.in_flight, hold.expires_at)
            FROM hold
            WHERE hold.account_id = balance.account_id AND hold.state = 'open'
            ORDER BY hold.expires_at, hold.id
        ),
        ARRAY(
            SELECT json_build_array(
                lot.id, lot.granted_in, lot.promotional, lot.priority, lot.effective_at,
                CASE WHEN lot.expires_at < 'infinity' THEN lot.expires_at END,
                lot.credits - lot.used, lot.held, lot.cents - lot.cents_used
            )
            FROM lot
            WHERE lot.account_id = balance.account_id AND lot.open
            ORDER BY lot.priority, lot.expires_at, lot.promotional DESC, lot.id
        )
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = :account
    """
)
_SETTLE: Final = text("SELECT settle_agent(:agent, :now)")


def snapshot(session: Session, *, agent_id: str, now: datetime) -> Snapshot:
    """What the agent has at `now`: what the clock has made due is done first, by the book itself."""
    found = _read(session, agent_id)
    if found.due_at is not None and found.due_at <= now:
        session.connection().execute(_SETTLE, {"agent": agent_id, "now": now})
        found = _read(session, agent_id)
    return found


def standing(session: Session, *, agent_id: str) -> Standing | None:
    """What was booked last for the agent; None if it was never given credits. Nothing is done that is due."""
    row = session.connection().execute(_STANDING, {"account": chart.agent(agent_id)}).one_or_none()
    if row is None:
        return None
    return Standing(row.seq, Amount(row.posted, CREDIT), Amount(row.held, CREDIT), row.due_at, row.frozen)


def preview_jobs(session: Session, *, agent_id: str, day: date) -> int:
    """How many jobs the agent began on free credits alone on this day, in UTC."""
    found = session.exec(
        select(PreviewDay.jobs)
        .join(Account, col(Account.id) == col(PreviewDay.account_id))
        .where(col(Account.name) == chart.agent(agent_id), PreviewDay.day == day)
    )
    return found.one_or_none() or 0


def _read(session: Session, agent_id: str) -> Snapshot:
    row = session.connection().execute(_SNAPSHOT, {"account": chart.agent(agent_id)}).one_or_none()
    if row is None:
        return Snapshot(0, Amount(0, CREDIT), Amount(0, CREDIT), None, (), ())
    version, posted, held, due_at, holds, lots = row
    return Snapshot(
        version=version,
        posted=Amount(posted, CREDIT),
        held=Amount(held, CREDIT),
        due_at=due_at,
        holds=tuple(_hold(each) for each in holds),
        lots=tuple(_lot(each) for each in lots),
    )


def _hold(row: Any) -> HoldOpen:
    hold_id, job, units, in_flight, expires_at = row
    return HoldOpen(hold_id, job, Amount(units, CREDIT), in_flight, datetime.fromisoformat(expires_at))


def _lot(row: Any) -> LotLeft:
    lot_id, granted_in, promotional, priority, effective_at, expires_at, units, held, cents = row
    return LotLeft(
        lot_id=lot_id,
        granted_in=granted_in,
        promotional=promotional,
        priority=priority,
        effective_at=datetime.fromisoformat(effective_at),
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        credits=Amount(units, CREDIT),
        held=Amount(held, CREDIT),
        cents=Amount(cents, USD),
    )
