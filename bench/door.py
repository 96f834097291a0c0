"""POST /internal/v1/holds at 64 connections, against an endpoint that does nothing and against one by one."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from bench import Figure, Row, Skipped
from bench._load import Load, rate
from bench._run import Run
from sandbox.processes import child

HOLDS: Final = "/internal/v1/holds"
HOLD: Final = (
    '{"idempotency_key":"{key}","agent_id":"{agent}","credits":1,"job_id":"job","timeout_seconds":3600}'
)
ONE_BY_ONE: Final = {"PENNYRAIL_INTERNAL_GROUP_MOST": "1"}
START_SECONDS: Final = 30
GROUPED: Final = "holds, grouped, by no-op"
TIMES: Final = "holds, grouped, by one by one"


def measure(run: Run) -> Iterator[Row]:
    """Rates of the same server process, each round against the endpoint that does nothing."""
    database_url = run.server.book("door")
    environment = _environment(database_url)
    with (
        _serving(run, environment, "grouped") as port,
        _serving(run, {**environment, **ONE_BY_ONE}, "one-by-one") as alone_port,
    ):
        loads = {
            "no-op": Load(port=port, path="/noop", method="POST", body=HOLD, seconds=run.effort.seconds),
            "healthz": Load(port=port, path="/healthz", seconds=run.effort.seconds),
        }
        token = _token(environment)
        if token:
            ask = {"authorization": f"Bearer {token}"}
            for name, where in {GROUPED: port, "one by one": alone_port}.items():
                loads[name] = Load(
                    port=where, path=HOLDS, method="POST", body=HOLD, headers=ask, seconds=run.effort.seconds
                )
        rates = _rates(run, loads)
    yield from _figures(rates)


def _figures(rates: Mapping[str, list[float]]) -> Iterator[Row]:
    connections = Load(port=0, path="").connections
    yield _median("healthz, by no-op", connections, rates["healthz"], rates["no-op"], None)
    if GROUPED not in rates:
        yield Skipped(GROUPED, "this application has no service tokens")
        return
    yield _median(GROUPED, connections, rates[GROUPED], rates["no-op"], 0.40)
    yield _median("holds, one by one, by no-op", connections, rates["one by one"], rates["no-op"], None)
    yield _median(TIMES, connections, rates[GROUPED], rates["one by one"], 3.0)


def _median(
    name: str, connections: int, values: list[float], limits: list[float], goal: float | None
) -> Figure:
    pairs = sorted(zip(values, limits, strict=True), key=lambda pair: pair[0] / pair[1])
    value, limit = pairs[len(pairs) // 2]
    return Figure(name, connections, value, limit, goal=goal)


def _rates(run: Run, loads: Mapping[str, Load]) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in loads}
    for turn in range(run.effort.rounds):
        for name, load in loads.items():
            run.progress(f"round {turn + 1} of {run.effort.rounds}: {name}")
            rates[name].append(rate(load))
    return rates


def _environment(database_url: str) -> dict[str, str]:
    """What the application wants to know; nothing but the database is there, and nothing else is asked."""
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{'b' * 32}",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:1",
    }


def _token(environment: Mapping[str, str]) -> str | None:
    command = [sys.executable, "-m", "app.cli", "service-token", "create", "bench", "--scope", "holds:write"]
    made = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    return made.stdout.strip() if made.returncode == 0 else None


@contextmanager
def _serving(run: Run, environment: Mapping[str, str], name: str) -> Iterator[int]:
    run.progress(f"starting the application, {name}")
    port = _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "--factory", "bench._serving:application"),
        *("--port", str(port), "--no-access-log", "--log-level", "warning"),
    ]
    log = run.folder / f"{name}.log"
    server = child(command, log=log, environment=environment)
    try:
        give_up_at = time.monotonic() + START_SECONDS
        while not _answers(port):
            if server.ended or time.monotonic() > give_up_at:
                raise RuntimeError(f"the application did not start\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield port
    finally:
        server.stop()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
