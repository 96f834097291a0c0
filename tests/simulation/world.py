"""The world of one simulation: a database, a chain, a Stripe, the house between them, and one clock."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlmodel import text

from ledger import database
from ledger.database import Sessions
from rails.chain.providers import Provider, Providers
from rails.chain.rpc import Rpc
from rails.chain.settings import ChainSettings
from rails.rail import Instructions, Rails
from rails.stripe import client
from rails.stripe.settings import StripeSettings
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import Strategy, X402Settings
from sandbox import devnet
from sandbox.devnet import Devnet
from sandbox.stripe_twin.store import Document
from tests.chain import fault_proxy
from tests.chain.fault_proxy import FaultProxy
from tests.sandbox import twin_world
from tests.simulation import stripe_side
from tests.simulation.crashes import Crashing
from tests.simulation.stripe_side import StripeSide

CHECKOUT = "stripe_checkout"
X402 = "stripe_x402.exact.usdc"
WEBHOOK_SECRET = "whsec_of_the_simulation"
SLOTS_IN_AN_EPOCH = 4
BLOCKS_UNTIL_FINAL = 2 * SLOTS_IN_AN_EPOCH
BLOCK_SECONDS = 2


@dataclass
class Clock:
    """Time, which stands until it is moved."""

    starts_at: datetime
    passed: timedelta = timedelta()

    @property
    def now(self) -> datetime:
        """The time of everybody."""
        return self.starts_at + self.passed


@dataclass
class Purchase:
    """What an agent remembers of a purchase."""

    agent_id: str
    quote_id: str
    rail_id: str
    credits: int
    idempotency_key: str
    payment_attempt_id: str | None = None
    instructions: Instructions | None = None
    transfers: list[str] = field(default_factory=list)


@dataclass
class House:
    """What a process of ours is made of. It is built again after every crash."""

    sessions: Crashing
    rails: Rails
    providers: Providers


@dataclass
class World:
    """Everything there is."""

    chance: random.Random
    clock: Clock
    devnet: Devnet
    stripe: StripeSide
    plain: Sessions
    """For those who look on: never crashes."""
    stripe_settings: StripeSettings
    chain: ChainSettings
    nodes: tuple[FaultProxy, FaultProxy]
    """Two providers of one chain. The first may leave transfers out; neither answers always."""
    strategy: Strategy = "deposit"
    """Which of Stripe's two ways of taking USDC opens new payments."""
    house: House = field(init=False)
    purchases: list[Purchase] = field(default_factory=list)
    mail: list[Document] = field(default_factory=list)
    """Events on their way to us."""
    lost: list[Document] = field(default_factory=list)
    """Events that never came."""
    crashes: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    names: int = 0

    @property
    def now(self) -> datetime:
        """The time of everybody."""
        return self.clock.now

    def new_name(self, prefix: str) -> str:
        """A name nobody had before."""
        self.names += 1
        return f"{prefix}-{self.names}"

    def pass_time(self, seconds: int) -> None:
        """Move everybody's clock on."""
        self.clock.passed += timedelta(seconds=seconds)
        self.stripe.world.clock_ahead_seconds = int(self.clock.passed.total_seconds())

    def mine(self, blocks: int) -> None:
        """Make blocks, two seconds each, which is how time passes on a chain."""
        for _ in range(blocks):
            self.pass_time(BLOCK_SECONDS)
            self.devnet.call("evm_setNextBlockTimestamp", int(self.now.timestamp()))
            self.devnet.call("anvil_mine", "0x1")

    def start_house(self) -> None:
        """Begin a process of ours anew: what it had in memory is gone."""
        if hasattr(self, "house"):
            self.house.providers.close()
            # Its lease would end by itself, by the database's clock, which is not ours to move.
            with self.plain() as session:
                session.connection().execute(text("UPDATE chain_lease SET held_until = '-infinity'"))
        sessions = Crashing(self.plain, self.chance)
        checkout = CheckoutSettings(
            public_url="https://pennyrail.example",
            checkout_methods=("card", "us_bank_account"),
            checkout_promotion_codes=True,
            checkout_automatic_tax=True,
        )
        connected = client.connect(self.stripe_settings)
        rails: Rails = {
            CHECKOUT: StripeCheckout(connected, checkout, live_money=self.stripe_settings.live),
            X402: StripeX402(
                connected,
                sessions,
                stripe_settings=self.stripe_settings,
                chain_settings=self.chain,
                settings=X402Settings(stripe_x402_strategy=self.strategy),
            ),
        }
        self.house = House(sessions, rails, Providers([self._provider(node.url) for node in self.nodes]))

    def _provider(self, url: str) -> Provider:
        rpc = Rpc(url, expect_chain_id=self.chain.base_chain_id, deadline_seconds=5)
        return Provider(rpc, clock=lambda: self.clock.passed.total_seconds())


@contextmanager
def opened(database_url: str, *, seed: int) -> Iterator[World]:
    """A world at the first second of a day."""
    with ExitStack() as stack:
        engine = database.connect(database_url, pool_size=5)
        stack.callback(engine.dispose)
        net = stack.enter_context(devnet.start(block_seconds=0, slots_in_an_epoch=SLOTS_IN_AN_EPOCH))
        tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        twin = twin_world.config(rpc_url=net.rpc_url, confirmations=BLOCKS_UNTIL_FINAL + 1)
        stripe = stack.enter_context(stripe_side.running(twin, starts_at=tomorrow.timestamp()))
        world = World(
            chance=random.Random(seed),
            clock=Clock(tomorrow),
            devnet=net,
            stripe=stripe,
            plain=database.sessions(engine),
            stripe_settings=StripeSettings(
                secret_key=SecretStr(twin_world.LIVE_KEY),
                webhook_secrets=(SecretStr(WEBHOOK_SECRET),),
                api_base=stripe.url,
                retries=0,
            ),
            chain=ChainSettings(base_rpc_url=SecretStr(net.rpc_url), chain_start_margin_blocks=100),
            strategy="transaction_verification" if seed % 3 == 0 else "deposit",
            nodes=(
                stack.enter_context(fault_proxy.before(net.rpc_url)),
                stack.enter_context(fault_proxy.before(net.rpc_url)),
            ),
        )
        stripe.world.switches.tax_basis_points = 825
        stripe.control.add_promotion_code("HALF", percent_off=50, livemode=True)
        stripe.control.add_promotion_code("FREE", percent_off=100, livemode=True)
        world.start_house()
        world.mine(BLOCKS_UNTIL_FINAL + 2)
        yield world
        world.house.providers.close()
