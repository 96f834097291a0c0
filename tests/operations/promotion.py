"""`python -m tests.operations.promotion`: the primary is killed under load, and its standby takes over.

Nothing that was acknowledged may be missing on the standby, and nobody restarts a process of ours.
"""

import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import httpx
import psycopg
import typer

from app import service_tokens
from ledger import audit, credits, database
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Grant
from sandbox import embedded
from sandbox.processes import child
from tests.app.test_ingest_killed import SECRET, free_port
from tests.conftest import memory
from tests.operations import cluster
from tests.operations.cluster import Cluster
from tests.waiting import eventually

AGENTS = 8
GRANTED = 100_000
PATIENCE_SECONDS = 180


@dataclass
class Shop:
    """A server that runs jobs: it repeats every request under its key until it is answered."""

    http: httpx.Client
    agent_id: str
    chance: random.Random
    stopping: threading.Event
    acknowledged: dict[str, int] = field(default_factory=dict)
    """The book's number of every operation that was answered, by its key."""
    answered_at: list[float] = field(default_factory=list)
    spent: int = 0
    unanswered: int = 0

    def work(self) -> None:
        """Run jobs until told to stop; no hold is left open."""
        while not self.stopping.is_set():
            job, size = f"{self.agent_id}-{len(self.acknowledged)}", self.chance.randint(1, 9)
            told = {"agent_id": self.agent_id, "job_id": job}
            hold_id = self._ask(f"hold-{job}", "holds", {**told, "credits": size, "timeout_seconds": 3600})[
                "hold_id"
            ]
            taken = self.chance.randint(1, size)
            body = {"agent_id": self.agent_id, "credits": taken}
            self._ask(f"capture-{job}", f"holds/{hold_id}/capture", body)
            self.spent += taken

    def _ask(self, key: str, path: str, body: dict[str, object]) -> dict[str, Any]:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                reply = self.http.post(f"/internal/v1/{path}", json={**body, "idempotency_key": key})
            except httpx.TransportError:
                self.unanswered += 1
                continue
            if reply.status_code == 200:
                data: dict[str, Any] = reply.json()["data"]
                self.acknowledged[f"svc:shop:{key}"] = data["transaction_id"]
                self.answered_at.append(time.monotonic())
                return data
            assert reply.status_code == 503, reply.text
            self.unanswered += 1
            time.sleep(0.05)
        raise AssertionError(f"{key} was never answered")


@dataclass(frozen=True)
class Outcome:
    """What one promotion came to."""

    seed: int
    acknowledged: int
    lost: list[str]
    wrong_balances: list[str]
    drifts: list[str]
    unanswered: int
    silent_seconds: float
    sealed_after: int

    @property
    def fine(self) -> bool:
        """Whether nothing is missing or wrong, and the processes work on."""
        return not (self.lost or self.wrong_balances or self.drifts) and self.sealed_after > 0

    def line(self) -> str:
        """The same for a person."""
        return (
            f"seed {self.seed}: acknowledged {self.acknowledged}, lost {len(self.lost)},"
            f" wrong balances {len(self.wrong_balances)}, drifts {len(self.drifts)},"
            f" asked again {self.unanswered}, silent for {self.silent_seconds:.1f} s,"
            f" sealed after {self.sealed_after}"
        )


