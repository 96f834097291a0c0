"""What an operator types about money that is not as it was asked for."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import where
from app.cli import cli
from ledger import book, chart
from ledger.database import Sessions
from ledger.money import USDC, Amount
from rails import catalog, errors, purchase, reviews
from rails.conformance.fakes import crypto_deposit
from rails.rail import Evidence, NeedsReview, Rails

NOW = datetime.now(UTC)
AGENT = "agt_1"
WHY = ("--reason", "the payer wrote", "--by", "ann")


@pytest.fixture(autouse=True)
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def underpaid(sessions: Sessions) -> str:
    """The attempt of an underpayment that was found three hours ago, with one of another agent before it."""
    reviewed(sessions, "agt_2", "overpaid", 6_000_000, hours_ago=5)
    return reviewed(sessions, AGENT, "underpaid", 4_990_001, hours_ago=3)


def reviewed(
    sessions: Sessions,
    agent_id: str,
    kind: str,
    units: int,
    *,
    hours_ago: float,
    said: str = "requires_action",
) -> str:
    """An attempt with an exception of this kind."""
    rail, then = crypto_deposit(), NOW - timedelta(hours=hours_ago)
    rails: Rails = {rail.rail_id: rail}
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(
        sessions, rails, agent_id=agent_id, terms=terms, idempotency_key=kind, now=then
    ).quote
    bought = purchase.buy(
        sessions,
        rails,
        agent_id=agent_id,
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key=kind,
        now=then,
    )
    attempt = bought.view.attempt
    assert attempt is not None
    exact = Amount(5_000_000, USDC)
    seen = (
        Evidence("stripe", str(attempt.reference), "requires_action"),
        Evidence("chain", "0xb:0", "confirmed"),
    )
    outcome = NeedsReview(kind, exact, Amount(units, USDC), seen, final=Amount(units - 1, USDC))
    rail._outcomes[str(attempt.reference)] = lambda _handle: outcome
    purchase.settle(sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=then)
    return attempt.payment_attempt_id


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["exceptions", *arguments], env={"COLUMNS": "300"})


def told(*arguments: str) -> Any:
    """What a command answers to a machine."""
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def number(kind: str = "underpaid") -> str:
    [found] = told("list", "--kind", kind)
    return str(found["exception_id"])


def test_what_waits_is_listed_the_oldest_first_and_by_kind_age_and_agent(underpaid: str) -> None:
    everything = told("list")
    shown = run("list")

    assert [(each["kind"], each["agent_id"]) for each in everything] == [
        ("overpaid", "agt_2"),
        ("underpaid", AGENT),
    ]
    assert [each["kind"] for each in told("list", "--agent", AGENT)] == ["underpaid"]
    assert [each["kind"] for each in told("list", "--older-than", "4h")] == ["overpaid"]
    assert [each["kind"] for each in told("list", "--kind", "late")] == []
    found = everything[1]
    assert (found["payment_attempt_id"], found["difference_units"]) == (underpaid, "-9999")
    assert (found["expected_units"], found["received_units"]) == ("5000000", "4990001")
    for words in ("3h", "underpaid", AGENT, underpaid, "-0.009999 USDC", "4.990001 USDC"):
        assert words in shown.stdout


@pytest.mark.usefixtures("underpaid")
def test_an_exception_is_shown_with_its_evidence_and_with_commands_that_run() -> None:
    shown, fields = run("show", number()), told("show", number())

    for words in (
        "underpaid: less arrived than was asked for",
        "received     4.990001 USDC, 4.990000 USDC of it final",
        "difference   -0.009999 USDC",
        "stripe     requires_action",
        "can    credit     grant 499 credits as the purchase; 0.000001 USDC is less than a cent",
        "cannot refund     the processor has matched no payment, so it has no charge to refund",
        f"pennyrail exceptions resolve {number()} --as credit --received 4.990001 --reason WHY --by NAME",
    ):
        assert words in shown.stdout
    assert {each["resolution"]: each["allowed"] for each in fields["resolutions"]} == {
        "credit": True,
        "refund": False,
        "wait": True,
        "write_off": True,
    }


@pytest.mark.usefixtures("underpaid")
def test_a_credit_is_given_once_and_says_what_it_did(sessions: Sessions) -> None:
    which = number()

    first = run("resolve", which, "--as", "credit", "--received", "4.990001", *WHY)
    again = run("resolve", which, "--as", "credit", *WHY)
    other = run("resolve", which, "--as", "write_off", *WHY)
    shown = run("show", which)

    with sessions() as session:
        assert book.balance(session, account=chart.agent(AGENT)).units == 499
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert f"exception {which}: 499 credits granted, transaction " in first.stdout
    assert "0.000001 USDC is less than a cent, and only recorded" in first.stdout
    assert "by an earlier call" in again.stdout
    assert isinstance(other.exception, errors.AlreadyResolved)
    assert "credit by operator:ann: the payer wrote" in shown.stdout
    assert told("list", "--kind", "underpaid") == []
    assert told("list", "--state", "closed")[0]["resolution"] == "credit"


@pytest.mark.usefixtures("underpaid")
def test_what_is_written_off_is_booked_as_unclaimed(sessions: Sessions) -> None:
    done = told("resolve", number(), "--as", "write_off", *WHY)

    assert (done["cents"], done["dust_units"], done["replayed"]) == (499, "1", False)
    with sessions() as session:
        assert book.balance(session, account=chart.UNCLAIMED).units == 499


@pytest.mark.usefixtures("underpaid")
def test_what_is_put_off_is_hidden_until_its_time_comes() -> None:
    which = number()
    later = run("wait", which, "--for", "2d", *WHY)
    over = run("wait", which, "--until", "2026-01-01", *WHY)

    assert f"exception {which} comes back at " in later.stdout
    assert isinstance(over.exception, errors.NotAllowed)
    assert told("list", "--kind", "underpaid") == []
    assert [each["state"] for each in told("list", "--state", "waiting")] == ["waiting"]


@pytest.mark.usefixtures("underpaid")
def test_another_amount_than_was_looked_at_is_refused() -> None:
    ran = run("resolve", number(), "--as", "credit", "--received", "4.99", *WHY)

    assert isinstance(ran.exception, errors.ChangedMeanwhile)
    assert "is about 4.990001 USDC now, not 4.990000 USDC" in str(ran.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--kind", "strange"),
        ("list", "--state", "strange"),
        ("list", "--older-than", "soon"),
        ("resolve", "1", "--as", "wait", *WHY),
        ("wait", "1", *WHY),
        ("wait", "1", "--for", "1d", "--until", "2027-01-01", *WHY),
        ("resolve", "1", "--as", "credit", "--reason", "", "--by", "ann"),
    ],
)
def test_what_was_typed_wrongly_is_refused_with_what_is_right(arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)

    assert ran.exit_code == 2


def test_an_exception_of_the_chain_is_shown_without_a_payment(sessions: Sessions) -> None:
    with sessions() as session:
        reviews.chain_changed(session, chain_id=8453, detail="final block 7 changed its hash", now=NOW)

    shown = run("show", number("deeper_than_final"))

    assert "about        chain 8453: final block 7 changed its hash" in shown.stdout
    assert "pennyrail chain restart BLOCK" in shown.stdout
    assert "chain 8453" in run("list").stdout


def test_without_anything_open_the_list_says_so() -> None:
    assert run("list").stdout == "nothing waits for a decision\n"


def test_money_in_no_book_and_no_exception_is_told_with_an_exit_code(
    sessions: Sessions, underpaid: str
) -> None:
    before = run("unexplained")
    with sessions() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO deposit SELECT 8453, '0x' || repeat('b', 64), 0, 7, now(), '0x' || repeat('a', 64),"
            " lower(instructions ->> 'token_contract'), '0x' || repeat('c', 40), deposit_address, 4990002,"
            " 'final', now(), now(), now() FROM payment_attempt WHERE payment_attempt_id = %s",
            (underpaid,),
        )

    after = run("unexplained")

    assert (before.exit_code, after.exit_code) == (0, 1)
    # All but one of them are in the open exception.
    assert f"1 of 4990002 units of 0x833589fcd6edb6e08f4c7c32d4f71b54bda02913: {underpaid}" in after.stdout


def test_the_help_explains_every_resolution() -> None:
    told_of = run("resolve", "--help").stdout

    for word in ("credit:", "refund:", "write_off:"):
        assert word in told_of


def test_with_a_folder_that_house_asks_its_own_processor_for_a_refund(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, ...]] = []

    def in_the_house(folder: Path, *words: str) -> int:
        asked.append((str(folder), *words))
        return 1

    monkeypatch.setattr(where, "run_in_the_house", in_the_house)

    refused = run("resolve", "7", "--as", "refund", "--received", "4.99", *WHY, "--json", "--folder", "home")

    assert refused.exit_code == 1
    words = ("exceptions", "resolve", "7", "--as", "refund", "--reason=the payer wrote", "--by=ann")
    assert asked == [("home", *words, "--received=4.99", "--json")]
