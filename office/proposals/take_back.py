"""Taking back credits whose money the chain took back: the same as a refund, but that nothing has to leave.

The grants that decisions made of that payment are reversed, the newest first: their unused credits go, the
used part is receivable, and what the rail was to have received is no longer to be had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sqlmodel import Session, col, select

from ledger import chart, credits
from ledger.models import Transaction
from ledger.money import USD, USDC, Amount
from ledger.operations import Operation
from ledger.operations import Refund as Reversal
from office.proposals import typed
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import NotPossible
from rails import activity, exceptions, pricing, resolutions
from rails.models import ExceptionAction, PaymentAttempt, PaymentException, Receipt
from rails.resolutions import Decision

_REFUSALS: Final = {"exceeds_purchase": "more than was paid for is taken back of it already"}


@dataclass(frozen=True, slots=True)
class TakeBack:
    """An exception of the kind `taken_back`, and how much of what was credited has gone."""

    kind: ClassVar[Kind] = "take_back"
    exception_id: int
    agent_id: str
    cents: Amount

    @classmethod
    def typed(cls, session: Session, fields: Fields, order: Order) -> Self:
        """What a person named, and how it stands.

        raises: BadProposal, ExceptionNotFound, NotPossible
        """
        exception_id = typed.number(fields, "exception_id")
        line = exceptions.case(session, exception_id, now=order.now).line
        if line.attempt is None or line.item.kind != "taken_back" or line.item.closed_at is not None:
            raise NotPossible(f"exception {exception_id} is not open, or nothing was taken back")
        return cls(exception_id, line.attempt.agent_id, _gone(line.item))

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        cents = Amount(int(str(kept["cents"])), USD)
        return cls(int(str(kept["exception_id"])), str(kept["agent_id"]), cents)

    def kept(self) -> Kept:
        """How the database keeps it."""
        return {"exception_id": self.exception_id, "agent_id": self.agent_id, "cents": self.cents.units}

    @property
    def about(self) -> tuple[str, str]:
        """The exception."""
        return "exception", str(self.exception_id)

    @property
    def size(self) -> Amount:
        """How much money is gone."""
        return self.cents

    @property
    def title(self) -> str:
        """What would be done."""
        return (
            f"take back from {self.agent_id} what {self.cents} were credited for, and close exception"
            f" {self.exception_id}"
        )

    def carry_out(self, session: Session, order: Order) -> Done:
        """Reverse the grants and close the exception, once.

        raises: ExceptionNotFound, AlreadyResolved, ChangedMeanwhile; NotPossible
        """
        found = resolutions.lock(session, self.exception_id)
        if found.item.closed_at is not None or _gone(found.item) != self.cents:
            raise NotPossible(f"exception {self.exception_id} is not what it was when this was proposed")
        assert found.attempt is not None
        assert found.receipt is not None, "what a decision credited has a receipt"
        wanted = self._operations(session, found.attempt, order)
        decision = Decision(self.exception_id, actor=order.actor, reason=order.reason)
        resolutions.write_off(session, decision, now=order.now)
        taken = 0
        outcomes = credits.apply(session, wanted, now=order.now)
        for outcome in outcomes:
            if not outcome.done:
                raise NotPossible(_REFUSALS.get(outcome.code, f"the book refuses it: {outcome.code}"))
            taken += outcome.credits.units if outcome.credits is not None else 0
        ids = tuple(outcome.transaction_id for outcome in outcomes)
        resolutions.claim_taken_back(
            session, found.item, self.cents, decision, transaction_id=ids[0], now=order.now
        )
        _tell(session, found.receipt, taken, ids[0], order)
        return Done(f"{taken} credits taken back, what was used of them is receivable", ids)

    def _operations(self, session: Session, attempt: PaymentAttempt, order: Order) -> Sequence[Operation]:
        """One reversal for each grant, the newest grants first, that together come to what is gone."""
        left, made = self.cents.units, list[Operation]()
        for granted_under, cents in _granted(session, attempt.payment_attempt_id):
            part = min(left, cents)
            if part > 0:
                made.append(
                    Reversal(
                        key=order.key if not made else f"{order.key}:{len(made) + 1}",
                        agent_id=self.agent_id,
                        actor=order.actor,
                        grant=granted_under,
                        cents=Amount(part, USD),
                        clearing=chart.clearing(attempt.rail_id),
                        metadata={"proposal_id": order.proposal_id},
                    )
                )
                left -= part
        if left or not made:
            raise NotPossible(f"{Amount(left, USD)} more is gone than decisions have credited")
        return made


def _gone(item: PaymentException) -> Amount:
    """What was credited and does not stand on the chain any more, in whole cents."""
    cents, _ = pricing.whole_cents(Amount(int(item.expected_units - item.received_units), USDC))
    return cents


def _granted(session: Session, payment_attempt_id: str) -> Sequence[tuple[str, int]]:
    """The keys of the grants that decisions made of a payment, with what each was for, newest first."""
    return session.exec(
        select(Transaction.reference, ExceptionAction.cents)
        .join(Transaction, col(Transaction.id) == col(ExceptionAction.ledger_transaction_id))
        .join(PaymentException, col(PaymentException.exception_id) == col(ExceptionAction.exception_id))
        .where(
            PaymentException.payment_attempt_id == payment_attempt_id,
            ExceptionAction.action == "credit",
        )
        .order_by(col(ExceptionAction.action_id).desc())
    ).all()


def _tell(session: Session, receipt: Receipt, taken: int, transaction_id: int, order: Order) -> None:
    event_id = f"credit_event_{transaction_id}"
    activity.credits_changed(
        session,
        receipt,
        kind="credits.payment_backed_refunded",
        subject_id=event_id,
        summary=f"{taken} credits were taken back: the chain took back the transfer that paid for them",
        links={"credit_event_id": event_id},
        now=order.now,
    )
