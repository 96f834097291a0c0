"""Where the twin keeps its objects: JSON documents in one SQLite file, or in memory."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import product
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
    "block_number",
    "charge",
    "created",
    "due_at",
    "payment_intent",
    "payout",
    "source",
    "state",
    "status",
    "transaction_hash",
    "type",
    "url",
)


@dataclass(frozen=True)
class Wanted:
    """What documents must be like: values of fields, an age, and one of `among` if that is given.

    A field of several values is one of them.
    """

    equal: Mapping[str, str | int | tuple[str, ...]] = field(default_factory=dict)
    since: int = 0
    among: Collection[str] | None = None

    def alternatives(self) -> list[dict[str, str | int]]:
        """The same with one value for each field, as often as it takes."""
        names = list(self.equal)
        choices = [value if isinstance(value, tuple) else (value,) for value in self.equal.values()]
        return [dict(zip(names, chosen, strict=True)) for chosen in product(*choices)]


ANYTHING = Wanted()


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
        for name in INDEXED:
            self._database.execute(
                f"CREATE INDEX IF NOT EXISTS document_by_{name} ON document (kind, body ->> '{name}')"
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

    def identifiers_of_state(self, kind: str, state: str) -> list[str]:
        """The ids of the documents of a kind whose `state` is that."""
        statement = "SELECT id FROM document WHERE kind = ? AND body ->> 'state' = ?"
        return [row[0] for row in self._database.execute(statement, (kind, state))]

    def newest_first(
        self, kind: str, *, before: int | None = None, wanted: Wanted = ANYTHING
    ) -> Iterator[Document]:
        """The documents of a kind, from the newest, only those older than position `before`."""
        limit = 2**62 if before is None else before
        return self._merged("position < ?", "position DESC", kind, limit, wanted)

    def oldest_first(self, kind: str, *, after: int = 0, wanted: Wanted = ANYTHING) -> Iterator[Document]:
        """The documents of a kind, from the oldest, only those newer than position `after`."""
        return self._merged("position > ?", "position", kind, after, wanted)

    def with_prefix(self, kind: str, prefix: str) -> list[Document]:
        """The documents whose id begins with `prefix`."""
        rows = self._read("kind = ? AND id >= ? AND id < ? ORDER BY position", kind, prefix, prefix + "~")
        return [json.loads(body) for _, body in rows]

    def equal(self, kind: str, field: str, value: str) -> list[Document]:
        """The documents of a kind whose `field` is `value`, oldest first."""
        return list(self.oldest_first(kind, wanted=Wanted({field: value})))

    def between(self, kind: str, field: str, lowest: float, highest: float) -> list[Document]:
        """The documents of a kind whose `field` lies from `lowest` to `highest`, oldest first."""
        # The plus keeps SQLite from walking the whole kind for the sake of the order.
        condition = f"kind = ? AND body ->> '{field}' BETWEEN ? AND ? ORDER BY +position"
        return [json.loads(body) for _, body in self._read(condition, kind, lowest, highest)]

    def delete_up_to(self, kind: str, field: str, highest: float) -> None:
        """Forget the documents of a kind whose `field` is at most `highest`."""
        old = self._read(f"kind = ? AND body ->> '{field}' <= ?", kind, highest)
        positions = [(position,) for position, _ in old]
        self._database.executemany("DELETE FROM document WHERE position = ?", positions)

    def _merged(self, side: str, order: str, kind: str, position: int, wanted: Wanted) -> Iterator[Document]:
        """The documents on one side of a position; every alternative comes in its order through an index."""
        streams = [
            self._ordered(side, order, kind, position, equal, wanted) for equal in wanted.alternatives()
        ]
        together = merge(*streams, key=lambda row: row[0], reverse=order.endswith("DESC"))
        return (json.loads(body) for _, body in together)

    def _ordered(
        self, side: str, order: str, kind: str, position: int, equal: dict[str, str | int], wanted: Wanted
    ) -> Iterator[tuple[int, str]]:
        conditions = ["kind = ?", side, *(f"body ->> '{name}' = ?" for name in equal)]
        values: list[str | int] = [kind, position, *equal.values()]
        if wanted.since:
            # The index finds the first of them; after it the order of positions needs no sorting.
            first = "SELECT min(position) FROM document WHERE kind = ? AND body ->> 'created' >= ?"
            conditions += [f"position >= ({first})", "body ->> 'created' >= ?"]
            values += [kind, wanted.since, wanted.since]
        if wanted.among is not None:
            named = "SELECT position FROM document WHERE kind = ? AND id IN (SELECT value FROM json_each(?))"
            conditions.append(f"position IN ({named})")
            values += [kind, json.dumps(list(wanted.among))]
        return self._read(f"{' AND '.join(conditions)} ORDER BY {order}", *values)

    def _run(self, statements: tuple[str, ...]) -> None:
        for statement in statements:
            self._database.execute(statement)

    def _read(self, condition: str, *values: str | float) -> Iterator[tuple[int, str]]:
        statement = f"SELECT position, body FROM document WHERE {condition}"  # noqa: S608 (written above, never given)
        return self._database.execute(statement, values)
