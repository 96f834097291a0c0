"""Whether what a page reads is found by indexes: however few rows a test has, no plan has to walk a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event

# What stays small however much is sold.
SMALL = frozenset(
    {
        *("account_class", "chain_cursor", "chain_lease", "webhook_endpoint", "webhook_cursor", "operator"),
        *("alembic_version", "notice_cursor", "reconciliation_cursor"),
    }
)

_ONE_BY_ONE = frozenset({"Nested Loop", "LockRows", "Merge Append", "Append"})


@dataclass
class Asked:
    """The statements that ran, with what they were given."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    def walks(self, url: str) -> list[str]:
        """The statements that walk over a table which grows, and over which."""
        found = []
        with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute("SET enable_seqscan = off")
            for statement, given in self.statements:
                [row] = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", given).fetchall()
                walked = sorted(set(_walked(connection, row[0][0]["Plan"])))
                if walked:
                    found.append(f"{', '.join(walked)}: {' '.join(statement.split())[:400]}")
        return found


@contextmanager
def asked(engine: Engine) -> Iterator[Asked]:
    """Remember what is read in the block."""
    told = Asked()

    def remember(_: Connection, __: object, statement: str, parameters: Any, ___: object, ____: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "(")):
            told.statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield told
    finally:
        event.remove(engine, "before_cursor_execute", remember)


def _walked(connection: psycopg.Connection[Any], plan: Mapping[str, Any]) -> Iterator[str]:
    table, index = plan.get("Relation Name"), plan.get("Index Name")
    if plan["Node Type"] == "Seq Scan" and table not in SMALL:
        yield str(table)
    # A condition on its second column alone has the whole of an index read, which is as long as its table.
    # Without any, the first rows in its order are few.
    if index is not None and table not in SMALL:
        [(first,)] = connection.execute("SELECT pg_get_indexdef(%s::regclass, 1, true)", [index]).fetchall()
        if first not in plan.get("Index Cond", first if plan.get("first rows") else ""):
            yield f"the index {index}"
    few = plan["Node Type"] == "Limit" or (plan.get("first rows") and plan["Node Type"] in _ONE_BY_ONE)
    for each in plan.get("Plans", ()):
        yield from _walked(connection, {**each, "first rows": few})
