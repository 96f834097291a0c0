"""Exports of a journal: rows a second beside PostgreSQL's COPY, and memory beside that of a small book."""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from bench import Figure, _filling
from bench._run import Run
from bench._server import connect
from ledger import database
from office.exports import catalogue, snapshot, store
from office.exports.scope import Scope

SMALL: Final = 20_000
FORMATS: Final = ("csv", "jsonl", "parquet", "hledger", "beancount")
_EVER: Final = datetime(2099, 1, 1, tzinfo=UTC)
# What every format has to read at least.
_COPY: Final = """
COPY (
    SELECT told.*, entry.*, account.name
    FROM ledger_transaction AS told
    LEFT JOIN entry ON entry.transaction_id = told.id
    LEFT JOIN account ON account.id = entry.account_id
    ORDER BY told.id, entry.leg
) TO STDOUT
"""


class Written(NamedTuple):
    """What a process of its own has written, and the most memory it ever had."""

    rows: int
    seconds: float
    megabytes: float


def measure(run: Run) -> Iterator[Figure]:
    """Every format in a process of its own. Memory may grow by a quarter, whatever the book's size."""
    large = min(run.effort.book_entries)
    books = {size: run.server.book(f"exporting_{size}") for size in (SMALL, large)}
    for size, url in books.items():
        run.progress(f"filling in {size:,} entries")
        _filling.fill(url, entries=size)
    run.progress("copying")
    copied = _copied(books[large])
    for form in FORMATS:
        told = {}
        for size, url in books.items():
            run.progress(f"{form}, {size:,} entries")
            told[size] = _alone(url, form, run.folder / form)
        most, least = told[large], told[SMALL]
        rate = most.rows / most.seconds
        yield Figure(f"{form}, rows", 1, rate, copied, entries=large)
        memory = most.megabytes, least.megabytes
        yield Figure(f"{form}, memory", 1, *memory, unit="MB", goal=0.8, entries=large)


def _copied(url: str) -> float:
    """The rows a second that PostgreSQL copies out by itself."""
    began_at, rows = time.monotonic(), 0
    with connect(url) as connection, connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        assert isinstance(cursor, psycopg.Cursor)
        for block in copy:
            rows += bytes(block).count(b"\n")
    return rows / (time.monotonic() - began_at)


def _alone(url: str, form: str, file: Path) -> Written:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_write, url, form, file).result()


def _write(url: str, form: str, file: Path) -> Written:
    engine = database.connect(url, pool_size=1)
    order = catalogue.order(data_set="journal", format_name=form, scope=Scope(ends_at=_EVER))
    began_at, rows = time.monotonic(), 0

    def told(more: int) -> None:
        nonlocal rows
        rows += more

    with (
        store.written(file.parent, file.name) as (out, _),
        snapshot.opened(database.sessions(engine)) as session,
    ):
        catalogue.write(session, order, out, told=told)
    engine.dispose()
    store.remove(file.parent, file.name)
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Written(rows, time.monotonic() - began_at, peak)
