"""A watcher in a process of its own that reads again and again under the lease.

python -m tests.chain.watcher_process DATABASE_URL RPC_URL LEASE_SECONDS [DIE_AT]: DIE_AT is the call to the
node, or the step by name, at which the process kills itself as a power cut would: nothing of Python runs.
"""

import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from sqlmodel import Session
from typing_extensions import override

from ledger import database
from rails.chain import watcher
from rails.chain.errors import RpcError
from rails.chain.providers import Provider, Providers
from rails.chain.rpc import Rpc, T
from tests.chain.fakes import CHAIN_ID, Watched
from tests.chain.watching import PLAN


def die() -> None:
    """End as if the power went."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingRpc(Rpc):
    """A client whose process dies right before a call."""

    def __init__(self, url: str, *, dies_at: int) -> None:
        super().__init__(url, expect_chain_id=CHAIN_ID)
        self.left = dies_at

    @override
    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        self.left -= 1
        if self.left == 0:
            die()
        return super().call(method, parameters, answer=answer)


class DyingWatched(Watched):
    """A watch-list whose process dies when it is told, before anything is committed."""

    @override
    def changed(self, session: Session, addresses: Collection[str]) -> None:
        session.flush()
        die()


def main(database_url: str, rpc_url: str, seconds: str, dies_at: str = "") -> None:
    """Read until killed."""
    engine = database.connect(database_url, pool_size=2)
    rpc = DyingRpc(rpc_url, dies_at=int(dies_at) if dies_at.isdigit() else -1)
    watch = DyingWatched() if dies_at == "before the commit" else Watched()
    plan = replace(PLAN, lease_seconds=float(seconds))
    nodes, opened = Providers([Provider(rpc)]), database.sessions(engine)

    @contextmanager
    def sessions() -> Iterator[Session]:
        with opened() as session:
            yield session
        if dies_at == "after the commit" and watch.told:
            die()

    while True:
        with suppress(RpcError):
            watcher.read(sessions, nodes, watch, plan, holder=str(os.getpid()), now=datetime.now(UTC))
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
