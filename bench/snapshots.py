"""Balance, holds and lots of one agent in one statement, against SELECT 1."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlmodel import Session, text

from bench import Figure, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._run import Run
from ledger import balances, database


def measure(run: Run) -> Iterator[Figure]:
    """Reads a second by pgbench at each number of clients, and through Python with one."""
    url = run.server.book("snapshots")
    work = {
        LIMIT: Work(url=url, script="SELECT 1;\n"),
        "snapshot": Work(url=url, script=_script(), goal=0.5),
    }
    for clients in run.effort.clients:
        yield from _pgbench.compare(run, work, clients=clients)
    yield _through_python(run, url)


def _script() -> str:
    account = "('agent' || chr(58) || :agent::integer)"
    return f"{_statements.CHOOSE}{balances._SNAPSHOT.text.replace(':account', account)};\n"


def _through_python(run: Run, url: str) -> Figure:
    engine = database.connect(url)
    now = datetime.now(UTC)
    one = text("SELECT 1")
    try:
        with Session(engine) as session:
            pairs = []
            for turn in range(run.effort.rounds):
                run.progress(f"through Python, round {turn + 1} of {run.effort.rounds}")
                limit = _rate(run, lambda _: session.connection().execute(one).scalar_one())
                value = _rate(
                    run, lambda number: balances.snapshot(session, agent_id=str(number % 1000 + 1), now=now)
                )
                pairs.append((value, limit))
    finally:
        engine.dispose()
    value, limit = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
    return Figure("snapshot, through SQLAlchemy", 1, value, limit, goal=0.5)


def _rate(run: Run, call: Callable[[int], object]) -> float:
    began_at = time.perf_counter()
    for number in range(run.effort.calls):
        call(number)
    return run.effort.calls / (time.perf_counter() - began_at)
