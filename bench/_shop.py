"""A database with as many purchases as wanted, and everything that follows from them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from bench import Progress
from bench._server import Server, connect, settle
from ledger import database
from office import figures
from rails.reconciliation import days

_SQL: Final = Path(__file__).with_name("shop.sql")
_INDEXES: Final = """
SELECT pg_get_indexdef(indexrelid), indexrelid::regclass::text
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indrelid
WHERE NOT indisprimary
    AND pg_class.relname = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE pg_constraint.conindid = pg_index.indexrelid)
"""


def shop(server: Server, name: str, *, purchases: int, progress: Progress) -> str:
    """The URL of a new database with this many purchases."""
    url = server.book(name)
    text = _SQL.read_text().replace("{purchases}", str(purchases))
    tables = sorted(set(re.findall(r"^INSERT INTO (\w+)", text, re.MULTILINE)))
    with connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET maintenance_work_mem = '512MB'")
        for table in tables:
            # The rows are made as they should be: to check each one would take most of the time.
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(sql.Identifier(table)))
        indexes = connection.execute(_INDEXES, [tables]).fetchall()
        for _, index in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(index)))
        for step, statement in enumerate(_statements(text)):
            progress(f"{purchases:,} purchases, step {step + 1}")
            _run(connection, statement)
        for definition, _ in indexes:
            progress(f"{purchases:,} purchases, {definition.split(' ON ')[0]}")
            _run(connection, definition)
    # Whoever counts relies on what the planner knows of the tables.
    settle(url)
    _count(url, progress=progress)
    settle(url)
    return url


def _count(url: str, *, progress: Progress) -> None:
    """Let the house count what it shows as figures: what a beat does every minute, here for the year."""
    engine, now = database.connect(url, pool_size=2), datetime.now(UTC)
    try:
        sessions = database.sessions(engine)
        progress("figures of every day")
        figures.count_all(sessions, now=now, steps=1_000_000)
        progress("days of the reconciliation")
        with sessions() as session:
            days.add_up(session, days.touched(session, since=None), now=now)
    finally:
        engine.dispose()


def _statements(text: str) -> list[str]:
    return [each.strip() for each in text.split(";\n") if each.strip()]


def _run(connection: psycopg.Connection, statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        raise RuntimeError(f"{error}\n{statement[:300]}") from error
