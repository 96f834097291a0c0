"""In a big house every list of agents is still read by its index, and no big table from end to end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from ledger import balances, chart, database, freezes, history, holds, lots, statements, walk
from office import agents
from rails import activity, receipts, spending
from tests.conftest import new_database

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG = "agt_long"
BIG = {
    *("agent", "agent_token", "agent_claim", "account", "balance", "entry", "ledger_transaction", "lot"),
    *("lot_entry", "hold", "payment_attempt", "quote", "receipt", "activity", "agent_freeze", "agent_thaw"),
}
BOOK = ("account", "balance", "ledger_transaction", "entry", "hold", "lot", "lot_entry", "agent_freeze")
FILL = Path(__file__).with_name("big_house.sql")


@pytest.fixture(scope="module")
def big_house(postgres_url: str) -> Iterator[Engine]:
    with new_database(postgres_url) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for table in (*BOOK, "receipt", "payment_attempt"):
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            connection.execute(FILL.read_bytes())
            connection.execute("ANALYZE")
        engine = database.connect(url, pool_size=2)
        yield engine
        engine.dispose()


READS: dict[str, Callable[[Session], object]] = {
    "newest": lambda s: agents.newest(s, most=50),
    "newest, later": lambda s: agents.newest(s, most=50, after="agt_9000"),
    "by name": lambda s: agents.beginning(s, by="name", beginning="name", most=50),
    "by name, later": lambda s: agents.beginning(s, by="name", beginning="NAME", most=50, after="agt_9000"),
    "by contact": lambda s: agents.beginning(s, by="contact", beginning="a", most=50),
    "by contact, later": lambda s: agents.beginning(
        s, by="contact", beginning="a", most=50, after="agt_9000"
    ),
    "frozen": lambda s: agents.frozen(s, most=50),
    "frozen, later": lambda s: agents.frozen(s, most=50, after="agt_9000"),
    "profile": lambda s: agents.profile(s, agent_id=LONG),
    "purchases": lambda s: agents.purchases(s, agent_id=LONG, most=50),
    "purchases, later": lambda s: agents.purchases(s, agent_id=LONG, most=50, after="pay_quote_8000"),
    "tokens": lambda s: agents.issued(s, agent_id=LONG, most=100),
    "claims": lambda s: agents.claims(s, agent_id=LONG, most=100),
    "lots": lambda s: lots.newest(s, agent_id=LONG, most=50),
    "next used": lambda s: lots.next_used(s, agent_id=LONG, most=5),
    "open holds": lambda s: holds.standing(s, agent_id=LONG, most=50),
    "open holds, later": lambda s: holds.standing(s, agent_id=LONG, most=50, after="hold_19700"),
    "holds": lambda s: holds.placed(s, agent_id=LONG, most=50),
    "holds, later": lambda s: holds.placed(s, agent_id=LONG, most=50, before=9000),
    "changes of a lot": lambda s: lots.changes(
        s, agent_id=LONG, lot_id=lots.newest(s, agent_id=LONG, most=1).lots[0].lot_id, most=50
    ),
    "statement": lambda s: statements.page(
        s, account=chart.agent(LONG), begins_at=NOW - timedelta(days=90), ends_at=NOW, most=100
    ),
    "course": lambda s: history.course(
        s, account=chart.agent(LONG), begins_at=NOW - timedelta(days=90), ends_at=NOW, points=61
    ),
    "freezes": lambda s: freezes.newest(s, agent_id=LONG, most=50, before=40000),
    "standing freezes": lambda s: freezes.standing(s, agent_id=LONG),
    "activity": lambda s: activity.newest(s, agent_id=LONG, limit=100, subject=None),
    "allowance": lambda s: spending.allowance(s, agent_id=LONG, now=NOW),
    "receipts": lambda s: receipts.of_transactions(s, range(1, 51)),
    "preview": lambda s: balances.preview_jobs(s, agent_id=LONG, day=NOW.date()),
}


@pytest.mark.parametrize("name", READS)
def test_no_big_table_is_read_from_end_to_end(big_house: Engine, name: str) -> None:
    with Session(big_house) as session, explained(session) as plans:
        assert READS[name](session) is not None

    assert plans
    for plan in plans:
        scanned = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
        assert not scanned & BIG, json.dumps(plan, indent=1)


@pytest.mark.parametrize(
    "name",
    [
        "newest",
        "by name, later",
        "frozen, later",
        "open holds, later",
        "lots",
        "purchases",
        "purchases, later",
        "freezes",
    ],
)
def test_a_page_reads_about_as_many_rows_as_it_shows(big_house: Engine, name: str) -> None:
    with Session(big_house) as session, explained(session, "ANALYZE, ") as plans:
        READS[name](session)

    [plan] = plans
    read = sum(
        node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        for node in nodes(plan)
        if "Relation Name" in node
    )
    assert read <= 400, json.dumps(plan, indent=1)


@pytest.mark.parametrize("hours_ago", [24 * 60, 24 * 150, 24 * 300])
def test_a_page_of_a_long_statement_costs_the_same_wherever_it_is(big_house: Engine, hours_ago: int) -> None:
    begins_at = NOW - timedelta(days=365)
    after = statements.Position(NOW - timedelta(hours=hours_ago), 0)

    with Session(big_house) as session, explained(session, "ANALYZE, BUFFERS, ") as plans:
        page = statements.page(
            session, account=chart.agent(LONG), begins_at=begins_at, ends_at=NOW, after=after, most=100
        )

    [plan] = plans
    assert len(page.lines) == 100
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 3000


def test_a_walk_goes_through_the_whole_history_in_bounded_steps(big_house: Engine) -> None:
    seen, steps, before = 0, 0, None
    with Session(big_house) as session:
        while True:
            step = holds.placed(session, agent_id=LONG, most=5000, before=before)
            seen += len(step.found)
            steps += 1
            before = step.next
            if before is None:
                break

    assert (seen, steps) == (20_000, 40_000 // walk.MOST_READ)


@contextmanager
def explained(session: Session, how: str = "") -> Iterator[list[Any]]:
    """The plans of all that is read in the block, made with what was asked."""
    sent: list[tuple[str, Any]] = []

    def keep(_c: object, _x: object, statement: str, given: Any, *_: object) -> None:
        sent.append((statement, given))

    engine = session.get_bind()
    plans: list[Any] = []
    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    for statement, given in sent:
        found = session.connection().exec_driver_sql(f"EXPLAIN ({how}FORMAT JSON) {statement}", given)
        plans.append(found.scalar_one()[0]["Plan"])


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
