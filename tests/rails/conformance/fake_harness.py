"""Plays everybody around a FakeRail: every case there is can be brought about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.money import USD, Amount
from rails import pricing
from rails.conformance.fakes import FakeRail
from rails.conformance.harness import Cannot, Harness
from rails.rail import CryptoDeposit, Handle, Instructions, RefundOrder, Source

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "the-password-of-the-fake-processor"


@dataclass
class FakeHarness(Harness):
    """The switches of a FakeRail, by what they mean."""

    fake: FakeRail
    patience_seconds: float = 0.2

    @property
    def rail(self) -> FakeRail:
        """The fake."""
        return self.fake

    def now(self) -> datetime:
        """Noon: time plays no part at a fake."""
        return NOON

    def secrets(self) -> Sequence[str]:
        """One that nobody was given."""
        return [SECRET]

    def pay_as_agent(self, told: Instructions) -> None:
        """A deposit is paid; a page is nothing that a program gets anywhere with."""
        if isinstance(told, CryptoDeposit):
            self.fake.pay(self._reference(told))

    def pay_as_person(self, told: Instructions) -> None:
        """A page is paid."""
        if isinstance(told, CryptoDeposit):
            raise Cannot("a deposit is paid by an agent")
        self.fake.pay(self._reference(told))

    def pay_another_sum(self, told: Instructions, dollars: Amount) -> None:
        """Less or more arrives."""
        reference, price = self._reference(told), Amount(500, USD)
        received = pricing.in_usdc(dollars) if isinstance(told, CryptoDeposit) else dollars
        self.fake.pay_wrongly(reference, "underpaid" if dollars < price else "overpaid", received=received)

    def begin_to_pay(self, told: Instructions) -> None:
        """The exact sum arrives."""
        self.fake.arrive(self._reference(told))

    def settle(self, payment: Handle) -> None:
        """It settles."""
        self.fake.pay(payment.reference)

    def expire(self, payment: Handle) -> None:
        """The processor closes it."""
        self.fake.fail(payment.reference, "expired")

    def decline(self, payment: Handle) -> None:
        """The processor declines it."""
        self.fake.fail(payment.reference, "declined")

    def refund_there(self, payment: Handle, amount: Amount) -> None:
        """A refund on the dashboard."""
        self.fake.give_back(payment.reference, "re_there", amount.units)

    def before_refund(self, order: RefundOrder) -> None:
        """Fakes refund."""

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Nobody answers."""
        self.fake.unreachable = True
        try:
            yield
        finally:
            self.fake.unreachable = False

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        """It is done, and nobody hears of it."""
        self.fake.losing_answers = True
        try:
            yield
        finally:
            self.fake.losing_answers = False

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Every new payment is refused."""
        self.fake.refusing = True
        try:
            yield
        finally:
            self.fake.refusing = False

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """The rail is closed."""
        self.fake.unavailable_reason = reason
        try:
            yield
        finally:
            self.fake.unavailable_reason = None

    @contextmanager
    def silent(self, witness: Source) -> Iterator[None]:
        """One witness does not speak."""
        self.fake.silent = frozenset({witness})
        try:
            yield
        finally:
            self.fake.silent = frozenset()

    def payments_of(self, payment_attempt_id: str) -> Sequence[str]:
        """The payment that is open under this id."""
        return [opened.reference for name, opened in self.fake.opened.items() if name == payment_attempt_id]

    def _reference(self, told: Instructions) -> str:
        return next(opened.reference for opened in self.fake.opened.values() if opened.instructions == told)