def play(folder: Path, *, seed: int, operations: int) -> Outcome:
    """Kill the primary after about so many operations, promote the standby, and do as many again."""
    chance = random.Random(seed)
    with (
        embedded.redis(folder / "redis") as redis_url,
        cluster.running(folder) as both,
        _processes(both, redis_url, folder) as api_url,
        httpx.Client(base_url=api_url, timeout=30, trust_env=False) as http,
    ):
        shops = _open_shops(both, http, chance)
        with ThreadPoolExecutor(len(shops)) as pool:
            working = [pool.submit(shop.work) for shop in shops]
            try:
                sealed = _take_over(both, shops, chance.randint(operations // 2, operations))
                _reach(shops, _done(shops) + operations)
                eventually(lambda: _sealed(both) > sealed)
            finally:
                for shop in shops:
                    shop.stopping.set()
            for each in working:
                each.result()
        return _judge(both, shops, seed=seed, sealed=sealed)


def _take_over(both: Cluster, shops: list[Shop], operations: int) -> int:
    """How many seals the standby had when it took over."""
    _reach(shops, operations)
    both.kill_primary()
    both.promote()
    return _sealed(both)


def _reach(shops: list[Shop], operations: int) -> None:
    eventually(lambda: _done(shops) >= operations, seconds=PATIENCE_SECONDS)


def _done(shops: list[Shop]) -> int:
    return sum(len(shop.acknowledged) for shop in shops)


def _sealed(both: Cluster) -> int:
    with psycopg.connect(both.standby_url) as connection:
        row = connection.execute("SELECT count(*) FROM seal").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _processes(both: Cluster, redis_url: str, folder: Path) -> Iterator[str]:
    """The API, a worker and the clock, as production runs them; the address of the API."""
    port = free_port()
    environment = {
        "DATABASE_URL": both.url,
        "REDIS_URL": redis_url,
        "STRIPE_SECRET_KEY": "sk_test_promotion",
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "PENNYRAIL_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:1",
        "PENNYRAIL_SEAL_SECONDS": "1",
    }
    commands = {
        "api": ["api", "--port", str(port)],
        "worker": ["worker", "--concurrency", "1"],
        "beat": ["beat", "--schedule", str(folder / "schedule")],
    }
    started = [
        child([sys.executable, "-m", "app.cli", *words], log=folder / f"{name}.log", environment=environment)
        for name, words in commands.items()
    ]
    try:
        eventually(lambda: _answers(port))
        yield f"http://127.0.0.1:{port}"
        assert not any(process.ended for process in started), "a process of ours ended"
    finally:
        for process in started:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _open_shops(both: Cluster, http: httpx.Client, chance: random.Random) -> list[Shop]:
    engine = database.connect(both.primary_url, pool_size=1)
    sessions, now = database.sessions(engine), datetime.now(UTC)
    with sessions() as session:
        scopes = ("holds:write",)
        _, token = service_tokens.make(session, name="shop", scopes=scopes, expires_at=None, now=now)
    names = [f"agt_{number}" for number in range(AGENTS)]
    credits.perform(sessions, [opening(name) for name in names], now=now)
    engine.dispose()
    http.headers["authorization"] = f"Bearer {token}"
    stopping = threading.Event()
    return [Shop(http, name, random.Random(chance.random()), stopping) for name in names]


def opening(agent_id: str) -> Grant:
    """The credits that a shop's agent has bought before."""
    return Grant(
        key=f"purchase:{agent_id}",
        agent_id=agent_id,
        actor="test",
        credits=Amount(GRANTED, CREDIT),
        cents=Amount(GRANTED, USD),
        clearing="clearing:stripe",
        promotional=False,
    )


def _judge(both: Cluster, shops: list[Shop], *, seed: int, sealed: int) -> Outcome:
    acknowledged = {key: number for shop in shops for key, number in shop.acknowledged.items()}
    with psycopg.connect(both.standby_url) as connection:
        rows = connection.execute("SELECT reference, id FROM ledger_transaction").fetchall()
    kept = {str(reference): int(number) for reference, number in rows}
    engine = database.connect(both.standby_url, pool_size=1)
    sessions = database.sessions(engine)
    with sessions() as session:
        report = audit.verify(session)
    wrong = _wrong_balances(sessions, shops)
    engine.dispose()
    return Outcome(
        seed=seed,
        acknowledged=len(acknowledged),
        lost=[key for key, number in acknowledged.items() if kept.get(key) != number],
        wrong_balances=wrong,
        drifts=[str(each) for each in report.drifts],
        unanswered=sum(shop.unanswered for shop in shops),
        silent_seconds=_longest_silence(shops),
        sealed_after=_sealed(both) - sealed,
    )


def _longest_silence(shops: list[Shop]) -> float:
    moments = sorted(at for shop in shops for at in shop.answered_at)
    return max(after - before for before, after in pairwise(moments))


def _wrong_balances(sessions: Sessions, shops: list[Shop]) -> list[str]:
    with sessions() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT account.name, balance.posted, balance.held FROM balance"
            " JOIN account ON account.id = balance.account_id WHERE account.name LIKE 'agent:%%'"
        )
        found = {name: (posted, held) for name, posted, held in rows}
    return [
        f"{shop.agent_id}: {found.get(f'agent:{shop.agent_id}')}, not {GRANTED - shop.spent}"
        for shop in shops
        if found.get(f"agent:{shop.agent_id}") != (GRANTED - shop.spent, 0)
    ]


def main(
    seeds: Annotated[str, typer.Option(help="one seed, or the first and the last: 1-5")] = "1",
    operations: Annotated[int, typer.Option(help="before the primary is killed, and after", min=20)] = 2000,
) -> None:
    """Kill a primary under load, promote its standby, and count what was acknowledged and is not there."""
    first, _, last = seeds.partition("-")
    fine = True
    for seed in range(int(first), int(last or first) + 1):
        with tempfile.TemporaryDirectory(dir=memory()) as folder:
            outcome = play(Path(folder), seed=seed, operations=operations)
        typer.echo(outcome.line())
        fine = fine and outcome.fine
    raise typer.Exit(0 if fine else 1)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
