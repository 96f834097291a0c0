"""Operations a second over a book of millions of entries, against the same over an empty one."""

from collections.abc import Iterator

from bench import Figure, _filling, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._run import Run


def measure(run: Run) -> Iterator[Figure]:
    """Holds, debits and grants at every size; the limit is the empty book's rate."""
    books = {0: run.server.book("empty")}
    like = "empty"
    for size in run.effort.book_entries:
        run.progress(f"filling in {size:,} entries")
        name = f"entries_{size}"
        books[size] = run.server.book(name, like=like)
        _filling.fill(books[size], entries=size - max(size_so_far for size_so_far in books if size_so_far != size))
        like = name
    for kind, script in {
        "hold": _statements.HOLD,
        "debit": _statements.DEBIT,
        "grant": _statements.GRANT,
    }.items():
        work = {LIMIT: Work(url=books[0], script=script)}
        for size in run.effort.book_entries:
            goal = 0.85 if size == max(run.effort.book_entries) else None
            name = f"{kind}, {size:,} entries"
            work[name] = Work(url=books[size], script=script, entries=size, goal=goal)
        for figure in _pgbench.compare(run, work, clients=run.effort.compared):
            yield figure
