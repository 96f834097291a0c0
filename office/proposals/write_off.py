"""Writing an exception off: nobody gets credits for it, and whole cents that came are booked as unclaimed."""

from dataclasses import dataclass
from typing import ClassVar, Self

from sqlmodel import Session

from ledger.money import ASSETS, Amount
from office.proposals import typed
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import NotPossible
from rails import exceptions, resolutions
from rails.choices import Action, Choice
from rails.exceptions import Case
from rails.resolutions import Decision


@dataclass(frozen=True, slots=True)
class WriteOff:
    """An exception, how much had come of it when it was proposed, and what of that is booked."""

    kind: ClassVar[Kind] = "write_off"
    exception_id: int
    cents: Amount
    received: str

    @classmethod
    def typed(cls, session: Session, fields: Fields, order: Order) -> Self:
        """What a person named, and how it stands.

        raises: BadProposal, ExceptionNotFound, NotPossible
        """
        exception_id = typed.number(fields, "exception_id")
        case = exceptions.case(session, exception_id, now=order.now)
        chosen = allowed(case, "write_off")
        return cls(exception_id, chosen.cents, str(case.line.received.units))

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        cents = Amount(int(str(kept["cents"])), ASSETS["USD"])
        return cls(int(str(kept["exception_id"])), cents, str(kept["received_units"]))

    def kept(self) -> Kept:
        """How the database keeps it. Another token's units may be more than a number can be."""
        return {
            "exception_id": self.exception_id,
            "cents": self.cents.units,
            "received_units": self.received,
        }

    @property
    def about(self) -> tuple[str, str]:
        """The exception."""
        return "exception", str(self.exception_id)

    @property
    def size(self) -> Amount:
        """What is booked of it."""
        return self.cents

    @property
    def title(self) -> str:
        """What would be done."""
        return f"write off exception {self.exception_id}, {self.cents} as unclaimed"

    def carry_out(self, session: Session, order: Order) -> Done:
        """Decide the exception, once.

        raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile; NotPossible
        """
        case = exceptions.case(session, self.exception_id, now=order.now)
        asset = ASSETS.get(case.line.received.asset.code)
        seen = Amount(int(self.received), asset) if asset is not None else None
        decision = Decision(self.exception_id, actor=order.actor, reason=order.reason, seen=seen)
        done = resolutions.write_off(session, decision, now=order.now)
        if done.replayed:
            raise NotPossible(f"exception {self.exception_id} was written off by somebody else")
        if done.cents != self.cents:
            raise NotPossible(f"{done.cents} of it would be written off now, and not {self.cents}")
        told = (done.ledger_transaction_id,) if done.ledger_transaction_id is not None else ()
        return Done(f"{done.cents} written off", told)


def allowed(case: Case, action: Action) -> Choice:
    """What resolving an exception so would do now.

    raises: NotPossible
    """
    number = case.line.exception_id
    if case.line.item.closed_at is not None:
        raise NotPossible(f"exception {number} is closed: {case.line.item.resolution}")
    chosen = case.choices[action]
    if not chosen.allowed:
        raise NotPossible(f"exception {number} cannot be resolved so: {chosen.why}")
    return chosen
