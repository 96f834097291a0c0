"""House accounts as sharded rows, as one row each, and with no row at all: the ground of decision 0003.

The functions that ship are rewritten in a copy of the book: nothing else differs.
"""

import re
from collections.abc import Iterator
from typing import Final

import psycopg

from bench import Figure, _pgbench, _statements
from bench._pgbench import LIMIT, Work
from bench._run import Run
from bench._server import connect

SHARD: Final = "pg_backend_pid() % 16"
MOVING: Final = ("lock_house", "write_house", "book")
SOURCE: Final = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s"
GRANT: Final = _statements.GRANT
DEBIT: Final = _statements.DEBIT


def measure(run: Run) -> Iterator[Figure]:
    """Grants and debits of each kind of house accounts, at each number of clients."""
    shards = run.server.book("house_sharded")
    with connect(shards) as connection:
        shipped = sources(connection)
    rows = run.server.book("house_one_row", changed=one_row(shipped))
    without = run.server.book("house_derived", changed=derived(shipped))
    work = {LIMIT: Work(url=shards, script=_statements.LIMIT)}
    for kind, script in {"grant": GRANT, "debit": DEBIT}.items():
        work[f"{kind}, 16 sharded rows"] = Work(url=shards, script=script)
        work[f"{kind}, one row"] = Work(url=rows, script=script)
        work[f"{kind}, derived, no row"] = Work(url=without, script=script)
    for clients in run.effort.clients:
        if clients > 1:
            yield from _pgbench.compare(run, work, clients=clients)


def sources(connection: psycopg.Connection) -> dict[str, str]:
    """The functions that move house accounts, as they are in this book."""
    found = {name: connection.execute(SOURCE, [name]).fetchone() for name in MOVING}
    return {name: str(row[0]) for name, row in found.items() if row is not None}


def one_row(shipped: dict[str, str]) -> str:
    """The statements that give every house account one row."""
    changed = [_replaced(source, SHARD, "0") for source in shipped.values()]
    # The chart says how many rows an account is opened with. Those of before are left alone.
    return ";\n".join(["UPDATE account_class SET shards = 1", *changed])


def derived(shipped: dict[str, str]) -> str:
    """Entries of the house accounts without a balance: nothing to lock, to count or to chain.

    The transaction's own number stands for `seq`, which must differ from leg to leg of an account.
    """
    head, _, _ = shipped["lock_house"].partition("AS $function$")
    lock = f"{head}AS $function$ BEGIN last_at := '-infinity'; END $function$"
    moved = re.compile(r"(?<=moved AS \(\n).*?(?=\n    \)\n    INSERT INTO entry)", re.DOTALL)
    book, times = moved.subn(DERIVED_LEGS, shipped["book"])
    assert times == 1, "the shape of book() has changed: fit the derived variant to it"
    return ";\n".join((OPENED, lock, book))


OPENED: Final = "SELECT open_accounts(ARRAY['spent', 'prepaid_liability', 'revenue'])"
DERIVED_LEGS: Final = """
        SELECT
            leg.place::smallint, account.id AS account_id, -1::smallint AS shard, account.asset, leg.amount,
            book.id AS seq, 0::bigint AS posted, ''::bytea AS head
        FROM unnest(house_accounts, house_amounts) WITH ORDINALITY AS leg (name, amount, place)
        JOIN account ON account.name = leg.name
        WHERE leg.amount <> 0 AND leg.place BETWEEN 1 AND 1000"""


def _replaced(source: str, old: str, new: str) -> str:
    assert old in source, "the functions no longer choose a shard so: fit this bench to them"
    return source.replace(old, new)
