"""Where the twin keeps its objects: JSON documents in one SQLite file, or in memory."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""An object of Stripe's as JSON: its shape is Stripe's, and known only at the edges."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    body     TEXT NOT NULL,
    CONSTRAINT document_once UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS document_in_order ON document (kind, position);
"""
# What endpoints and loops look documents up by: thousands of payments shall not make a request slow.
INDEXED = (
    "charge",
    "created",
    "due_at",
    "payment_intent",
    "payout",
    "source",
    "state",
    "status",
    "type",
    "url",
)
Wanted = Mapping[str, str | int]
"""Fields of documents and the values they must have."""


class Store:
    """Documents by kind and id, remembered in the order of their first writing."""

    def __init__(self, file: Path | None) -> None:
        if file is not None:
            # The file holds webhook secrets and client secrets.
            file.touch(mode=0o600)
        self._database = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing; only a crash of the machine may, and this is a sandbox.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(SCHEMA)
        for field in INDEXED:
            self._database.execute(
                f"CREATE INDEX IF NOT EXISTS document_by_{field} ON document (kind, body ->> '{field}')"
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen, or none; an inner one that fails undoes only its own."""
        begin: tuple[str, ...] = ("BEGIN IMMEDIATE",)
        commit: tuple[str, ...] = ("COMMIT",)
        rollback: tuple[str, ...] = ("ROLLBACK",)
        if self._database.in_transaction:
            begin, commit = ("SAVEPOINT inner",), ("RELEASE inner",)
            rollback = ("ROLLBACK TO inner", "RELEASE inner")
        self._run(begin)
        try:
            yield
        except BaseException:
            self._run(rollback)
            raise
        self._run(commit)

    def put(self, kind: str, identifier: str, document: Document) -> None:
        """Write the document; one that exists is replaced and keeps its place in the order."""
        self._database.execute(
            "INSERT INTO document (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, identifier, json.dumps(document)),
        )

    def get(self, kind: str, identifier: str) -> Document | None:
        """The document, or None if there is none."""
        row = self._database.execute(
            "SELECT body FROM document WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, kind: str, identifier: str) -> None:
        """Forget the document."""
        self._database.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, identifier))

    def position(self, kind: str, identifier: str) -> int | None:
        """Where the document stands in the order of its kind."""
        row = self._database.execute(
            "SELECT position FROM document WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return None if row is None else int(row[0])

    def identifiers(self, kind: str) -> list[str]:
        """The ids of a kind, oldest first."""
        rows = self._database.execute("SELECT id FROM document WHERE kind = ? ORDER BY position", (kind,))
        return [row[0] for row in rows]

    def newest_first(
        self, kind: str, *, before: int | None = None, wanted: Wanted | None = None, since: int = 0
    ) -> Iterator[Document]:
        """The documents of a kind, from the newest, only those older than position `before`."""
        limit = 2**62 if before is None else before
        return self._ordered("position < ?", "position DESC", kind, limit, wanted or {}, since)

    def oldest_first(
        self, kind: str, *, after: int = 0, wanted: Wanted | None = None, since: int = 0
    ) -> Iterator[Document]:
        """The documents of a kind, from the oldest, only those newer than position `after`."""
        return self._ordered("position > ?", "position", kind, after, wanted or {}, since)

    def with_prefix(self, kind: str, prefix: str) -> list[Document]:
        """The documents whose id begins with `prefix`."""
        return list(
            self._read("kind = ? AND id >= ? AND id < ? ORDER BY position", kind, prefix, prefix + "~")
        )

    def equal(self, kind: str, field: str, value: str) -> list[Document]:
        """The documents of a kind whose `field` is `value`, oldest first."""
        return list(self.oldest_first(kind, wanted={field: value}))

    def between(self, kind: str, field: str, lowest: float, highest: float) -> list[Document]:
        """The documents of a kind whose `field` lies from `lowest` to `highest`, oldest first."""
        # The plus keeps SQLite from walking the whole kind for the sake of the order.
        condition = f"kind = ? AND body ->> '{field}' BETWEEN ? AND ? ORDER BY +position"
        return list(self._read(condition, kind, lowest, highest))

    def delete_up_to(self, kind: str, field: str, highest: float) -> None:
        """Forget the documents of a kind whose `field` is at most `highest`."""
        statement = f"DELETE FROM document WHERE kind = ? AND body ->> '{field}' <= ?"  # noqa: S608 (our names)
        self._database.execute(statement, (kind, highest))

    def _ordered(
        self, side: str, order: str, kind: str, position: int, wanted: Wanted, since: int
    ) -> Iterator[Document]:
        """The documents on one side of a position that have the wanted values and were created by then."""
        conditions = ["kind = ?", side, *(f"body ->> '{field}' = ?" for field in wanted)]
        values: list[str | int] = [kind, position, *wanted.values()]
        if since:
            conditions, order = [*conditions, "body ->> 'created' >= ?"], f"+{order}"
            values.append(since)
        return self._read(f"{' AND '.join(conditions)} ORDER BY {order}", *values)

    def _run(self, statements: tuple[str, ...]) -> None:
        for statement in statements:
            self._database.execute(statement)

    def _read(self, condition: str, *values: str | float) -> Iterator[Document]:
        statement = f"SELECT body FROM document WHERE {condition}"  # noqa: S608 (written above, never given)
        for row in self._database.execute(statement, values):
            yield json.loads(row[0])
