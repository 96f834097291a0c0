"""Open holds for capture and release to close: a sequence walks through them."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from bench import _statements
from bench._server import connect

AT_A_TIME: Final = 1_000


@dataclass
class Pool:
    """The holds hold_1, hold_2, ... of one book. One sequence counts those placed, another those closed."""

    url: str

    def fill(self, ready: int) -> None:
        """Place holds until `ready` of them are open."""
        with connect(self.url) as connection:
            used, filled = _last(connection, "open_hold"), _last(connection, "placed_hold")
            if used > filled:
                raise RuntimeError(f"{used - filled} operations found no open hold: fill in more")
            connection.execute("SET synchronous_commit = off")
            while filled < used + ready:
                last = filled + AT_A_TIME
                connection.execute(_statements.OPEN_HOLDS, {"first": filled + 1, "last": last})
                connection.execute("SELECT setval('placed_hold', %s)", [last])
                filled = last


def _last(connection: psycopg.Connection, sequence: str) -> int:
    statement = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}")
    row = connection.execute(statement.format(sql.Identifier(sequence))).fetchone()
    assert row is not None
    return int(row[0])
