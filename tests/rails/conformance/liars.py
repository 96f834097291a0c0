"""Rails and harnesses that do not keep what they say: one for each promise that the suite has to hold."""

import logging
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from ledger.money import USD, Amount
from rails import errors, ids
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from rails.notice import Incoming
from rails.rail import (
    Capabilities,
    CryptoDeposit,
    Evidence,
    Failed,
    Handle,
    HostedPage,
    Instructions,
    Opened,
    Order,
    Outcome,
    Paid,
    Pending,
    RefundOrder,
    Reversed,
)
from tests.rails.conformance.fake_harness import SECRET, FakeHarness

PAGE, DEPOSIT = hosted_page().capabilities, crypto_deposit().capabilities
logger = logging.getLogger("tests.liars")


def page(kind: type[FakeRail] = FakeRail, **changes: Any) -> FakeHarness:
    """A page that a person pays on, changed."""
    return FakeHarness(_made(hosted_page(), kind, changes))


def deposit(kind: type[FakeRail] = FakeRail, **changes: Any) -> FakeHarness:
    """A deposit that an agent pays, changed."""
    return FakeHarness(_made(crypto_deposit(), kind, changes))


def can(base: Capabilities, **changes: Any) -> Capabilities:
    """These capabilities, changed."""
    return replace(base, **changes)


def _made(honest: FakeRail, kind: type[FakeRail], changes: dict[str, Any]) -> FakeRail:
    told = {
        name: getattr(honest, name)
        for name in ("rail_id", "capabilities", "listing", "witnesses", "opening", "limits")
    }
    return kind(**{**told, **changes})


# Whoever pays.


class PaysByItself(FakeHarness):
    """A program gets through the page."""

    def pay_as_agent(self, told: Instructions) -> None:
        """Pay."""
        self.pay_as_person(told)


class NeedsABrowser(FakeHarness):
    """An agent pays, in a browser."""

    def pay_as_agent(self, told: Instructions) -> None:
        """Open the page."""
        webbrowser.open("https://pay.invalid/")
        super().pay_as_agent(told)


class AsksAPerson(FakeHarness):
    """An agent pays, when somebody has typed something."""

    def pay_as_agent(self, told: Instructions) -> None:
        """Wait for somebody."""
        input("the code, please: ")
        super().pay_as_agent(told)


# Opening.


class BrowserToOpen(FakeRail):
    """Opens with a browser."""

    def open(self, order: Order) -> Opened:
        """Show something to somebody first."""
        webbrowser.open("https://pay.invalid/")
        return super().open(order)


class Twice(FakeRail):
    """Makes a new payment at every call."""

    def open(self, order: Order) -> Opened:
        """Another one."""
        return self.opening(replace(order, payment_attempt_id=ids.new("payatt")))


class Forgetful(FakeRail):
    """Makes a second payment when its first answer was lost."""

    def open(self, order: Order) -> Opened:
        """The payment, under another name after a failure."""
        try:
            return super().open(order)
        except errors.RailUnreachable:
            self.opened[f"lost {order.payment_attempt_id}"] = self.opened.pop(order.payment_attempt_id)
            raise


class ForgetfulHarness(FakeHarness):
    """Sees both payments of a forgetful rail."""

    def payments_of(self, payment_attempt_id: str) -> list[str]:
        """Each that was made for the attempt."""
        return [made.reference for name, made in self.fake.opened.items() if payment_attempt_id in name]


class Optimist(FakeRail):
    """Takes silence for a refusal when opening."""

    def open(self, order: Order) -> Opened:
        """Give up at once."""
        if self.unreachable:
            raise errors.RailRefused("no answer will be no")
        return super().open(order)


class OpensAnyway(FakeRail):
    """Opens what its processor has refused."""

    def open(self, order: Order) -> Opened:
        """Never mind."""
        return self.opened.setdefault(order.payment_attempt_id, self.opening(order))


class SmallProcessor(FakeRail):
    """Its processor takes less than its limits say."""

    def open(self, order: Order) -> Opened:
        """Refuse what is large."""
        if order.price > Amount(1000, USD):
            raise errors.RailRefused("too much")
        return super().open(order)


def shared(order: Order) -> Opened:
    """One place for every payment."""
    return Opened(f"pi_{order.payment_attempt_id}", HostedPage("https://pay.invalid/the-one"))


def too_little(order: Order) -> Opened:
    """A deposit of less than the price."""
    opened = crypto_deposit().opening(order)
    assert isinstance(opened.instructions, CryptoDeposit)
    amount = opened.instructions.amount
    return replace(opened, instructions=replace(opened.instructions, amount=Amount(1, amount.asset)))


def shows_reference(order: Order) -> Opened:
    """A deposit whose address is the processor's own name of the payment."""
    opened = crypto_deposit().opening(order)
    assert isinstance(opened.instructions, CryptoDeposit)
    return replace(opened, reference=opened.instructions.address)


def with_login(order: Order) -> Opened:
    """A page behind a password, which stands in its address."""
    return Opened(
        f"pg_{order.payment_attempt_id}", HostedPage(f"https://me:{SECRET}@pay.invalid/{order.quote_id}")
    )


# Availability.


