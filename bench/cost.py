"""CPU time of the server for one call, which other load on the machine hardly changes."""

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from bench import Figure, _statements
from bench._pool import Pool
from bench._run import Run
from bench._server import connect

UNIT: Final = "cpu us"
SCRIPTS: Final = {
    "limit": _statements.LIMIT,
    "hold": _statements.HOLD,
    "release": _statements.RELEASE,
    "capture": _statements.CAPTURE,
    "debit": _statements.DEBIT,
    "grant": _statements.GRANT,
    "house posting": _statements.POSTING,
    "batch of 50 holds": _statements.HOLDS_IN_BATCH,
}


def measure(run: Run) -> Iterator[Figure]:
    """Microseconds of the backend for a call, without the wait for the disk; the limit is the limit's."""
    url = run.server.book("cost")
    costs = costs_of(run, url, SCRIPTS)
    for name, value in costs.items():
        each = _statements.BATCH if name.startswith("batch") else 1
        yield Figure(name, 1, value / each, costs["limit"], unit=UNIT)


def costs_of(run: Run, url: str, scripts: dict[str, str]) -> dict[str, float]:
    """The median over the rounds of each script's microseconds a call."""
    rounds: dict[str, list[float]] = {name: [] for name in scripts}
    pool = Pool(url)
    with connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        for turn in range(run.effort.rounds):
            for name, script in scripts.items():
                run.progress(f"round {turn + 1} of {run.effort.rounds}: {name}")
                if "open_hold" in script:
                    pool.fill(run.effort.calls + 20)
                rounds[name].append(_call(connection, script, run.effort.calls))
    return {name: statistics.median(found) for name, found in rounds.items()}


def _call(connection: psycopg.Connection, script: str, calls: int) -> float:
    statement = script.removeprefix(_statements.CHOOSE)
    statement = (
        statement.replace(":agent", "%(agent)s").replace("(:key)", "(%(key)s)").replace("(:client_id)", "(0)")
    )
    calls = calls // 10 if "generate_series" in script else calls

    def call(agent: int) -> None:
        key = random.getrandbits(62)
        connection.execute(statement.encode(), {"agent": agent, "key": key}, prepare=True)

    # The first calls plan and prepare.
    for agent in range(1, 11):
        call(agent)
    before = _cpu_seconds(connection)
    for number in range(calls):
        call(number * 7 % 1000 + 1)
    return (_cpu_seconds(connection) - before) / calls * 1e6


def _cpu_seconds(connection: psycopg.Connection) -> float:
    """How long the backend has computed; the scheduler counts it when the backend waits for us."""
    time.sleep(0.002)
    nanoseconds = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1e9
