"""What the hash chain costs: the same operations over a book whose links are empty."""

from collections.abc import Iterator
from typing import Final

from bench import Figure, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._run import Run

UNCHAINED: Final = """
CREATE OR REPLACE FUNCTION chain_hash(
    head bytea, told bytea, account text, shard smallint, seq bigint,
    amount bigint, balance_after bigint, held bigint, held_after bigint
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
    SELECT ''::bytea
$$;
"""


def measure(run: Run) -> Iterator[Figure]:
    """The rate with the chain; the limit is the rate without it."""
    chained = run.server.book("chained")
    unchained = run.server.book("unchained", changed=UNCHAINED)
    for name, script in {
        "hold": _statements.HOLD,
        "debit": _statements.DEBIT,
        "grant": _statements.GRANT,
    }.items():
        work = {
            LIMIT: Work(url=unchained, script=script),
            f"{name}, chained": Work(url=chained, script=script, goal=0.85),
        }
        yield from _pgbench.compare(run, work, clients=run.effort.compared)
