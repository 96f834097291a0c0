"""How the database answers what code asks: which tables it reads whole, how many pages it touches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event


@dataclass
class Asked:
    """Every statement of a block, and how it was answered."""

    plans: list[dict[str, Any]] = field(default_factory=list)

    @property
    def read_whole(self) -> set[str]:
        """The tables that were read from their first row to their last."""
        return {
            node["Relation Name"]
            for plan in self.plans
            for node in _nodes(plan["Plan"])
            if node["Node Type"] == "Seq Scan"
        }

    @property
    def pages(self) -> int:
        """How many pages were touched, of tables and indexes."""
        return sum(
            plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in self.plans
        )


@contextmanager
def explained(engine: Engine) -> Iterator[Asked]:
    """Explain every SELECT of the block, with the parameters it had."""
    asked, statements = Asked(), list[tuple[str, Any]]()

    def remember(
        _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    with engine.connect() as connection:
        for statement, parameters in statements:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
            found = connection.exec_driver_sql(explain, parameters).scalar_one()
            asked.plans += found


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from _nodes(each)
