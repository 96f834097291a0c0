"""What the author of a rail writes so that the suite can try it: the world around it, moved by hand.

A harness makes the rail against its sandbox and plays everybody else: the agent, the person, the processor,
the weather. What it cannot bring about stays `Cannot`, with a reason that the report shows. A capability that
the rail declares has to be shown, though: there `Cannot` is a failure.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from ledger.money import Amount
from rails.notice import Incoming
from rails.rail import Handle, Instructions, Rail, RefundOrder, Source


class Cannot(Exception):
    """The harness cannot bring this about. The message says why, for the report."""


class Harness:
    """Override what the rail's sandbox can do. Only `rail` has to be there for the suite to begin."""

    patience_seconds: float = 10
    """How long money may take to settle at the sandbox before a test gives up."""
    doubt_seconds: float = 0
    """How long a test watches that something does not happen: the time in which it would."""

    @property
    def rail(self) -> Rail:
        """The rail, made against its sandbox; the same one at every call."""
        raise NotImplementedError

    def now(self) -> datetime:
        """The time at the processor. A sandbox with a clock of its own says what it shows."""
        return datetime.now(UTC)

    def secrets(self) -> Sequence[str]:
        """Every key, token and password that the rail was given: none may come out of it again."""
        raise Cannot("the harness names no secret of the rail")

    def catch_up(self, now: datetime) -> None:
        """What workers do before somebody asks the rail, such as reading a chain. Nothing, for most."""

    # Those who pay. They know what an agent is told, and nothing else.

    def pay_as_agent(self, told: Instructions) -> None:
        """Do everything that a program can do with these instructions without a person or a browser.

        On a rail that no agent settles alone: try it nevertheless, in earnest. The suite looks.
        """
        raise Cannot("the harness does not say what an agent can do by itself")

    def pay_as_person(self, told: Instructions) -> None:
        """Pay exactly what was asked for, as a person would."""
        raise Cannot("nobody pays here in person")

    def pay_another_sum(self, told: Instructions, dollars: Amount) -> None:
        """Pay less or more than was asked for."""
        raise Cannot("the payer cannot choose the sum")

    def begin_to_pay(self, told: Instructions) -> None:
        """Let the exact sum arrive, and not settle yet."""
        raise Cannot("what arrives is settled at once")

    # The processor.

    def settle(self, payment: Handle) -> None:
        """Let what has arrived settle."""
        raise Cannot("what arrives is settled at once")

    def expire(self, payment: Handle) -> None:
        """Let the processor close the payment because its time is over."""
        raise Cannot("nothing expires at this processor")

    def decline(self, payment: Handle) -> None:
        """Let the payer's bank say no."""
        raise Cannot("nobody declines at this processor")

    def refund_there(self, payment: Handle, amount: Amount) -> None:
        """Send money back at the processor's own console, without asking the house."""
        raise Cannot("the processor has no console that refunds")

    def before_refund(self, order: RefundOrder) -> None:
        """Make ready for a refund of the suite. A sandbox that knows no refunds says so."""

    def unreachable(self) -> AbstractContextManager[None]:
        """The processor does not answer, for as long as the block."""
        raise Cannot("the processor cannot be made unreachable")

    def losing_answers(self) -> AbstractContextManager[None]:
        """The processor does what it is asked, and its answers are lost."""
        raise Cannot("the processor's answers cannot be lost")

    def refusing(self) -> AbstractContextManager[None]:
        """The processor says no to every new payment."""
        raise Cannot("the processor cannot be made to refuse")

    def payments_of(self, payment_attempt_id: str) -> Sequence[str]:
        """The processor's ids of every payment that was opened for an attempt."""
        raise Cannot("the processor does not list its payments")

    # The rail's owner, its witnesses, and those who knock.

    def closed(self, reason: str) -> AbstractContextManager[None]:
        """The rail is closed by its owner, for as long as the block: `unavailable_reason` says `reason`."""
        raise Cannot("the harness does not say how the rail is closed")

    def silent(self, witness: Source) -> AbstractContextManager[None]:
        """This witness does not speak, for as long as the block."""
        raise Cannot(f"the witness {witness} cannot be silenced alone")

    def notice(self, payment: Handle, kind: str, number: int) -> Incoming:
        """A verified notice about a payment, saying whatever `kind` says. Its word proves nothing."""
        return Incoming(
            source=self.rail.rail_id,
            external_id=f"notice_{payment.reference}_{number}",
            kind=kind,
            refs=(payment.reference,),
            body=kind.encode(),
        )

    def receive_unsigned(self, payment: Handle) -> None:
        """Bring a notice that nobody signed to the rail's door. Raises what the door raises."""
        raise Cannot("the rail has no door for notices: it is asked by schedule")
