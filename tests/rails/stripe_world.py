"""What tests of Stripe's rails share: the rails over a twin, and purchases on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import stripe
from pydantic import SecretStr

from ledger import book, chart
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import catalog, instructions, purchase, status
from rails.chain import scanner
from rails.chain.rpc import Rpc
from rails.chain.settings import ChainSettings
from rails.models import PaymentAttempt
from rails.purchase import Settled
from rails.rail import Handle, Rails
from rails.status import PurchaseView
from rails.stripe import client
from rails.stripe.settings import StripeSettings
from sandbox.devnet import Devnet
from sandbox.stripe_twin import Control
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin
from workers.watching import StoryWatch

PAYER = "0x00000000000000000000000000000000000a11ce"


def stripe_settings(twin: LocalTwin, **changed: Any) -> StripeSettings:
    """How the rails reach a twin, as an account that watches the chain."""
    return StripeSettings(
        **{
            "secret_key": SecretStr(twin_world.LIVE_KEY),
            "webhook_secrets": (SecretStr("whsec_" + "5" * 20),),
            "api_base": twin.url,
            "retries": 0,
            **changed,
        }
    )


def sdk(twin: LocalTwin) -> stripe.StripeClient:
    """The client that the rails have."""
    return client.connect(stripe_settings(twin))


@dataclass
class Shop:
    """One agent that buys on one rail, and what the house knows of it."""

    sessions: Sessions
    rails: Rails
    control: Control
    rail_id: str
    now: datetime
    agent_id: str = field(default_factory=lambda: f"agt_{uuid4().hex}", kw_only=True)
    """Nobody before: Stripe remembers those of earlier tests."""

    def buy(self, credits_wanted: int = 500, *, key: str = "1", agent_id: str | None = None) -> str:
        """The id of an open attempt to buy."""
        agent_id = agent_id or self.agent_id
        terms = catalog.terms(credits_wanted=credits_wanted, pack_id=None, rail_id=self.rail_id)
        quote = purchase.quote(
            self.sessions, self.rails, agent_id=agent_id, terms=terms, idempotency_key=key, now=self.now
        ).quote
        view = purchase.buy(
            self.sessions,
            self.rails,
            agent_id=agent_id,
            quote_id=quote.quote_id,
            rail_id=self.rail_id,
            idempotency_key=key,
            now=self.now,
        ).view
        assert view.attempt is not None
        return view.attempt.payment_attempt_id

    def settle(self, attempt_id: str) -> Settled:
        """Look at an attempt, as a worker would."""
        return purchase.settle(self.sessions, self.rails, payment_attempt_id=attempt_id, now=self.now)

    def cancel(self, attempt_id: str) -> purchase.Canceled:
        """Cancel an attempt, as an operator would."""
        return purchase.cancel(
            self.sessions, self.rails, payment_attempt_id=attempt_id, reason="asked to", now=self.now
        )

    def attempt(self, attempt_id: str) -> PaymentAttempt:
        """The row of an attempt."""
        with self.sessions() as session:
            found = status.attempt_of(session, payment_attempt_id=attempt_id)
        assert found is not None
        return found

    def reference(self, attempt_id: str) -> str:
        """What the processor calls an attempt."""
        found = self.attempt(attempt_id).reference
        assert found is not None
        return found

    def handle(self, attempt_id: str) -> Handle:
        """What a rail is asked with."""
        attempt = self.attempt(attempt_id)
        told, price = instructions.read(attempt), Amount(self.view(attempt_id).quote.price_cents, USD)
        assert told is not None
        return Handle(
            attempt_id, self.reference(attempt_id), price, told, attempt.expires_at, attempt.expires_at
        )

    def view(self, attempt_id: str) -> PurchaseView:
        """The purchase as it stands."""
        with self.sessions() as session:
            return status.find(
                session,
                agent_id=self.agent_id,
                kind="payment_attempt_id",
                reference=attempt_id,
                now=self.now,
            )

    def open_exceptions(self, attempt_id: str) -> Sequence[str]:
        """The kinds of what waits for a person."""
        return [row.kind for row in self.view(attempt_id).exceptions if row.closed_at is None]

    def credits(self) -> int:
        """What the agent has."""
        with self.sessions() as session:
            return book.balance(session, account=chart.agent(self.agent_id)).units


def now() -> datetime:
    """The time of the machine: that of the twin, of anvil, and of Stripe's limits on expiry."""
    return datetime.now(UTC)


def chain_time(net: Devnet) -> datetime:
    """The chain's own clock."""
    block = net.call("eth_getBlockByNumber", "latest", False)
    assert isinstance(block, dict)
    return datetime.fromtimestamp(int(block["timestamp"], 16), UTC)


@dataclass
class ChainShop(Shop):
    """A shop that is paid on a chain mined by hand."""

    net: Devnet
    rpc: Rpc
    chain: ChainSettings

    def send(self, attempt_id: str, units: int = 5_000_000, *, to: str | None = None) -> str:
        """A transfer to the address of an attempt that lies in no block yet; its hash."""
        address = to or str(self.attempt(attempt_id).deposit_address)
        return self.net.transfer(PAYER, address, units)

    def mine(self, blocks: int = 4) -> None:
        """Mine, have the twin see it, and read it as our watcher does."""
        head = self.net.mine(blocks)
        twin_world.until(lambda: (self.control.health().head or 0) >= head)
        self.scan()

    def scan(self) -> None:
        """One pass of the watcher."""
        scanner.scan(
            self.sessions,
            self.rpc,
            StoryWatch(self.now),
            token=self.chain.usdc_address,
            policy=self.chain.depth,
            now=self.now,
            limits=self.chain.limits,
        )

    def pay(self, attempt_id: str, units: int = 5_000_000) -> str:
        """A transfer that lies deep; its hash."""
        sent = self.send(attempt_id, units)
        self.mine()
        return sent

    def pass_time(self, passed: timedelta) -> None:
        """Let time pass for the house and for the chain."""
        self.now += passed
        self.net.call("evm_increaseTime", int(passed.total_seconds()))
        self.mine(1)
