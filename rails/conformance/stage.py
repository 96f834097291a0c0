"""Where a rail is tried: a real database, the real story, and the harness that plays the outside world."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ledger import balances
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import catalog, handles, ids, inbox, pricing, purchase, status
from rails.conformance.harness import Harness
from rails.models import PaymentAttempt, Quote
from rails.notice import Incoming
from rails.purchase import Settled
from rails.rail import Handle, Order, Outcome, Paid, Rail, Rails
from rails.settings import story
from rails.status import PurchaseView

AGENT: Final = "agt_conformance"
Found = TypeVar("Found")


@dataclass
class Stage:
    """One rail, one agent, and the time."""

    sessions: Sessions
    harness: Harness
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.harness.now()

    @property
    def rail(self) -> Rail:
        """The rail that is tried."""
        return self.harness.rail

    @property
    def rails(self) -> Rails:
        """The rails of this house: the one."""
        return {self.rail.rail_id: self.rail}

    @property
    def usual(self) -> Amount:
        """A price that the rail takes: five dollars, or what comes nearest."""
        limits = self.rail.limits
        return min(max(Amount(500, USD), limits.minimum), limits.maximum)

    def order(self, price: Amount | None = None) -> Order:
        """A new order that no row of the database knows."""
        ends = self.now + timedelta(seconds=story().attempt_lifetime_seconds)
        wanted = price or self.usual
        return _order(ids.new("payatt"), ids.new("quote"), wanted, created_at=self.now, expires_at=ends)

    def quote(self, price: Amount | None = None) -> str:
        """The id of a quote of this price."""
        terms = catalog.terms(
            credits_wanted=(price or self.usual).units, pack_id=None, rail_id=self.rail.rail_id
        )
        made = purchase.quote(
            self.sessions,
            self.rails,
            agent_id=AGENT,
            terms=terms,
            idempotency_key=ids.new("key"),
            now=self.now,
        )
        return made.quote.quote_id

    def buy(self, quote_id: str | None = None) -> Handle:
        """The open payment of a quote, or of a new one."""
        wanted = quote_id or self.quote()
        bought = purchase.buy(
            self.sessions,
            self.rails,
            agent_id=AGENT,
            quote_id=wanted,
            rail_id=self.rail.rail_id,
            idempotency_key=f"purchase:{wanted}",
            now=self.now,
        )
        return handle(bought.view)

    def order_of(self, payment: Handle) -> Order:
        """The order that a payment was opened with, as the database kept it."""
        view = self.view(payment)
        assert view.attempt is not None
        return _order(
            payment.payment_attempt_id,
            view.quote.quote_id,
            payment.price,
            created_at=view.attempt.created_at,
            expires_at=view.attempt.expires_at,
        )

    def pay(self, payment: Handle) -> None:
        """Pay what was asked for, as whoever can settle this rail."""
        if self.rail.capabilities.agent_settleable:
            self.harness.pay_as_agent(payment.instructions)
        else:
            self.harness.pay_as_person(payment.instructions)

    def ask(self, payment: Handle) -> Outcome:
        """What the rail says of a payment."""
        self.harness.catch_up(self.now)
        return self.rail.look_up(payment, now=self.now)

    def look(self, payment: Handle) -> Settled:
        """What the story makes of it."""
        self.harness.catch_up(self.now)
        return purchase.settle(
            self.sessions, self.rails, payment_attempt_id=payment.payment_attempt_id, now=self.now
        )

    def wait(self, ask: Callable[[], Found | None], otherwise: str) -> Found:
        """The first answer that is something. Fails with `otherwise` when patience ends."""
        until = time.monotonic() + self.harness.patience_seconds
        while True:
            found = ask()
            if found is not None:
                return found
            assert time.monotonic() < until, otherwise
            time.sleep(0.05)

    def wait_for_paid(self, payment: Handle) -> Paid:
        """What the rail says once the payment is settled."""

        def paid() -> Paid | None:
            said = self.ask(payment)
            return said if isinstance(said, Paid) else None

        return self.wait(paid, f"what was paid never settled: the rail says {self.ask(payment)}")

    def watch(self, look: Callable[[], None]) -> None:
        """Look again and again for as long as the sandbox would need to do something."""
        until = time.monotonic() + self.harness.doubt_seconds
        look()
        while time.monotonic() < until:
            time.sleep(0.1)
            look()

    def settle(self, payment: Handle) -> PurchaseView:
        """The purchase of a payment that was paid, once the story has granted it."""
        self.wait_for_paid(payment)
        self.look(payment)
        seen = self.view(payment)
        assert seen.state == "succeeded", f"the rail says Paid, and the purchase is {seen.state}"
        return seen

    def view(self, payment: Handle) -> PurchaseView:
        """The purchase as it stands."""
        return self._purchase(payment.payment_attempt_id)

    def payment(self, payment_attempt_id: str) -> Handle:
        """The payment of an attempt, whoever opened it."""
        return handle(self._purchase(payment_attempt_id))

    def credits(self) -> Amount:
        """What the agent can spend."""
        with self.sessions() as session:
            return balances.snapshot(session, agent_id=AGENT, now=self.now).available

    def receive(self, incoming: Incoming) -> None:
        """Keep a notice and handle it, as the inbox does."""
        with self.sessions() as session:
            notice_id = inbox.receive(session, incoming, now=self.now)
        if notice_id is not None:
            inbox.handle(self.sessions, self.rails, notice_id=notice_id, now=self.now)

    def _purchase(self, payment_attempt_id: str) -> PurchaseView:
        with self.sessions() as session:
            attempt = session.get_one(PaymentAttempt, payment_attempt_id)
            return status.view(session, quote=session.get_one(Quote, attempt.quote_id), now=self.now)


def handle(view: PurchaseView) -> Handle:
    """What a rail needs to find the payment of a purchase again, as the database kept it."""
    assert view.attempt is not None
    found = handles.of_quote(view.attempt, view.quote)
    assert found is not None
    return found


def _order(
    attempt_id: str, quote_id: str, price: Amount, *, created_at: datetime, expires_at: datetime
) -> Order:
    return Order(
        payment_attempt_id=attempt_id,
        quote_id=quote_id,
        agent_id=AGENT,
        credits=pricing.worth(price),
        price=price,
        created_at=created_at,
        expires_at=expires_at,
    )
