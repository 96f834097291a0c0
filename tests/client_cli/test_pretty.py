"""What people read: at 80 columns, and with nothing broken that is copied."""

from collections.abc import Mapping
from typing import Final

import pytest

from app.client_cli import pretty
from app.client_cli.outcomes import Outcome
from tests.app.conftest import Doors
from tests.client_cli.conftest import Shell

ADDRESS = "0x" + "aB" * 20
PAGE = "https://pay.example/pay/payatt_" + "0" * 60
PAYABLE: Final = {
    "kind": "stripe_crypto_deposit",
    "network": "base",
    "token_currency": "usdc",
    "token_amount": "5.00",
    "deposit_address": ADDRESS,
    "token_contract_address": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "expires_at": "2026-05-08T20:00:00.000Z",
}


def shown(command: str, data: Mapping[str, object], capsys: pytest.CaptureFixture[str]) -> str:
    pretty.show(
        Outcome({"ok": True, "command": f"pennyrail {command}", "data": dict(data), "warnings": []}, 0)
    )
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_deposit_is_told_with_its_whole_address_on_a_line_that_can_be_copied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    attempt = {"stripe_x402": {"payable_instructions": PAYABLE}}
    bought = {"state": "action_required", "credits": 500, "amount_cents": 500, **attempt}
    seen = {"state": "action_required", "quote": {"credits": 500}, "payment_attempt": attempt}

    for command, data in (("credits buy", bought), ("credits status", seen), ("credits wait", seen)):
        told = shown(command, data, capsys)
        assert f"  to     {ADDRESS}\n" in told
        assert "send exactly 5.00 USDC on base, once, in one transfer:" in told


def test_a_page_is_told_with_its_whole_address(capsys: pytest.CaptureFixture[str]) -> None:
    data: dict[str, object] = {"state": "action_required", "checkout_handoff_url": PAGE, "next": {}}

    assert f"  {PAGE}\n" in shown("credits buy", data, capsys)


def test_what_comes_from_afar_moves_no_cursor_and_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    evil = {"actor": "\x1b[2J\u202e[red]agent[/red][/x]\x07"}

    assert shown("whoami", evil, capsys) == "  actor  [2J[red]agent[/red][/x]\n"


def test_whatever_is_missing_from_an_answer_breaks_no_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        "credits methods",
        "credits packs list",
        "credits quote",
        "credits buy",
        "credits status",
    ):
        shown(command, {}, capsys)
        shown(command, {"state": None, "next": None, "methods": [None, {}], "packs": [{}]}, capsys)
    for command in ("usage quota", "activity list", "activity show", "signup", "top-up", "doctor"):
        shown(command, {"events": [{}], "limits": None}, capsys)


def test_a_balance_leads_to_the_purchase_that_is_on_its_way(shell: Shell) -> None:
    shell.signed_up()
    attempt_id = shell.bought()["payment_attempt_id"]

    told = shell.run("usage", "quota", "--pretty").stdout

    assert f"next: pennyrail credits status --payment-attempt-id {attempt_id} --json" in told


def test_a_whole_purchase_fits_80_columns(shell: Shell, doors: Doors) -> None:
    shell.signed_up()
    attempt = shell.bought()
    status = ("credits", "status", "--payment-attempt-id", attempt["payment_attempt_id"])
    doors.deposit.pay(doors.reference(attempt["payment_attempt_id"]))
    doors.settle(attempt["payment_attempt_id"])

    methods, packs = shell.run("credits", "methods", "--pretty"), shell.run("credits", "packs", "--pretty")
    told = {
        words: shell.run(*words, "--pretty")
        for words in (
            status,
            ("usage",),
            ("activity", "list"),
            ("whoami",),
            ("doctor",),
            ("top-up", "--guide"),
        )
    }

    assert all(each.exit_code == 0 for each in told.values())
    for table in (methods, packs):
        rows = [line for line in table.stdout.splitlines() if not line.startswith("next: ")]
        assert max(map(len, rows)) <= 80
    assert ["starter-500", "500", "$5.00"] in [line.split() for line in packs.stdout.splitlines()]
    assert "succeeded: 500 credits for $5.00" in told[status].stdout
    assert "500 bought credits, 0 free credits" in told[("usage",)].stdout
    assert "credits.payment_backed_granted" in told[("activity", "list")].stdout
    assert "stage: ready" in told[("top-up", "--guide")].stdout


def test_sentences_break_between_words_and_never_inside_an_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = (
        f"send it to {PAGE}{ADDRESS} and not anywhere else, for it would be lost there for ever and ever"
    )

    told = shown("credits buy", {"state": "action_required", "next": {"message": message}}, capsys)

    lines = told.splitlines()
    assert f"{PAGE}{ADDRESS}" in lines
    assert max(len(line) for line in lines if PAGE not in line) <= 80
