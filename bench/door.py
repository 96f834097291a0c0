"""POST /internal/v1/holds at 64 connections, against an endpoint that does nothing and against one by one."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from bench import Figure, Row, Skipped
from bench._load import Load, rate
from bench._run import Run
from bench._serving import environment as environment_of
from bench._serving import serving

HOLDS: Final = "/internal/v1/holds"
HOLD: Final = (
    '{"idempotency_key":"{key}","agent_id":"{agent}","credits":1,"job_id":"job","timeout_seconds":3600}'
)
ONE_BY_ONE: Final = {"PENNYRAIL_INTERNAL_GROUP_MOST": "1"}
GROUPED: Final = "holds, grouped, by no-op"
TIMES: Final = "holds, grouped, by one by one"


def measure(run: Run) -> Iterator[Row]:
    """Rates of the same server process, each round against the endpoint that does nothing."""
    database_url = run.server.book("door")
    environment = environment_of(database_url)
    with (
        serving(run, environment, "grouped") as port,
        serving(run, {**environment, **ONE_BY_ONE}, "one-by-one") as alone_port,
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
        found = rates(run, loads)
    yield from _figures(found)


def _figures(rates: Mapping[str, list[float]]) -> Iterator[Row]:
    connections = Load(port=0, path="").connections
    yield median("healthz, by no-op", connections, rates["healthz"], rates["no-op"], None)
    if GROUPED not in rates:
        yield Skipped(GROUPED, "this application has no service tokens")
        return
    yield median(GROUPED, connections, rates[GROUPED], rates["no-op"], 0.40)
    yield median("holds, one by one, by no-op", connections, rates["one by one"], rates["no-op"], None)
    yield median(TIMES, connections, rates[GROUPED], rates["one by one"], 3.0)


def median(
    name: str, connections: int, values: list[float], limits: list[float], goal: float | None
) -> Figure:
    """The round in the middle, by what part of the limit was reached in it."""
    pairs = sorted(zip(values, limits, strict=True), key=lambda pair: pair[0] / pair[1])
    value, limit = pairs[len(pairs) // 2]
    return Figure(name, connections, value, limit, goal=goal)


def rates(run: Run, loads: Mapping[str, Load]) -> dict[str, list[float]]:
    """The rates of all loads, in turns, so that what else the machine does meets all of them."""
    measured: dict[str, list[float]] = {name: [] for name in loads}
    for turn in range(run.effort.rounds):
        for name, load in loads.items():
            run.progress(f"round {turn + 1} of {run.effort.rounds}: {name}")
            measured[name].append(rate(load))
    return measured


def _token(environment: Mapping[str, str]) -> str | None:
    command = [sys.executable, "-m", "app.cli", "service-token", "create", "bench", "--scope", "holds:write"]
    made = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    return made.stdout.strip() if made.returncode == 0 else None
