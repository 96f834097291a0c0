"""`pennyrail purchase`: what an operator types to look at a purchase, to settle it and to cancel it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import purchase_cli, where
from app.cli import cli
from ledger.database import Sessions
from rails import errors, purchase
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from rails.rail import Rails
from tests.rails.conftest import NOON, buy


@pytest.fixture
def page() -> FakeRail:
    return hosted_page()


@pytest.fixture
def attempt_id(page: FakeRail, sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An open attempt, and a command line that is wired to its rail."""

    class Wired:
        def __init__(self, sessions: Sessions, rails: Rails) -> None:
            self.sessions, self.rails = sessions, rails

    rails = {page.rail_id: page}
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(purchase_cli, "_house", lambda: Wired(sessions, rails))
    bought = buy(sessions, rails, page).attempt
    assert bought is not None
    return bought.payment_attempt_id


def reference(page: FakeRail) -> str:
    (opened,) = page.opened.values()
    return opened.reference


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["purchase", *arguments], env={"COLUMNS": "200"})


def test_an_attempt_is_shown_to_people_and_to_scripts(
    page: FakeRail, attempt_id: str, sessions: Sessions
) -> None:
    page.pay(reference(page))
    purchase.settle(sessions, {page.rail_id: page}, payment_attempt_id=attempt_id, now=NOON)

    people, scripts = run("show", attempt_id), run("show", attempt_id, "--json")

    told = json.loads(scripts.output)
    assert (told["state"], told["received_cents"], told["credits"]) == ("succeeded", 500, 500)
    assert [row["source"] for row in told["witnesses"]] == ["stripe"]
    for words in (attempt_id, "succeeded", "$5.00", "stripe", told["receipt_id"]):
        assert words in people.output


def test_what_waits_for_a_person_is_shown(page: FakeRail, attempt_id: str, sessions: Sessions) -> None:
    from ledger.money import USD, Amount

    page.pay_wrongly(reference(page), "mismatch", received=Amount(499, USD))
    purchase.settle(sessions, {page.rail_id: page}, payment_attempt_id=attempt_id, now=NOON)

    shown = run("show", attempt_id)
    [exception] = json.loads(run("show", attempt_id, "--json").output)["exceptions"]

    assert exception["exception_id"] > 0
    for words in ("exception_id", "needs_review", "mismatch", "5.00", "4.99"):
        assert words in shown.output


def test_settling_by_hand_grants_what_was_paid(page: FakeRail, attempt_id: str) -> None:
    page.pay(reference(page))

    first, second = run("settle", attempt_id), run("settle", attempt_id, "--json")

    assert f"{attempt_id} is succeeded, and its credits were granted just now" in first.output
    assert json.loads(second.output) == {
        "payment_attempt_id": attempt_id,
        "state": "succeeded",
        "granted": False,
    }


def test_with_a_folder_that_house_settles_and_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def in_the_house(folder: Path, *words: str) -> int:
        asked.append((str(folder), *words))
        return 1

    monkeypatch.setattr(where, "run_in_the_house", in_the_house)

    settled = run("settle", "payatt_1", "--json", "--folder", "home")
    canceled = run("cancel", "payatt_1", "--reason", "ordered twice", "--folder", "home")

    assert (settled.exit_code, canceled.exit_code) == (1, 1)
    assert asked == [
        ("home", "purchase", "settle", "--json", "--", "payatt_1"),
        ("home", "purchase", "cancel", "--reason=ordered twice", "--", "payatt_1"),
    ]


def test_nothing_is_canceled_without_a_reason_in_words(page: FakeRail, attempt_id: str) -> None:
    refused = run("cancel", attempt_id, "--reason", " ")

    assert (refused.exit_code, "say something" in refused.output) == (2, True)
    assert run("settle", attempt_id).output.strip().endswith("is requires_action")


def test_an_open_attempt_is_canceled(page: FakeRail, attempt_id: str) -> None:
    canceled = run("cancel", attempt_id, "--reason", "ordered twice")

    assert (canceled.exit_code, canceled.output.strip()) == (0, f"{attempt_id} is canceled")
    assert "canceled by an operator: ordered twice" in run("show", attempt_id).output


def test_what_was_paid_is_granted_instead_and_the_exit_code_says_so(page: FakeRail, attempt_id: str) -> None:
    page.pay(reference(page))

    canceled = run("cancel", attempt_id, "--reason", "ordered twice")

    assert canceled.exit_code == 1
    assert "succeeded, and its credits were granted just now; it was not canceled" in canceled.output


@pytest.mark.parametrize("command", [("show",), ("settle",), ("cancel", "--reason", "x")])
def test_an_attempt_that_does_not_exist_is_told_in_words(attempt_id: str, command: tuple[str, ...]) -> None:
    refused = run(*command, "payatt_none")

    assert isinstance(refused.exception, errors.PurchaseNotFound)
    assert "no" in str(refused.exception)
    assert "attempt" in str(refused.exception)


def test_a_deposit_is_shown_with_its_address(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    rail = crypto_deposit()
    bought = buy(sessions, {rail.rail_id: rail}, rail).attempt
    assert bought is not None

    shown = json.loads(run("show", bought.payment_attempt_id, "--json").output)

    assert shown["deposit_address"] == bought.deposit_address
