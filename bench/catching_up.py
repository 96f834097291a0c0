"""How fast a day of Base is caught up on, from a node into PostgreSQL, with 100,000 addresses watched.

The node is made up (bench/_node.py) and on loopback: it answers at once, so this is our part of the time. 75
USDC transfers a block are read, four of them are ours: two a second.
"""

import gc
import statistics
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlmodel import Session
from typing_extensions import override

from bench import Figure, Progress
from bench._node import CHAIN_ID, address, running
from bench._run import Run
from bench._server import connect
from ledger import database
from ledger.database import Sessions
from rails.chain import finality, scanner
from rails.chain.rpc import Rpc
from rails.chain.scanner import Limits, Outcome
from rails.chain.settings import BASE_USDC

DAY_BLOCKS: Final = 43_200
LOGS: Final = 75
OURS: Final = 4
WATCHED: Final = 100_000
RUNS: Final = 3
CHUNK_BLOCKS: Final = 50
BLOCKS_PER_SECOND: Final = 0.5
UNREAD: Final = msgspec.json.Decoder(msgspec.Raw)
NOW: Final = datetime(2026, 8, 1, 12, tzinfo=UTC)


@dataclass
class _Watch(scanner.Watch):
    """Everybody of the list, who wants to hear of nothing."""

    listed: frozenset[str]

    @override
    def addresses(self, session: Session) -> Collection[str]:
        return self.listed

    @override
    def changed(self, session: Session, addresses: Collection[str]) -> None:
        return

    @override
    def deeper_than_final(self, session: Session, *, chain_id: int, detail: str) -> None:
        raise AssertionError(detail)


def measure(run: Run) -> Iterator[Figure]:
    """Blocks a second; the limits are the chain's pace, and fetching the same logs without reading them."""
    blocks = DAY_BLOCKS if run.effort.rounds >= 5 else DAY_BLOCKS // 10
    url = run.server.book("catching_up")
    engine = database.connect(url, pool_size=2)
    watch = _Watch(frozenset(address(number) for number in range(WATCHED)))
    kept, fetched = [], []
    with running(blocks=blocks, logs=LOGS, ours=OURS, watched=WATCHED) as node:
        for turn in range(RUNS):
            with connect(url) as connection:
                connection.execute("TRUNCATE chain_cursor, deposit")
            gc.collect()
            began_at = time.perf_counter()
            _catch_up(database.sessions(engine), node, watch, blocks, run.progress, turn)
            kept.append(time.perf_counter() - began_at)
            began_at = time.perf_counter()
            _fetch(node, blocks)
            fetched.append(time.perf_counter() - began_at)
    engine.dispose()
    seconds = statistics.median(kept)
    rate, limit = blocks / seconds, blocks / statistics.median(fetched)
    yield Figure("blocks, by the pace of Base", 1, rate, BLOCKS_PER_SECOND, goal=200)
    yield Figure("blocks, by fetching their logs", 1, rate, limit)
    yield Figure("logs read", 1, rate * LOGS)
    yield Figure("deposits kept", 1, rate * OURS)
    yield Figure(f"{blocks:,} blocks", 1, seconds * 1_000, unit="ms")


def _fetch(node: str, blocks: int) -> None:
    with Rpc(node, expect_chain_id=CHAIN_ID, deadline_seconds=60) as rpc:
        for start in range(1, blocks + 1, CHUNK_BLOCKS):
            end = min(start + CHUNK_BLOCKS - 1, blocks)
            query = {"address": BASE_USDC, "fromBlock": hex(start), "toBlock": hex(end)}
            rpc.call("eth_getLogs", [query], answer=UNREAD)


def _catch_up(
    sessions: Sessions, node: str, watch: _Watch, blocks: int, progress: Progress, turn: int
) -> None:
    new = 0
    with Rpc(node, expect_chain_id=CHAIN_ID, deadline_seconds=60) as rpc:
        while True:
            report = scanner.scan(
                sessions,
                rpc,
                watch,
                token=BASE_USDC,
                policy=finality.parse("safe"),
                now=NOW,
                limits=Limits(chunk_blocks=CHUNK_BLOCKS, start_margin_blocks=blocks),
            )
            assert report.outcome is Outcome.KEPT, report
            new += report.new
            progress(f"run {turn + 1}, {report.behind:,} blocks behind")
            if report.behind == 0:
                break
    assert new == blocks * OURS, new
