"""What a worker process needs, made once per process."""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Engine

from ledger import database
from ledger.database import Sessions
from ledger.settings import LedgerSettings
from rails import registry
from rails.chain.providers import Provider, Providers
from rails.chain.rpc import Rpc
from rails.chain.settings import ChainSettings
from rails.processor import Books
from rails.rail import Rails
from rails.stripe import client
from rails.stripe.balance import StripeBooks
from rails.stripe.events import StripeMemory
from rails.stripe.related import Related
from rails.stripe.settings import stripe


def _holder() -> str:
    # A process number comes back, and a machine may be copied with its name.
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Reader:
    """What it takes to read the chain: the book's sessions, the nodes, and who we are to other watchers."""

    sessions: Sessions
    chain: ChainSettings
    providers: Providers
    holder: str = field(default_factory=_holder)

    def close(self) -> None:
        """Drop every connection, for a command that ends."""
        self.providers.close()
        with self.sessions() as session:
            engine = session.get_bind()
        assert isinstance(engine, Engine)
        engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring(Reader):
    """What it takes to settle as well: the rails, and Stripe's own word on what it told us of."""

    rails: Rails
    related: Related
    memory: StripeMemory


def reader(ledger: LedgerSettings, chain: ChainSettings) -> Reader:
    """A reader of the chain that needs nothing of any processor."""
    engine = database.connect(ledger.database_url, pool_size=2, application="pennyrail-worker")
    return Reader(database.sessions(engine), chain, providers(chain))


def providers(chain: ChainSettings) -> Providers:
    """A client for each node of the settings."""
    return Providers(
        [
            Provider(
                Rpc(
                    url,
                    expect_chain_id=chain.base_chain_id,
                    deadline_seconds=chain.chain_deadline_seconds,
                )
            )
            for url in chain.node_urls
        ]
    )


def books(*, progress: Callable[[int], None] = lambda _read: None) -> Books:
    """The books of the processor, for reconciliation alone."""
    return StripeBooks(client.connect(stripe()), progress=progress)


def wired() -> Wiring:
    """This process's wiring. A forked child makes its own: sockets do not survive a fork."""
    return _wired(os.getpid())


@lru_cache(maxsize=1)
def _wired(_pid: int) -> Wiring:
    reading = reader(LedgerSettings(), ChainSettings())
    rails, settings = registry.load(reading.sessions), stripe()
    connected = client.connect(settings)
    return Wiring(
        reading.sessions,
        reading.chain,
        reading.providers,
        rails=rails,
        related=Related(connected),
        memory=StripeMemory(connected, settings),
    )
