"""A purchase whose money may leave again, on a rail that says what a test lets it say."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from ledger import balances, book, chart, credits, freezes
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from ledger.operations import Debit
from rails import catalog, purchase, reversals
from rails.conformance.fakes import FakeRail
from rails.models import (
    Activity,
    PaymentAttempt,
    PaymentException,
    PaymentReversal,
    PaymentReversalState,
    ReversalWatch,
)
from rails.rail import Rails

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AGENT = "agt_1"


@dataclass(frozen=True)
class Bought:
    """A purchase of five dollars on a rail that says what a test lets it say."""

    sessions: Sessions
    rail: FakeRail
    attempt_id: str
    reference: str

    @property
    def rails(self) -> Rails:
        return {self.rail.rail_id: self.rail}

    def settle(self) -> bool:
        """Pay it, and have the credits granted."""
        self.rail.pay(self.reference)
        return purchase.settle(
            self.sessions, self.rails, payment_attempt_id=self.attempt_id, now=NOON
        ).granted

    def look(self, *, now: datetime = NOON) -> reversals.Looked:
        return reversals.look(self.sessions, self.rails, payment_attempt_id=self.attempt_id, now=now)

    def rows(self) -> dict[str, tuple[str, int]]:
        """State and booked cents of everything that has left, or may."""
        with self.sessions() as session:
            return {
                row.reference: (row.state, row.booked_cents)
                for row in session.exec(select(PaymentReversal)).all()
                if row.payment_attempt_id == self.attempt_id
            }

    def history(self, reference: str) -> list[tuple[str, int]]:
        with self.sessions() as session:
            rows = session.exec(
                select(PaymentReversalState)
                .where(PaymentReversalState.reference == reference)
                .order_by(col(PaymentReversalState.change_id))
            ).all()
            return [(row.state, row.booked_cents) for row in rows]

    def open_items(self) -> list[tuple[str, int, int]]:
        with self.sessions() as session:
            rows = session.exec(select(PaymentException)).all()
            return [
                (row.kind, int(row.expected_units), int(row.received_units))
                for row in rows
                if row.closed_at is None and row.payment_attempt_id == self.attempt_id
            ]

    def clearing(self) -> int:
        """Cents that the rail owes the house; what was lost shows as less."""
        with self.sessions() as session:
            return -book.balance(session, account=chart.clearing(self.rail.rail_id)).units

    def look_at(self) -> datetime | None:
        with self.sessions() as session:
            return session.get_one(ReversalWatch, self.attempt_id).look_at

    def frozen(self) -> list[str]:
        with self.sessions() as session:
            return [each.reference for each in freezes.standing(session, agent_id=AGENT)]

    def spend(self, key: str, units: int) -> str:
        wish = Debit(key=key, agent_id=AGENT, actor="test", credits=Amount(units, CREDIT), job=key)
        return credits.perform(self.sessions, [wish], now=NOON)[0].code


def opened(sessions: Sessions, rail: FakeRail, *, agent_id: str = AGENT) -> Bought:
    """An open attempt to buy 500 credits."""
    attempt_id = buy(sessions, rail, agent_id)
    with sessions() as session:
        reference = session.get_one(PaymentAttempt, attempt_id).reference
    assert reference is not None
    return Bought(sessions, rail, attempt_id, reference)


def buy(sessions: Sessions, rail: FakeRail, agent_id: str = AGENT) -> str:
    rails = {rail.rail_id: rail}
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(
        sessions, rails, agent_id=agent_id, terms=terms, idempotency_key="q", now=NOON
    ).quote
    view = purchase.buy(
        sessions,
        rails,
        agent_id=agent_id,
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key="b",
        now=NOON,
    ).view
    assert view.attempt is not None
    return view.attempt.payment_attempt_id


def told(session: Session) -> list[str]:
    """What became of the purchase after its grant, in short words."""
    rows = session.exec(select(Activity.type).where(col(Activity.operation) == "credits")).all()
    return sorted(row.removeprefix("credits.payment_backed_") for row in rows if not row.endswith("granted"))


def state(sessions: Sessions) -> tuple[int, list[str]]:
    with sessions() as session:
        return balances.snapshot(session, agent_id=AGENT, now=NOON).posted.units, told(session)
