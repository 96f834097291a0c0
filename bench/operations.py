"""Operations a second, each in a transaction of its own, against one statement of the same width.

The limit inserts one row as wide as an entry and updates one balance row, in one statement: no ledger that
commits every operation by itself can be faster. The server has its defaults, fsync too.
"""

from collections.abc import Iterator
from typing import Final

from bench import Figure, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._pool import Pool
from bench._run import Run

MOST_A_SECOND: Final = 8_000
"""More holds than this are never closed in a second, here."""


def measure(run: Run) -> Iterator[Figure]:
    """Every operation at every number of clients. The goals are for the number that the others use too."""
    for clients in run.effort.clients:
        # A new book each time, so that none is measured on the rows that the others have left behind.
        name = f"operations_{clients}"
        url = run.server.book(name)
        yield from _pgbench.compare(
            run, _work(run, url, judged=clients == run.effort.compared), clients=clients
        )
        run.server.drop(name)


def _work(run: Run, url: str, *, judged: bool) -> dict[str, Work]:
    pool = Pool(url)

    def fill() -> None:
        pool.fill(run.effort.seconds * MOST_A_SECOND)

    def goal(ratio: float) -> float | None:
        return ratio if judged else None

    return {
        LIMIT: Work(url=url, script=_statements.LIMIT),
        "hold": Work(url=url, script=_statements.HOLD, goal=goal(0.60)),
        "release": Work(url=url, script=_statements.RELEASE, before=fill),
        "capture, lots and dollar legs": Work(
            url=url, script=_statements.CAPTURE, before=fill, goal=goal(0.40)
        ),
        "debit, lots and dollar legs": Work(url=url, script=_statements.DEBIT, goal=goal(0.40)),
        "grant, lots and dollar legs": Work(url=url, script=_statements.GRANT, goal=goal(0.55)),
        "house posting": Work(url=url, script=_statements.POSTING),
        "batch of 50 holds": Work(
            url=url, script=_statements.HOLDS_IN_BATCH, each=_statements.BATCH, goal=goal(1.5)
        ),
    }
