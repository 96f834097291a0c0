"""Runs statements with pgbench, so that no client's speed is measured, and compares them to their limit."""

import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from bench import Figure
from bench._run import Run
from sandbox import embedded

LIMIT: Final = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A script, and the database it runs in. It does `each` things at a time; `before` prepares a round."""

    url: str
    script: str
    each: int = 1
    goal: float | None = None
    before: Callable[[], object] = lambda: None
    entries: int = 0


def compare(run: Run, work: Mapping[str, Work], *, clients: int, limit: str = LIMIT) -> Iterator[Figure]:
    """The median figure of everything but the limit, which is the work of that name."""
    rates: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(run.effort.rounds):
        # Interleaved, so that a busy moment of the machine meets all of them.
        for name, each in work.items():
            run.progress(f"{clients} clients, round {turn + 1} of {run.effort.rounds}: {name}")
            each.before()
            rates[name].append(rate(each, clients=clients, seconds=run.effort.seconds))
    for name, each in work.items():
        if name != limit:
            yield _median(name, each, clients, rates[name], rates[limit])


def rate(work: Work, *, clients: int, seconds: int) -> float:
    """How many things a second were done."""
    printed = _run(work, clients, ["--time", str(seconds)])
    found = re.search(r"tps = ([\d.]+)", printed)
    assert found, printed
    return float(found[1]) * work.each


def median_milliseconds(work: Work, *, calls: int) -> float:
    """How long the median of `calls` took for one client, as it sees it."""
    with tempfile.TemporaryDirectory() as name:
        prefix = Path(name) / "log"
        _run(work, 1, ["--transactions", str(calls), "--log", "--log-prefix", str(prefix)])
        lines = [line for log in prefix.parent.iterdir() for line in log.read_text().splitlines()]
    # A line is client, transaction, microseconds, ...
    return statistics.median(int(line.split()[2]) for line in lines) / 1000


def _median(name: str, work: Work, clients: int, rates: list[float], limits: list[float]) -> Figure:
    # The round whose ratio is the median: a rate is only compared to the limit of the same seconds.
    rounds = sorted(zip(rates, limits, strict=True), key=lambda pair: pair[0] / pair[1])
    value, limit = rounds[len(rounds) // 2]
    return Figure(name, clients, value, limit, goal=work.goal, entries=work.entries)


def _run(work: Work, clients: int, options: list[str]) -> str:
    parsed = make_url(work.url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(work.script)
        script.flush()
        command = [
            *(str(embedded.binary("pgbench")), "--no-vacuum", "--protocol", "prepared", *options),
            *("--client", str(clients), "--jobs", str(min(clients, os.cpu_count() or 1))),
            *("--file", script.name, "--host", str(parsed.query["host"]), "--username", str(parsed.username)),
            str(parsed.database),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout
