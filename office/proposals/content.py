"""What every kind of proposal has: what it is about, how it is kept, and what is done when it is approved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from sqlmodel import Session

from ledger.money import Amount

Kind = Literal["adjustment", "correction", "write_off", "refund", "take_back", "policy"]
Fields = Mapping[str, str]
"""What a person typed, by the name of the field."""
Kept = Mapping[str, object]
"""What the database keeps: texts, whole numbers, and lists of them."""


@dataclass(frozen=True, slots=True)
class Order:
    """An approved proposal on its way: `key` is told once for ever, `actor` is who the book says it was."""

    proposal_id: int
    reason: str
    now: datetime

    @property
    def key(self) -> str:
        """The idempotency key of whatever it does."""
        return f"proposal:{self.proposal_id}"

    @property
    def actor(self) -> str:
        """The two people stand in the proposal: it is what the book names."""
        return self.key


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: in words, and the transactions of the book and the refund that came of it."""

    words: str
    transactions: tuple[int, ...] = ()
    refund_id: str | None = None


class Content(Protocol):
    """What is proposed, frozen."""

    kind: ClassVar[Kind]

    @property
    def about(self) -> tuple[str, str]:
        """The kind and the id of what it is about."""
        ...

    @property
    def size(self) -> Amount:
        """How much it is about: credits, or dollars."""
        ...

    @property
    def title(self) -> str:
        """What would be done, in a sentence."""
        ...

    def kept(self) -> Kept:
        """How the database keeps it."""
        ...

    def carry_out(self, session: Session, order: Order) -> Done:
        """Do it, in the transaction of the decision.

        raises: NotPossible, OperatorError, BookError; the transaction is then to be rolled back.
        """
        ...
