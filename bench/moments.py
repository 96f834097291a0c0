"""The balance of a long account as of a past moment, as one client sees it."""

from collections.abc import Iterator
from typing import Final

from bench import Figure, Row, Skipped, _filling, _pgbench
from bench._pgbench import Work
from bench._run import Run
from bench._server import connect

NAME: Final = "balance as of a moment, p50"
ACCOUNT: Final = "agent:long"
# Any moment of the account's life.
SCRIPT: Final = """\\set seconds random(1, 300000)
SELECT posted FROM balance_at('agent' || chr(58) || 'long', now() - :seconds * interval '1 second');
"""


def measure(run: Run) -> Iterator[Row]:
    """The median of single reads in milliseconds, the whole round trip."""
    url = run.server.book("moments")
    with connect(url) as connection:
        known = connection.execute("SELECT FROM pg_proc WHERE proname = 'balance_at'").fetchone()
    if known is None:
        yield Skipped(NAME, "this database has no balance_at()")
        return
    run.progress(f"filling an account with {run.effort.long_account:,} entries")
    _filling.lengthen(url, ACCOUNT, entries=run.effort.long_account)
    rounds = []
    for turn in range(run.effort.rounds):
        run.progress(f"round {turn + 1} of {run.effort.rounds}")
        rounds.append(_pgbench.median_milliseconds(Work(url=url, script=SCRIPT), calls=run.effort.calls))
    value = sorted(rounds)[len(rounds) // 2]
    yield Figure(NAME, 1, value, unit="ms", goal=0.3, entries=run.effort.long_account)