class NeverClosed(FakeHarness):
    """Its owner closes it, and it stays open."""

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """Nothing happens."""
        self.closed_because = reason
        yield


class ClosedForAll(FakeRail):
    """Knows nothing of open payments while it is closed."""

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """Nothing, while closed."""
        return Pending() if self.unavailable_reason else super().look_up(handle, now=now)


class ChangesItsMind(FakeRail):
    """Says another thing about real money at every question."""

    asked = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "live_money":
            ChangesItsMind.asked += 1
            return ChangesItsMind.asked % 2 == 0
        return super().__getattribute__(name)


# Looking up.


@dataclass
class Says(FakeRail):
    """Answers with `instead` where an honest rail says `where`."""

    where: type[Any] = Pending
    instead: Any = None

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """Lie about one kind of answer."""
        said = super().look_up(handle, now=now)
        told: Outcome = self.instead(handle, said) if isinstance(said, self.where) else said
        return told


def paid(handle: Handle, said: Outcome) -> Outcome:
    """Paid, whatever has happened."""
    return Paid(handle.price, said.evidence)


def pending(_handle: Handle, _said: Outcome) -> Outcome:
    """Nothing, whatever has happened."""
    return Pending()


def half(handle: Handle, said: Outcome) -> Outcome:
    """Half of what was paid."""
    return Paid(Amount(handle.price.units // 2, USD), said.evidence)


def noisy(handle: Handle, _said: Outcome) -> Outcome:
    """Evidence of nothing."""
    return Pending((Evidence("stripe", handle.reference, "succeeded"),))


def quoting_the_key(_handle: Handle, said: Outcome) -> Outcome:
    """Paid, with the key in the evidence."""
    assert isinstance(said, Paid)
    return replace(said, evidence=(replace(said.evidence[0], detail={"key": SECRET}), *said.evidence[1:]))


def with_a_book(_handle: Handle, said: Outcome) -> Outcome:
    """Paid, with a long story."""
    assert isinstance(said, Paid)
    return replace(
        said, evidence=(replace(said.evidence[0], detail={"story": "x" * 9999}), *said.evidence[1:])
    )


def with_a_stranger(handle: Handle, said: Outcome) -> Outcome:
    """Paid, on the word of somebody who was not named."""
    assert isinstance(said, Paid)
    return replace(said, evidence=(*said.evidence, Evidence("neighbour", handle.reference, "heard of it")))


class Pessimist(FakeRail):
    """Takes silence for a failure."""

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """Give up at once."""
        return Failed("declined") if self.unreachable else super().look_up(handle, now=now)


class KnowsEverything(FakeRail):
    """Has an answer for payments that nobody has."""

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """Failed, if it is unknown."""
        try:
            return super().look_up(handle, now=now)
        except errors.RailRefused:
            return Failed("expired")


class Inventive(FakeRail):
    """Quotes every witness, whether it has spoken or not."""

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """As if nobody were silent."""
        self.silent = frozenset()
        return super().look_up(handle, now=now)


# Notices.


class Believes(FakeHarness):
    """A notice is the payment."""

    def notice(self, payment: Handle, kind: str, number: int) -> Incoming:
        """Pay, because somebody says so."""
        if "succeeded" in kind:
            self.fake.pay(payment.reference)
        else:
            self.fake.fail(payment.reference)
        return super().notice(payment, kind, number)


class OpenDoor(FakeHarness):
    """Anybody's notice is taken in."""

    def receive_unsigned(self, payment: Handle) -> None:
        """Thank you."""
        self.taken = payment


# Money that leaves.


class RefundsTwice(FakeRail):
    """Gives back at every call."""

    def refund(self, order: RefundOrder) -> str:
        """Another refund."""
        return super().refund(replace(order, refund_id=ids.new("refund")))


class RefundsAnything(FakeRail):
    """Gives back more than it got."""

    def refund(self, order: RefundOrder) -> str:
        """As if the price had been higher."""
        return super().refund(replace(order, handle=replace(order.handle, price=order.amount)))


class Hides(FakeRail):
    """Never tells that money left."""

    @override
    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """Nothing."""
        return ()


class Invents(FakeRail):
    """Tells of a dispute that nobody opened."""

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """One."""
        return (Reversed("dispute", "dp_invented", "gone", handle.price),)


class CancelsNothing(FakeRail):
    """Says that it closes payments, and does not."""

    def cancel(self, handle: Handle) -> None:
        """Nothing."""


class CancelsEverything(FakeRail):
    """Closes what was paid."""

    def cancel(self, handle: Handle) -> None:
        """Forget the money."""
        self.fail(handle.reference, "canceled")


# Secrets.


class Talkative(FakeRail):
    """Logs its key."""

    def open(self, order: Order) -> Opened:
        """Tell everybody."""
        logger.info("opening with the key %s", SECRET)
        return super().open(order)


class Indiscreet(FakeRail):
    """Its errors name its key."""

    def open(self, order: Order) -> Opened:
        """Complain."""
        if self.unreachable:
            raise errors.RailUnreachable(f"nobody answers to the key {SECRET}")
        return super().open(order)


@dataclass
class Printed(FakeRail):
    """Shows its key when it is printed."""

    key: str = field(default=SECRET)
