"""What a worker process needs, made once per process."""

import os
from dataclasses import dataclass
from functools import lru_cache

from ledger import database
from ledger.database import Sessions
from ledger.settings import LedgerSettings
from rails import registry
from rails.chain.rpc import Rpc
from rails.chain.scanner import Limits
from rails.chain.settings import ChainSettings
from rails.rail import Rails
from rails.stripe import client
from rails.stripe.events import StripeMemory
from rails.stripe.related import Related
from rails.stripe.settings import stripe


@dataclass(frozen=True, slots=True)
class Reader:
    """What it takes to read the chain: the book's sessions, and a node."""

    sessions: Sessions
    chain: ChainSettings
    rpc: Rpc

    @property
    def limits(self) -> Limits:
        """How much of the chain one pass may read."""
        return Limits(
            chunk_blocks=self.chain.chain_chunk_blocks,
            pass_blocks=self.chain.chain_pass_blocks,
            start_margin_blocks=self.chain.chain_start_margin_blocks,
        )


@dataclass(frozen=True, slots=True)
class Wiring(Reader):
    """What it takes to settle as well: the rails, and Stripe's own word on what it told us of."""

    rails: Rails
    related: Related
    memory: StripeMemory


def reader(ledger: LedgerSettings, chain: ChainSettings) -> Reader:
    """A reader of the chain that needs nothing of any processor."""
    engine = database.connect(ledger.database_url, pool_size=2, application="pennyrail-worker")
    rpc = Rpc(
        chain.base_rpc_url.get_secret_value(),
        expect_chain_id=chain.base_chain_id,
        deadline_seconds=chain.chain_deadline_seconds,
    )
    return Reader(database.sessions(engine), chain, rpc)


def wired() -> Wiring:
    """This process's wiring. A forked child makes its own: sockets do not survive a fork."""
    return _wired(os.getpid())


@lru_cache(maxsize=1)
def _wired(_pid: int) -> Wiring:
    reading = reader(LedgerSettings(), ChainSettings())
    rails, settings = registry.load(reading.sessions), stripe()
    connected = client.connect(settings)
    memory = StripeMemory(connected, settings)
    return Wiring(reading.sessions, reading.chain, reading.rpc, rails, Related(connected), memory)
