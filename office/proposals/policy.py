"""Changing a policy while the house runs: from the decision on, for whatever begins after it."""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sqlmodel import Session, text

from ledger.money import USD, Amount
from office.proposals import typed
from office.proposals.alone import limit
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import BadProposal, NotPossible
from rails import kinds, promises
from rails.models import PolicyChange

ALONE: Final = "alone_most_cents"
NAMES: Final = {
    "underpaid": "what becomes of payments that are too small",
    "overpaid": "what becomes of payments that are too large",
    "topped_up": "what becomes of payments in several transfers",
    "late": "what becomes of payments after their time",
    ALONE: "what one operator may give away alone in a day",
}
"""The policies that two people may change, and what each is."""
_OUTCOMES: Final = ("review", "credit")
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('policy:' || :name, 0))")


def current(session: Session, name: str) -> str:
    """What a policy is now."""
    return str(limit(session).units) if name == ALONE else promises.of_today(session)[name]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy gets another value. `before` is what it was when that was proposed."""

    kind: ClassVar[Kind] = "policy"
    name: str
    before: str
    value: str

    @classmethod
    def typed(cls, session: Session, fields: Fields) -> Self:
        """What a person typed.

        raises: BadProposal
        """
        name = typed.text(fields, "name")
        if name not in NAMES:
            raise BadProposal(f"{name} is no policy that can be changed here")
        if name in kinds.BY_POLICY:
            value = typed.text(fields, "outcome")
            if value not in _OUTCOMES:
                raise BadProposal("outcome: review or credit")
        else:
            value = str(typed.dollars(fields, "amount").units)
        before = current(session, name)
        if before == value:
            raise BadProposal("that is what it is already")
        return cls(name, before, value)

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        return cls(str(kept["name"]), str(kept["before"]), str(kept["value"]))

    def kept(self) -> Kept:
        """How the database keeps it."""
        return {"name": self.name, "before": self.before, "value": self.value}

    @property
    def about(self) -> tuple[str, str]:
        """The policy."""
        return "policy", self.name

    @property
    def size(self) -> Amount:
        """No money moves."""
        return Amount(0, USD)

    @property
    def title(self) -> str:
        """What would be done."""
        return f"change {NAMES[self.name]} from {self._said(self.before)} to {self._said(self.value)}"

    def carry_out(self, session: Session, order: Order) -> Done:
        """Write the new value down, once.

        raises: NotPossible if it was changed meanwhile
        """
        session.connection().execute(_TURN, {"name": self.name})
        now_is = current(session, self.name)
        if now_is != self.before:
            raise NotPossible(f"it is {self._said(now_is)} now, and no longer {self._said(self.before)}")
        session.add(
            PolicyChange(
                name=self.name,
                before=self.before,
                value=self.value,
                proposal_id=order.proposal_id,
                changed_at=order.now,
            )
        )
        session.flush()
        return Done(f"{NAMES[self.name]} is {self._said(self.value)} now")

    def _said(self, value: str) -> str:
        return str(Amount(int(value), USD)) if self.name == ALONE else value
