"""Two people at one desk: what one proposes, and the other decides."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlmodel import col, select

from ledger import audit as book_audit
from ledger import book
from ledger.database import Sessions
from office import operators
from office.actor import Actor
from office.models import AuditRow
from office.proposals import deciding, reading
from office.proposals.content import Kind
from office.proposals.deciding import Outcome
from tests.office.people import NOON, operator

AGENT = "agt_1"
LATER = NOON + timedelta(hours=1)
GOODWILL = {"agent_id": AGENT, "direction": "up", "credits": "250", "lapse_after": "2026-12-31"}
TAKEN = {"agent_id": AGENT, "direction": "down", "credits": "30"}


@dataclass
class Office:
    """A maker, a checker, and a third one."""

    sessions: Sessions
    ann: Actor
    bob: Actor
    eve: Actor

    @classmethod
    def opened(cls, sessions: Sessions) -> "Office":
        """Ann proposes; Bob and Eve may approve."""
        people = (operator(sessions, "finance", "ann"), *_approvers(sessions))
        return cls(sessions, *people)

    def propose(
        self,
        kind: Kind,
        fields: dict[str, str],
        *,
        by: Actor | None = None,
        key: str | None = None,
        evidence: str = "ticket 17",
        now: datetime = NOON,
    ) -> int:
        """The number of what somebody proposes."""
        with self.sessions() as session:
            return deciding.propose(
                session,
                kind=kind,
                fields=fields,
                reason="an outage on our side",
                evidence=evidence,
                key=key or uuid4().hex,
                by=by or self.ann,
                now=now,
            ).standing.proposal_id

    def approve(self, number: int, *, by: Actor | None = None, now: datetime = LATER) -> Outcome:
        """Have Bob approve it, or somebody else."""
        return deciding.approve(self.sessions, number, reason="I looked", by=by or self.bob, now=now)

    def state(self, number: int, *, now: datetime = LATER) -> str:
        """What became of it."""
        with self.sessions() as session:
            return reading.shown(session, number, now=now).state

    def holds(self, account: str) -> int:
        """What an account holds."""
        with self.sessions() as session:
            return book.balance(session, account=account).units

    def told(self) -> list[tuple[str, str, str]]:
        """What the audit log has of proposals, in order."""
        with self.sessions() as session:
            rows = session.exec(
                select(AuditRow).where(AuditRow.about_kind == "proposal").order_by(col(AuditRow.audit_id))
            ).all()
            return [(row.actor, row.action, row.outcome) for row in rows]

    def disable(self, who: Actor) -> None:
        """Let somebody in no more."""
        assert who.operator_id is not None
        with self.sessions() as session:
            operators.disable(session, who.operator_id, reason="left", by=Actor("tests"), now=NOON)

    def check_book(self) -> None:
        """The book agrees with its entries."""
        with self.sessions() as session:
            report = book_audit.verify(session)
        assert report.clean, list(report.lines())


def _approvers(sessions: Sessions) -> tuple[Actor, Actor]:
    return operator(sessions, "approver", "bob"), operator(sessions, "approver", "eve")
