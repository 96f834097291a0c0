"""What `pennyrail ops` prints for people: whole values, sums with their unit, nothing of the page's forms."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as Terminal
from typer.testing import CliRunner

from app.ops_cli import printing
from app.ops_cli.command import cli
from tests.app.console.seats import PASSWORD, Console
from tests.office.market import Market

HASH = "aecd1f5c" * 8
FIVE_DOLLARS = {"units": 500, "asset": "USD"}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 80 columns."""
    file = io.StringIO()
    plain: dict[str, Any] = {"color_system": None, "markup": False, "highlight": False, "soft_wrap": True}
    monkeypatch.setattr(printing, "out", Terminal(file=file, width=80, force_terminal=True, **plain))
    return file


def shown(found: Any, terminal: io.StringIO, **more: str) -> str:
    printing.show(found, as_json=False, **more)
    return terminal.getvalue()


def lines(found: Any, terminal: io.StringIO) -> list[str]:
    return [" ".join(line.split()) for line in shown(found, terminal).splitlines() if line.strip()]


def test_a_hash_is_never_cut(terminal: io.StringIO) -> None:
    told = lines({"verified": {"kept": HASH, "worked_out": HASH, "agrees": True}}, terminal)

    assert told == [f"verified.kept: {HASH}", f"verified.worked_out: {HASH}", "verified.agrees: yes"]


def test_every_column_is_told_of_a_row_that_does_not_fit(terminal: io.StringIO) -> None:
    row = {f"name_{number}": f"value_{number}_{'x' * 12}" for number in range(20)} | {"state": "done"}

    told = lines({"exports": [row, row]}, terminal)

    assert told.count("state: done") == 2
    assert f"name 19: value_19_{'x' * 12}" in told


def test_sums_and_lengths_of_time_are_told_with_their_unit(terminal: io.StringIO) -> None:
    found = {
        "case": {"worth": FIVE_DOLLARS, "limit_cents": 123_456, "age": 1075.03495, "half_seconds": 5400},
        "chain": {"usdc_units": "5000000"},
    }

    assert lines(found, terminal) == [
        "case.worth: 5.00 USD",
        "case.limit_dollars: 1,234.56 USD",
        "case.age: 17 min",
        "case.half: 1 h 30 min",
        "chain.usdc_units: 5.000000 USDC",
    ]


def test_pairs_of_a_name_and_its_sums_are_a_table(terminal: io.StringIO) -> None:
    sums = {"sold": {"units": 500, "asset": "CREDIT"}, "received": FIVE_DOLLARS}

    told = lines({"overview": {"by_rail": [["stripe_checkout", sums]]}}, terminal)

    assert told[1] == "rail sold received"
    assert told[3] == "stripe_checkout 500 CREDIT 5.00 USD"


def test_legs_name_their_accounts(terminal: io.StringIO) -> None:
    legs = [
        ["agent:agt_1", {"units": -500, "asset": "CREDIT"}],
        ["issued", {"units": 500, "asset": "CREDIT"}],
    ]

    told = shown({"effect": {"legs": legs}}, terminal)

    for word in ("agent:agt_1", "-500 CREDIT", "issued", "500 CREDIT"):
        assert word in told


def test_a_table_in_a_row_is_a_table_of_its_own(terminal: io.StringIO) -> None:
    legs = [{"account": "clearing:stripe", "amount": FIVE_DOLLARS}, {"account": "spent", "amount": None}]

    told = lines({"transactions": [{"transaction_id": 7, "legs": legs}]}, terminal)

    assert told[:3] == ["transactions 1 of 1", "transaction_id: 7", "legs"]
    assert "clearing:stripe 5.00 USD" in told


def test_before_and_after_are_not_mixed(terminal: io.StringIO) -> None:
    told = lines({"entries": [{"before": {"state": "open"}, "after": {"state": "closed"}}]}, terminal)

    assert told[1:2] + told[3:] == ["before.state after.state", "open closed"]


def test_the_next_page_is_named_with_its_option(terminal: io.StringIO) -> None:
    cursor = "eyJ" + "x" * 120

    assert shown({"lines": [], "more": cursor}, terminal) == f"more: --after {cursor}\n"
    assert "more: --before 17\n" in shown({"exports": [], "next": 17}, terminal, after="--before")


def test_nothing_is_said_to_be_nothing(terminal: io.StringIO) -> None:
    page = {"exports": [], "next": None, "going_on": False, "states": ["asked", "done"]}

    assert shown(page, terminal) == "nothing to show\n"


@pytest.fixture
def bought(console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A purchase by card, and one that came short, for an approver who is signed in on the command line."""
    market = Market(console.sessions)
    market.shop.page, market.shop.deposit = console.page, console.deposit
    market.underpay()
    attempt_id = market.shop.grant(market.shop.page)
    monkeypatch.setenv("PENNYRAIL_OPS_SESSION_FILE", str(tmp_path / "operator.json"))
    seat = console.enrolled("approver", "ann@example.com")
    who = ("--email", seat.email, "--password", PASSWORD, "--code", seat.code())
    assert CliRunner().invoke(cli, ["login", "--url", console.url, *who]).exit_code == 0
    return attempt_id


def test_what_pages_hold_is_told_and_what_their_forms_hold_is_not(bought: str, terminal: io.StringIO) -> None:
    for words in (
        *("overview", "purchases list", f"purchases show {bought}", "exceptions list", "exceptions show 1"),
        *("audit list", "rails list", "agents list", "inbox list", "operators list", "periods list"),
        *("reconciliation days", "exports list", "proposals list", "deliveries list", "services list"),
    ):
        done = CliRunner().invoke(cli, words.split())
        assert (done.exit_code == 0) or "may not" in done.stderr, (words, done.output)

    told = terminal.getvalue()

    assert f"payment attempt id: {bought}" in told
    assert "outcome: done" in told
    assert "case.owned.turn: 0 (for --turn)" in told
    assert not {"{", "…"} & set(told)
    names = {line.partition(":")[0].partition(".")[0] for line in told.splitlines() if ": " in line}
    assert not names & {"rails", "outcomes", "states", "wanted", "filters", "places", "lengths", "links"}
    assert not [word for word in ("refund_form_", "difference.none", "/console/") if word in told]
