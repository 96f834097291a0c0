"""`pennyrail inbox`: what a person types to see, replay and ignore notices."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger.database import Sessions
from rails import errors, inbox
from rails.models import Notice
from rails.notice import Incoming, Knock
from tests.sandbox import twin_world

NOW = datetime.now(UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["inbox", *arguments], env={"COLUMNS": "200"})


def said(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def this_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def dead(sessions: Sessions) -> int:
    """The number of a notice that broke too often."""

    def broken(_: Knock) -> tuple[str, ...]:
        raise errors.RailUnreachable("the payment provider did not answer")

    body = b'{"id":"evt_dead","client_secret":"pi_1_secret_redacted"}'
    with sessions() as session:
        notice_id = inbox.receive(
            session, Incoming("stripe", "evt_dead", "refund.created", ("re_1", "pi_1"), body), now=NOW
        )
    assert notice_id is not None
    for _ in range(inbox.MOST_ATTEMPTS):
        inbox.handle(sessions, {}, notice_id=notice_id, now=NOW, ask=broken)
    return notice_id


def state_of(sessions: Sessions, notice_id: int) -> str:
    with sessions() as session:
        return session.get_one(Notice, notice_id).state


def test_the_dead_are_listed_with_why(dead: int) -> None:
    shown = run("list", "--state", "dead").stdout
    listed = said("list", "--state", "dead")

    assert "evt_dead" in shown
    assert "RailUnreachable" in shown
    assert [(row["notice"], row["state"], row["attempts"]) for row in listed] == [(dead, "dead", 20)]
    assert said("list", "--state", "waiting") == said("list", "--kind", "payout.*") == []


def test_one_notice_is_shown_by_its_number_and_by_its_id_at_stripe(dead: int) -> None:
    by_number, by_id = said("show", str(dead)), said("show", "evt_dead", "--body")

    assert by_number["error"] == "the payment provider did not answer"
    assert by_number["mentions"] == ["re_1", "pi_1"]
    assert "body" not in by_number
    assert "_secret_redacted" in by_id["body"]
    assert "the payment provider did not answer" in run("show", "evt_dead").stdout


def test_a_dead_notice_is_replayed_and_the_record_says_by_whom_and_why(sessions: Sessions, dead: int) -> None:
    told = said("replay", "evt_dead", "--by", "ann", "--reason", "the provider is back")

    assert told == {"replayed": [dead]}
    assert state_of(sessions, dead) == "waiting"
    (action,) = said("show", str(dead))["actions"]
    assert (action["action"], action["actor"], action["reason"]) == ("replay", "ann", "the provider is back")
    assert "replay by ann: the provider is back" in run("show", str(dead)).stdout


def test_all_the_dead_are_replayed_at_once(sessions: Sessions, dead: int) -> None:
    assert said("replay", "--all-dead", "--by", "ann") == {"replayed": [dead]}
    assert state_of(sessions, dead) == "waiting"
    assert "none was dead" in run("replay", "--all-dead").stdout


def test_ignoring_needs_a_reason(sessions: Sessions, dead: int) -> None:
    without, blank = run("ignore", str(dead)), run("ignore", str(dead), "--reason", "  ")

    assert (without.exit_code, blank.exit_code) == (2, 2)
    assert state_of(sessions, dead) == "dead"
    assert said("ignore", str(dead), "--reason", "a test of theirs", "--by", "ann") == {"ignored": dead}
    assert state_of(sessions, dead) == "ignored"


def test_a_secret_in_a_reason_is_not_written_down(dead: int) -> None:
    said("ignore", str(dead), "--reason", "used sk_live_abcdefgh12345678 by mistake")

    shown = said("show", str(dead))

    assert "sk_live" not in json.dumps(shown)
    assert shown["reason"] == "used [redacted] by mistake"


@pytest.mark.parametrize(
    "arguments", [("replay",), ("replay", "1", "--all-dead"), ("list", "--state", "lost"), ("show",)]
)
def test_what_was_typed_wrongly_is_said(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_an_unknown_notice_is_said_to_be_unknown_and_what_is_over_to_be_over(dead: int) -> None:
    unknown = run("show", "evt_nobody")
    said("ignore", str(dead), "--reason", "so")
    over = run("ignore", str(dead), "--reason", "again")

    assert isinstance(unknown.exception, errors.NoticeNotFound)
    assert isinstance(over.exception, errors.NothingToDo)


def test_the_inbox_says_how_it_stands(dead: int) -> None:
    told = said("stats")

    assert (told["dead"], told["waiting"], told["dead_reasons"]) == (1, 0, {"RailUnreachable": 1})
    assert "RailUnreachable: 1" in run("stats").stdout


def test_what_no_webhook_brought_is_recovered_by_hand(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with twin_world.running(twin_world.config()) as twin:
        monkeypatch.setenv("STRIPE_SECRET_KEY", twin_world.KEY)
        monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", "whsec_of_the_inbox_tests")
        monkeypatch.setenv("STRIPE_API_BASE", twin.url)
        twin_world.deposit(twin_world.sdk(twin.url))

        first, again = said("recover"), said("recover", "--since", "2020-01-01")

    assert (first["listed"], len(first["kept"])) == (2, 1)
    assert again["kept"] == []
    assert state_of(sessions, first["kept"][0]) == "waiting"


def test_every_command_has_a_help_that_says_what_it_does() -> None:
    for command in ("list", "show", "replay", "ignore", "stats", "recover"):
        assert run(command, "--help").exit_code == 0
