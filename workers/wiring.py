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


@dataclass(frozen=True, slots=True)
class Wiring:
    """The book's sessions, the rails, and the chain."""

    sessions: Sessions
    rails: Rails
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


def wired() -> Wiring:
    """This process's wiring. A forked child makes its own: sockets do not survive a fork."""
    return _wired(os.getpid())


@lru_cache(maxsize=1)
def _wired(_pid: int) -> Wiring:
    engine = database.connect(LedgerSettings().database_url, pool_size=2, application="pennyrail-worker")
    opened = database.sessions(engine)
    chain = ChainSettings()
    rpc = Rpc(
        chain.base_rpc_url.get_secret_value(),
        expect_chain_id=chain.base_chain_id,
        deadline_seconds=chain.chain_deadline_seconds,
    )
    return Wiring(opened, registry.load(opened), chain, rpc)
