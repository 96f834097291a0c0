"""Operations a second over a book of millions of entries, against the same over an empty one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from bench import Figure, _filling, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._run import Run

SCRIPTS: Final = {"hold": _statements.HOLD, "debit": _statements.DEBIT, "grant": _statements.GRANT}


def measure(run: Run) -> Iterator[Figure]:
    """Holds, debits and grants at every size; the limit is the empty book's rate."""
    books = _books(run)
    for kind, script in SCRIPTS.items():
        work = {LIMIT: Work(url=books[0], script=script)}
        for size in run.effort.book_entries:
            goal = 0.85 if size == max(run.effort.book_entries) else None
            work[f"{kind}, {size:,} entries"] = Work(url=books[size], script=script, entries=size, goal=goal)
        for figure in _pgbench.compare(run, work, clients=run.effort.compared):
            yield replace(figure, series=kind)


def _books(run: Run) -> dict[int, str]:
    """An empty book and the filled ones, by size; each is grown from the one before."""
    books, before = {0: run.server.book("entries_0")}, 0
    for size in run.effort.book_entries:
        run.progress(f"filling in {size:,} entries")
        books[size] = run.server.book(f"entries_{size}", like=f"entries_{before}")
        _filling.fill(books[size], entries=size - before)
        before = size
    return books
