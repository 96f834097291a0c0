"""Reading at any size: rows come through a cursor of the server, all from one state of the database."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import TextClause
from sqlmodel import Session, text

from ledger.database import Sessions
from office.exports.columns import Row

# So many rows are in memory at a time.
_AT_A_TIME: Final = 2000


@contextmanager
def opened(sessions: Sessions) -> Iterator[Session]:
    """A session that only reads, and that sees the database as it is now until it ends."""
    with sessions() as session:
        connection = session.connection()
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        # Nothing waits for a reader, and a disk or a pipe may be slow.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10min'"))
        yield session


def rows(session: Session, query: TextClause, given: Mapping[str, object]) -> Iterator[Row]:
    """The rows of a query, a few of them in memory at a time."""
    found = session.connection().execute(
        query, dict(given), execution_options={"stream_results": True, "max_row_buffer": _AT_A_TIME}
    )
    try:
        # Without a size, all rows would be one part.
        for part in found.partitions(_AT_A_TIME):
            yield from part
    finally:
        found.close()


def about(session: Session, query: TextClause, given: Mapping[str, object]) -> int:
    """How many rows a query has, as far as the planner can tell without reading them."""
    plan = session.connection().execute(text(f"EXPLAIN (FORMAT JSON) {query.text}"), dict(given)).scalar_one()
    told = json.loads(plan) if isinstance(plan, str) else plan
    return int(told[0]["Plan"]["Plan Rows"])
