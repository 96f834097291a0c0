"""A superuser who switches every guard off and changes what is stored."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

TABLES: Final = (
    "account",
    "balance",
    "ledger_transaction",
    "entry",
    "lot",
    "lot_entry",
    "hold",
    "reversal",
    "seal",
    "seal_leaf",
)

HARMLESS: Final = {
    ("balance", "due_at"): "earlier than needed: the book looks, finds nothing due, and sets it right",
}
"""Changes that prove nothing and need not be found; later than needed is found."""

ONLY_BY_THE_SEAL: Final = {
    ("account", "created_at"): "no hash of the book has it; the first entry's leaf does",
    ("ledger_transaction", "xid"): "the number that decides when a transaction is sealed",
    (
        "lot",
        "promotional",
    ): "the terms of a grant are in its leaf; what was paid for is never promotional",
    ("lot", "priority"): "the terms of a grant are in its leaf, not in its hash",
    ("lot", "expires_at"): "the terms of a grant are in its leaf, not in its hash",
}
"""Columns that nothing but the seal protects: within the seconds before it, a change of them is not found."""

# Another value of the same type; the second where the first is taken by another row.
_OTHER: Final = {
    "bigint": ("coalesce({0} + 1, 1)", "{0} + 1000"),
    "integer": ("{0} + 1", "{0} + 1000"),
    "smallint": ("{0} + 1", "({0} + 1000)::smallint"),
    "text": ("{0} || 'x'",),
    "bytea": ("{0} || '\\x00'",),
    "boolean": ("NOT {0}",),
    "timestamp with time zone": (
        "CASE WHEN isfinite({0}) THEN {0} + interval '1 microsecond' ELSE timestamptz '2026-07-02 0:00Z' END",
    ),
    "jsonb": ("""coalesce({0}, '{{}}') || '{{"forged": 1}}'""",),
    "xid8": ("({0}::text::bigint + 1)::text::xid8",),
    "bigint[]": ("{0}[1] + 1 || {0}[2:]",),
    "hold_state": ("CASE {0} WHEN 'open' THEN 'expired' ELSE 'open' END::hold_state",),
}
# Nothing and zero are different facts.
_NOTHING: Final = ("NULLIF({0}, 0)", "CASE WHEN {0} IS NULL THEN 0 ELSE {0} END")

_ONE_OF_EACH: Final = {
    "ledger_transaction": "SELECT DISTINCT ON (kind, outcome) ctid FROM {} ORDER BY kind, outcome, id",
    "entry": """
        SELECT DISTINCT ON (kind, leg) entry.ctid
        FROM {} JOIN ledger_transaction ON ledger_transaction.id = transaction_id
        WHERE leg IN (0, 1)
        ORDER BY kind, leg, transaction_id
        """,
    "lot_entry": """
        SELECT DISTINCT ON (kind, place) lot_entry.ctid
        FROM {} JOIN ledger_transaction ON ledger_transaction.id = transaction_id
        ORDER BY kind, place, transaction_id
        """,
    "seal_leaf": "SELECT ctid FROM {} WHERE place % 5 IN (0, 4) ORDER BY ctid",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as the catalog has it."""

    table: str
    name: str
    type: str
    never_null: bool


def disarm(connection: psycopg.Connection) -> None:
    """Switch off every trigger and drop every constraint but the keys."""
    for table in (*TABLES, "account_class", "preview_day"):
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(sql.Identifier(table)))
    found = connection.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('c', 'f')"
        " AND conrelid::regclass::text = ANY (%s)",
        [list(TABLES)],
    ).fetchall()
    for table, name in found:
        drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        connection.execute(drop.format(sql.Identifier(table), sql.Identifier(name)))
    for table, column in connection.execute(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attidentity = 'a'"
        " AND attrelid::regclass::text = ANY (%s)",
        [list(TABLES)],
    ).fetchall():
        drop = sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP IDENTITY")
        connection.execute(drop.format(sql.Identifier(table), sql.Identifier(column)))


def columns(connection: psycopg.Connection) -> list[Column]:
    """Every column of every table of the book."""
    rows = connection.execute(
        "SELECT attrelid::regclass::text, attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute"
        " WHERE attrelid::regclass::text = ANY (%s) AND attnum > 0 AND NOT attisdropped",
        [list(TABLES)],
    ).fetchall()
    return [Column(*row) for row in rows]


def rows(connection: psycopg.Connection, table: str) -> list[Any]:
    """Where the rows of a table stand: all of them, or of a long table one of each kind."""
    select = sql.SQL(_ONE_OF_EACH.get(table, "SELECT ctid FROM {} ORDER BY ctid"))
    return [row[0] for row in connection.execute(select.format(sql.Identifier(table))).fetchall()]


def changes(column: Column) -> list[str]:
    """The expressions of the values that a column is changed to."""
    if (column.table, column.name) == ("balance", "due_at"):
        nothing_due = (
            "NOT EXISTS (SELECT FROM hold WHERE hold.account_id = balance.account_id AND state = 'open')"
        )
        return [
            f"CASE WHEN floor IS NULL THEN timestamptz '2020-01-01 00:00Z' WHEN {nothing_due} THEN due_at"
            " ELSE timestamptz 'infinity' END"
        ]
    written = f'"{column.name}"'
    values = _OTHER[column.type] + (_NOTHING if column.type == "bigint" and not column.never_null else ())
    return [value.format(written) for value in values]


def change(connection: psycopg.Connection, column: Column, row: Any, value: str) -> bool:
    """Change one column of one row. False if that value cannot be stored there, or is stored already."""
    statement = sql.SQL("UPDATE {0} SET {1} = {2} WHERE ctid = %s AND {1} IS DISTINCT FROM {2}").format(
        sql.Identifier(column.table),
        sql.Identifier(column.name),
        sql.SQL(value),
    )
    try:
        with connection.transaction():
            return connection.execute(statement, [row]).rowcount == 1
    except (psycopg.errors.UniqueViolation, psycopg.errors.NotNullViolation):
        return False
