"""Refunding a purchase, or an exception's charge: the decision writes down that the processor is to be asked.

The row of the refund is written in the transaction of the decision, and the sweeper asks the processor until
it has answered: a crash between the two only means that it is asked later.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from sqlmodel import Session, select

from ledger.money import USD, Amount
from office.proposals import typed
from office.proposals.content import Done, Fields, Kept, Kind, Order
from office.proposals.errors import BadProposal, NotPossible
from office.proposals.write_off import allowed
from rails import exceptions, refund_requests, refunds, resolutions
from rails.models import PaymentAttempt, RefundRequest
from rails.resolutions import Decision


@dataclass(frozen=True, slots=True)
class Refund:
    """So much of a payment goes back to its payer. `exception_id`: it decides this exception."""

    kind: ClassVar[Kind] = "refund"
    payment_attempt_id: str
    cents: Amount
    exception_id: int | None = None

    @classmethod
    def typed(cls, session: Session, fields: Fields, order: Order) -> Self:
        """What a person typed.

        raises: BadProposal, ExceptionNotFound, NotPossible
        """
        if fields.get("exception_id", "").strip():
            number = typed.number(fields, "exception_id")
            case = exceptions.case(session, number, now=order.now)
            chosen = allowed(case, "refund")
            assert case.line.attempt is not None
            return cls(case.line.attempt.payment_attempt_id, chosen.cents, number)
        attempt_id = typed.name(fields, "payment_attempt_id")
        if session.get(PaymentAttempt, attempt_id) is None:
            raise BadProposal(f"there is no purchase {attempt_id}")
        return cls(attempt_id, typed.dollars(fields, "amount"))

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """What the database kept."""
        number = kept.get("exception_id")
        cents = Amount(int(str(kept["cents"])), USD)
        return cls(str(kept["payment_attempt_id"]), cents, int(str(number)) if number else None)

    def kept(self) -> Kept:
        """How the database keeps it."""
        told = {"payment_attempt_id": self.payment_attempt_id, "cents": self.cents.units}
        return told | ({"exception_id": self.exception_id} if self.exception_id else {})

    @property
    def about(self) -> tuple[str, str]:
        """The exception that it decides, or the payment."""
        if self.exception_id is not None:
            return "exception", str(self.exception_id)
        return "payment_attempt", self.payment_attempt_id

    @property
    def size(self) -> Amount:
        """How much goes back."""
        return self.cents

    @property
    def title(self) -> str:
        """What would be done."""
        why = f", which decides exception {self.exception_id}" if self.exception_id else ""
        return f"send {self.cents} of {self.payment_attempt_id} back to its payer{why}"

    def refund_key(self, order_key: str) -> str:
        """The idempotency key of the refund at the processor."""
        return refund_requests.of_exception(self.exception_id) if self.exception_id else order_key

    def carry_out(self, session: Session, order: Order) -> Done:
        """Write down that it is wanted, once.

        raises: NothingPaid, RefundTooLarge, ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile;
            NotPossible
        """
        if self.exception_id is not None:
            decision = Decision(self.exception_id, actor=order.actor, reason=order.reason)
            done = resolutions.refund_later(session, refunds.place, decision, now=order.now)
            if done.cents != self.cents:
                raise NotPossible(f"{done.cents} would go back now, and not {self.cents}")
        else:
            refunds.place(
                session,
                payment_attempt_id=self.payment_attempt_id,
                amount=self.cents,
                reason=order.reason,
                requested_by=order.actor,
                key=order.key,
                now=order.now,
            )
        key = self.refund_key(order.key)
        asked = session.exec(select(RefundRequest).where(RefundRequest.idempotency_key == key)).one()
        return Done(f"{self.cents} are asked back from the processor", refund_id=asked.refund_id)
