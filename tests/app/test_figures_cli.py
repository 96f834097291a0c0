"""`pennyrail figures`, and the switch of `pennyrail rail`."""

import json
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select, text
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger import credits, seals
from ledger.database import Sessions
from office.models import AuditRow
from rails import errors, switches
from tests.ledger.story import NOON, debit, paid

NOW = datetime.now(UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def this_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("PENNYRAIL_MIGRATE_DATABASE_URL", raising=False)


def counted(sessions: Sessions) -> list[tuple[str, int]]:
    with sessions() as session:
        found = session.connection().execute(text("SELECT what, credits FROM figure_day ORDER BY what"))
        return [(row[0], row[1]) for row in found]


def test_figures_are_counted_and_counted_again_from_nothing_to_the_same(sessions: Sessions) -> None:
    credits.perform(sessions, [paid("p1", 100), debit("d1", 30)], now=NOON)
    seals.seal_all(sessions, now=NOW)

    first = run("figures", "count")
    before = counted(sessions)
    nothing = run("figures", "count")
    again = run("figures", "rebuild")

    assert (first.exit_code, first.stdout) == (0, "1 seals counted\n")
    assert nothing.stdout == "0 seals counted\n"
    assert again.stdout == "1 seals counted from the beginning\n"
    assert before == counted(sessions) == [("granted", 100), ("spent", -30)]


def test_a_rail_is_switched_off_and_on_with_who_and_why(sessions: Sessions) -> None:
    at_first = run("rail", "switches")
    off = run("rail", "off", "stripe_checkout", "--reason", "the twin lies", "--by", "ann")
    while_off = run("rail", "switches", "--json")
    on = run("rail", "on", "stripe_checkout", "--reason", "it is well", "--by", "bob")

    assert (at_first.exit_code, "every rail is on" in at_first.stdout) == (0, True)
    assert (off.exit_code, on.exit_code) == (0, 0)
    [turn] = json.loads(while_off.stdout)
    assert while_off.exit_code == 1
    assert (turn["rail_id"], turn["is_on"], turn["turned_by"]) == ("stripe_checkout", False, "ann")
    with sessions() as session:
        assert not switches.is_off(session, rail_id="stripe_checkout")
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    assert [(each.action, each.actor, each.via, each.reason) for each in rows] == [
        ("rail.switch_off", "ann", "command", "the twin lies"),
        ("rail.switch_on", "bob", "command", "it is well"),
    ]


def test_what_is_no_rail_or_off_already_or_without_a_reason_is_refused() -> None:
    unknown = run("rail", "off", "stirpe_checkout", "--reason", "typo")
    silent = run("rail", "off", "stripe_checkout", "--reason", " ")
    run("rail", "off", "stripe_checkout", "--reason", "once")
    again = run("rail", "off", "stripe_checkout", "--reason", "twice")

    assert (unknown.exit_code, silent.exit_code) == (2, 2)
    assert "no rail stirpe_checkout is installed" in unknown.output
    assert isinstance(again.exception, errors.SwitchedAlready)
