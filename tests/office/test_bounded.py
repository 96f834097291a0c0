"""What the first pages read is bounded: no big table is read whole, however many purchases there are."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from ledger.database import Sessions
from office import dashboard, figures, house_health, rail_health
from tests.office import many
from tests.rails.conftest import NOON

BIG: Final = {
    "quote",
    "payment_attempt",
    "receipt",
    "ledger_transaction",
    "entry",
    "balance",
    "notice",
    "seal_leaf",
}
RAILS: Final = ["fake_page", "fake_deposit"]
MANY: Final = 30_000
# The newest ten thousand attempts are counted, and each of some thousand grants leads to its attempt.
MOST_ROWS: Final = 12_000
Plan = dict[str, Any]


@pytest.fixture
def filled(sessions: Sessions, database_url: str) -> Sessions:
    many.fill(database_url, many=MANY, until=NOON)
    figures.count_all(sessions, now=NOON)
    return sessions


def explained(
    engine: Engine, sessions: Sessions, read: Callable[[Session], object]
) -> list[tuple[str, Plan]]:
    """Every statement of a reading, with the plan that it ran by."""
    ran: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        ran.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with sessions() as session:
            read(session)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    plans = []
    with engine.connect() as connection:
        # A third of a table is read faster whole; of a million rows the same ten thousand are not.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in ran:
            told = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            plans.append((statement, told.scalar_one()[0]["Plan"]))
    return plans


def nodes(plan: Plan) -> list[Plan]:
    return [plan, *(each for child in plan.get("Plans", []) for each in nodes(child))]


def test_no_big_table_is_read_whole_and_ninety_days_are_some_hundred_rows(
    filled: Sessions, engine: Engine
) -> None:
    plans = [
        *explained(engine, filled, lambda session: dashboard.overview(session, days=90, now=NOON)),
        *explained(
            engine,
            filled,
            lambda session: rail_health.of_rails(session, ["fake_page", "fake_deposit"], now=NOON),
        ),
        *explained(engine, filled, lambda session: house_health.of_house(session, now=NOON)),
    ]
    with filled() as session:
        told = dashboard.overview(session, days=90, now=NOON)

    assert len(plans) > 10
    for statement, plan in plans:
        for node in nodes(plan):
            read = f"{node['Node Type']} of {node.get('Relation Name')}: {statement}"
            is_big = node.get("Relation Name") in BIG
            assert not (is_big and node["Node Type"] == "Seq Scan"), read
            assert not is_big or node["Actual Rows"] * node["Actual Loops"] <= MOST_ROWS, read
    assert sum(each.quotes for each in told.funnels) == MANY
    assert sum(each.granted for each in told.funnels) == MANY * 9 // 10
    assert {each.half_within_seconds for each in told.funnels} == {20}
