"""`pennyrail refund` and `pennyrail agent-spending`: what an operator types."""

import json
from typing import Any

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.cli import cli
from app.models import Agent
from ledger.database import Sessions
from office.models import AuditRow
from rails import errors, refund_requests, refunds
from rails.conformance.fakes import crypto_deposit
from tests.rails.reversing import AGENT, NOON, Bought, opened, state


@pytest.fixture
def bought(sessions: Sessions) -> Bought:
    one = opened(sessions, crypto_deposit())
    assert one.settle()
    return one


@pytest.fixture(autouse=True)
def _database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "300"})


def create(bought: Bought, *more: str) -> Result:
    return run("refund", "create", bought.attempt_id, "--reason", "asked", "--wait", "0", "--json", *more)


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def sweep(bought: Bought) -> None:
    now = NOON.replace(year=2030)
    with bought.sessions() as session:
        due = refund_requests.due(session, now=now)
    for each in due:
        refunds.ask(bought.sessions, bought.rails, refund_id=each, now=now)


def test_a_refund_is_written_down_by_the_command_and_made_by_the_workers(bought: Bought) -> None:
    asked = create(bought, "--amount", "2.00", "--by", "mia")
    before = state(bought.sessions)
    sweep(bought)
    again = create(bought, "--amount", "2.00")

    assert asked.exit_code == again.exit_code == 0, asked.output
    assert [(each["state"], each["cents"], each["requested_by"]) for each in told(asked)] == [
        ("asked", 200, "mia")
    ]
    assert "workers go on asking" in asked.stderr
    assert told(again)[0]["state"] == "done"
    assert "asked for before" in again.stderr
    assert (before, state(bought.sessions)) == ((500, []), (300, ["refunded"]))


def test_everything_that_left_a_payment_is_shown_with_its_changes(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 500)
    bought.look()
    bought.rail.turn(bought.reference, "dp_1", "back")
    bought.look()

    shown = told(run("refund", "show", bought.attempt_id, "--json"))
    table = run("refund", "show", bought.attempt_id).output

    [dispute] = shown["reversals"]
    changes = [
        (each["state"], each["booked_cents"], len(each["transactions"])) for each in dispute["changes"]
    ]
    assert (dispute["cause"], changes) == ("dispute", [("gone", 500, 1), ("back", 0, 1)])
    assert all(word in table for word in ("dp_1", "gone", "back", "5.00"))


def test_a_refund_that_was_refused_ends_with_one_and_says_why(bought: Bought) -> None:
    bought.rail.refunds_refused = "balance_insufficient"
    create(bought)
    sweep(bought)

    done = create(bought)
    listed = told(run("refund", "list", "--payment", bought.attempt_id, "--json"))

    assert (done.exit_code, f"pennyrail purchase show {bought.attempt_id}" in done.stderr) == (1, True)
    assert [(each["state"], each["failure"]) for each in listed] == [("failed", "balance_insufficient")]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity", "5 dollars", "1e99"])
def test_an_amount_that_is_none_is_refused_at_once(bought: Bought, amount: str) -> None:
    refused = create(bought, f"--amount={amount}")

    assert (refused.exit_code, "such as 2.50" in refused.stderr) == (2, True)


def test_nothing_is_refunded_without_a_reason_in_words(bought: Bought) -> None:
    refused = run("refund", "create", bought.attempt_id, "--reason", "  ", "--wait", "0")

    assert (refused.exit_code, "say something" in refused.stderr) == (2, True)
    assert told(run("refund", "list", "--json")) == []


def test_a_payment_of_which_nothing_has_left_is_told_from_one_that_does_not_exist(bought: Bought) -> None:
    nothing, nobody = run("refund", "show", bought.attempt_id), run("refund", "show", "payatt_typo")

    assert (nothing.exit_code, nothing.output.strip()) == (0, "nothing has left this payment")
    assert isinstance(nobody.exception, errors.PurchaseNotFound)


def test_an_agent_is_frozen_and_unfrozen_by_hand(bought: Bought) -> None:
    with bought.sessions() as session:
        session.add(
            Agent(
                agent_id=AGENT,
                organization_id="org_1",
                agent_name="painter",
                runtime="tests",
                created_at=NOON,
            )
        )
    assert run("agent-spending", "freeze", AGENT, "--reason", "stolen token", "--by", "mia").exit_code == 0
    refused = bought.spend("while", 1)
    frozen = told(run("agent-spending", "list", "--json"))

    lifted = run("agent-spending", "unfreeze", AGENT, "--reason", "new token")

    assert refused == "frozen"
    assert [(each["agent_id"], each["reason"], each["frozen_by"]) for each in frozen] == [
        (AGENT, "stolen token", "mia")
    ]
    assert (lifted.exit_code, bought.spend("after", 1)) == (0, "done")
    shown = run("agent-spending", "show", AGENT)
    assert (shown.exit_code, "new token" in shown.output) == (0, True)
    with bought.sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    assert [(row.action, row.via) for row in rows] == [
        ("agent.freeze", "command"),
        ("agent.lift_freeze", "command"),
    ]
    assert (rows[0].actor, rows[0].reason) == ("mia", "stolen token")


def test_nobody_freezes_an_agent_that_does_not_exist(bought: Bought) -> None:
    reason = ("--reason", "x")
    typed = (("freeze", "agt_typo", *reason), ("unfreeze", "agt_typo", *reason), ("show", "agt_typo"))

    refused = [run("agent-spending", *words).exit_code for words in typed]

    assert (refused, bought.frozen()) == ([2, 2, 2], [])
    assert run("agent-spending", "list").output.strip() == "nobody is frozen"


def test_nobody_is_frozen_without_a_reason_in_words(bought: Bought) -> None:
    refused = run("agent-spending", "freeze", AGENT, "--reason", " ")

    assert (refused.exit_code, "say something" in refused.stderr) == (2, True)
