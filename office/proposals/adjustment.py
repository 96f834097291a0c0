"""Adjusting an agent's credits: goodwill that lapses one day, or credits that it should not have.

Up is promotional: nobody paid. Down earns nothing: what the credits were bought with is owed, unclaimed.
source: docs/accounting.md, Adjustments.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Self

from sqlmodel import Session, text

from ledger import chart, credits
from ledger.money import CREDIT, Amount
from ledger.operations import LARGEST, Deduct, Grant, Operation
from office.proposals import typed
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import BadProposal, NotPossible

_KNOWN = text(
    """
    SELECT EXISTS (SELECT FROM agent WHERE agent_id = :agent_id)
        OR EXISTS (SELECT FROM account WHERE name = :account)
    """
)
_REFUSALS = {
    "not_enough": "the agent has fewer credits than that which are not held",
    "unknown_account": "the agent was never given credits",
}


@dataclass(frozen=True, slots=True)
class Adjustment:
    """So many credits more until `expires_at`, or so many less."""

    kind: ClassVar[Kind] = "adjustment"
    agent_id: str
    direction: Literal["up", "down"]
    credits: Amount
    expires_at: datetime | None

    @classmethod
    def typed(cls, fields: Fields) -> Self:
        """What a person typed.

        raises: BadProposal
        """
        agent_id = typed.name(fields, "agent_id")
        amount = Amount(typed.number(fields, "credits", most=LARGEST), CREDIT)
        match fields.get("direction"):
            case "up":
                return cls(agent_id, "up", amount, typed.end_of_day(fields, "lapse_after"))
            case "down":
                return cls(agent_id, "down", amount, None)
            case _:
                raise BadProposal("direction: up or down")

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        until = kept.get("expires_at")
        return cls(
            agent_id=str(kept["agent_id"]),
            direction="up" if kept["direction"] == "up" else "down",
            credits=Amount(int(str(kept["credits"])), CREDIT),
            expires_at=datetime.fromisoformat(str(until)) if until else None,
        )

    def kept(self) -> Kept:
        """How the database keeps it."""
        until = {"expires_at": self.expires_at.isoformat()} if self.expires_at else {}
        told = {"agent_id": self.agent_id, "direction": self.direction, "credits": self.credits.units}
        return {**told, **until}

    @property
    def about(self) -> tuple[str, str]:
        """The agent."""
        return "agent", self.agent_id

    @property
    def size(self) -> Amount:
        """How many credits."""
        return self.credits

    @property
    def title(self) -> str:
        """What would be done."""
        count = f"{self.credits.units:,} credits"
        if self.expires_at is None:
            return f"take {count} from {self.agent_id}"
        return f"give {self.agent_id} {count} free of charge, until {self.expires_at:%Y-%m-%d %H:%M} UTC"

    def carry_out(self, session: Session, order: Order) -> Done:
        """Grant or deduct, once.

        raises: NotPossible
        """
        if self.expires_at is not None and self.expires_at <= order.now:
            raise NotPossible("these credits would have lapsed already")
        known = {"agent_id": self.agent_id, "account": chart.agent(self.agent_id)}
        if not session.connection().execute(_KNOWN, known).scalar_one():
            raise NotPossible(f"there is no agent {self.agent_id}")
        outcome = credits.apply_one(session, self._operation(order), now=order.now)
        if not outcome.done:
            raise NotPossible(_REFUSALS.get(outcome.code, f"the book refuses it: {outcome.code}"))
        assert not outcome.replayed, f"{order.key} was told before"
        moved = "given" if self.direction == "up" else "taken"
        return Done(f"{self.credits.units:,} credits {moved}", (outcome.transaction_id,))

    def _operation(self, order: Order) -> Operation:
        told = {"proposal_id": order.proposal_id}
        if self.direction == "down":
            return Deduct(
                key=order.key,
                agent_id=self.agent_id,
                actor=order.actor,
                credits=self.credits,
                metadata=told,
            )
        return Grant(
            key=order.key,
            agent_id=self.agent_id,
            actor=order.actor,
            credits=self.credits,
            promotional=True,
            expires_at=self.expires_at,
            metadata=told,
        )
