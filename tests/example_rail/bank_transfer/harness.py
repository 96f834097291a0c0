"""Plays the world around the rail `bank_transfer` for the conformance suite."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from pydantic import SecretStr

from ledger.money import Amount
from rails.conformance.harness import Harness
from rails.rail import Handle, HostedPage, Instructions, Rail

from .rail import BankTransfer
from .sandbox import API_KEY, Processor
from .settings import BankTransferSettings


class BankTransferHarness(Harness):
    """The pretend processor, moved by hand."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._settings = BankTransferSettings(api_base=processor.url, api_key=SecretStr(API_KEY))
        self._rail = BankTransfer(self._settings)

    @property
    def rail(self) -> Rail:
        """The rail, made against the pretend processor."""
        return self._rail

    def close(self) -> None:
        """Close the rail's connections."""
        self._rail.close()

    def secrets(self) -> Sequence[str]:
        """The key of the API."""
        return [API_KEY]

    def pay_as_agent(self, told: Instructions) -> None:
        """Read the page and send its form: without the code of the person's phone it is refused."""
        with httpx.Client(trust_env=False) as program:
            program.get(_page(told))
            program.post(_page(told), data={"code": "000000"})

    def pay_as_person(self, told: Instructions) -> None:
        """Type the code from the phone."""
        page = _page(told)
        code = self._processor.phone[_name(told)]
        httpx.post(page, data={"code": code}, trust_env=False).raise_for_status()

    def pay_another_sum(self, told: Instructions, dollars: Amount) -> None:
        """Let another sum arrive."""
        self._processor.receive(_name(told), dollars.units)

    def begin_to_pay(self, told: Instructions) -> None:
        """Let the exact sum arrive, not settled yet."""
        name = _name(told)
        self._processor.receive(name, self._processor.payments[name].cents, state="arrived")

    def settle(self, payment: Handle) -> None:
        """Settle what has arrived."""
        self._processor.payments[payment.reference].state = "settled"

    def expire(self, payment: Handle) -> None:
        """End the time of the payment."""
        self._processor.payments[payment.reference].state = "expired"

    def refund_there(self, payment: Handle, amount: Amount) -> None:
        """Refund at the processor's console."""
        self._processor.refund(payment.reference, amount.units, None)

    def payments_of(self, payment_attempt_id: str) -> Sequence[str]:
        """The payments of an attempt."""
        return [each.id for each in self._processor.payments.values() if each.attempt == payment_attempt_id]

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Every connection ends without an answer."""
        self._processor.silent = True
        try:
            yield
        finally:
            self._processor.silent = False

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        """What is asked is done, and the connection ends before the answer."""
        self._processor.losing_answers = True
        try:
            yield
        finally:
            self._processor.losing_answers = False

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """No new payment is taken."""
        self._processor.refusing = True
        try:
            yield
        finally:
            self._processor.refusing = False

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """The setting closes the rail."""
        self._settings.closed = reason
        try:
            yield
        finally:
            self._settings.closed = ""


def _page(told: Instructions) -> str:
    assert isinstance(told, HostedPage)
    return told.url.partition("#")[0]


def _name(told: Instructions) -> str:
    return _page(told).partition("?")[0].rpartition("/")[2]
