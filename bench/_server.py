"""A database server with books to measure on: a thousand agents, each with one lot it cannot use up."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from app.migrations.run import migrate
from bench import _statements

AGENTS: Final = 1_000
TEMPLATE: Final = "bench_template"

# The limit's tables have the width of the real ones. Its rows carry a unique reference, as each of ours does.
PREPARE: Final = """
CREATE TABLE limit_balance (LIKE balance INCLUDING ALL);
ALTER TABLE limit_balance SET (fillfactor = 50);
CREATE TABLE limit_entry (LIKE entry INCLUDING DEFAULTS);
ALTER TABLE limit_entry ADD COLUMN reference text PRIMARY KEY;
INSERT INTO limit_balance (account_id, shard)
SELECT number, 0
FROM generate_series(1, 1000) AS number;
CREATE SEQUENCE open_hold;
CREATE SEQUENCE placed_hold;
"""


@dataclass(frozen=True)
class Server:
    """A running server. Its template database is cloned, never measured on."""

    url: str

    def prepare(self) -> None:
        """Make the template."""
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        template = self._in(TEMPLATE)
        migrate(template)
        with connect(template) as connection:
            connection.execute(PREPARE)
            connection.execute(_statements.OPENING_GRANTS)
        settle(template)

    def book(self, name: str, *, like: str = TEMPLATE, changed: str = "") -> str:
        """The URL of a new database like another one, with the statements `changed` run in it."""
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(like)
            )
        )
        url = self._in(name)
        if changed:
            with connect(url) as connection:
                connection.execute(changed.encode())
        return url

    def drop(self, name: str) -> None:
        """Remove a book."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _in(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: sql.Composed) -> None:
        with connect(self.url) as connection:
            connection.execute(statement)


def connect(url: str) -> psycopg.Connection:
    """A connection on which every statement is a transaction."""
    return psycopg.connect(url, autocommit=True)


def settle(url: str) -> None:
    """Do now what the server would otherwise do in the middle of a measurement."""
    with connect(url) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
