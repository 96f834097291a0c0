"""Buying through the command line, against a running house: each suggested command is run as it stands."""

import json
import shlex
from pathlib import Path

import pytest

from app.main import create_app
from ledger import seals
from ledger.keys import SigningKey
from tests.app.conftest import Doors, served, settings
from tests.client_cli.conftest import Json, Ran, Shell

QUOTE = ("credits", "quote", "--payment-method", "fake_deposit")


def commands_in(told: object) -> set[str]:
    """Every command that an answer suggests, wherever it stands, without those that have gaps to fill in."""
    found: set[str] = set()
    if isinstance(told, dict):
        for value in told.values():
            found |= commands_in(value)
    elif isinstance(told, list):
        for value in told:
            found |= commands_in(value)
    elif isinstance(told, str) and told.startswith("pennyrail "):
        gaps = ("QUOTE_ID", "PAYMENT_ATTEMPT_ID", "KEY", "AGENT_CONTACT")
        found |= set() if any(word in gaps for word in told.split()) else {told}
    return found


def settled(doors: Doors, attempt: Json) -> None:
    """Let the payment of an attempt arrive."""
    doors.deposit.pay(doors.reference(attempt["payment_attempt_id"]))
    doors.settle(attempt["payment_attempt_id"])


def test_methods_and_packs_take_a_token_and_show_it_to_nobody(shell: Shell, doors: Doors) -> None:
    shell.signed_up()

    told = [
        shell.run(*words, "--token-stdin", stdin=f"{shell.saved()['token']}\n")
        for words in (("credits", "methods"), ("credits", "packs", "list"), ("credits", "packs"))
    ]

    assert [each.envelope["actor"] for each in told] == [None, None, None]
    assert {row["method_id"] for row in told[0].data["methods"]} == {"fake_page", "fake_deposit"}
    assert told[1].data["packs"] == told[2].data["packs"]


def test_a_quote_without_a_key_gets_one_that_repeats_it(shell: Shell) -> None:
    shell.signed_up()

    first = shell.run(*QUOTE, "--credits", "10")
    key = first.data["idempotency_key"]
    again = shell.run(*QUOTE, "--credits", "10", "--idempotency-key", key)

    begin, milliseconds, rest = key.split("-")
    assert (begin, len(milliseconds), len(rest)) == ("quote", 13, 8)
    made = f"the idempotency key {key} was made for this quote"
    assert made in first.envelope["warnings"]
    assert made not in again.envelope["warnings"]
    assert again.data["quote_id"] == first.data["quote_id"]


def test_a_conflict_suggests_a_command_that_works(shell: Shell) -> None:
    shell.signed_up()
    shell.run(*QUOTE, "--credits", "10", "--idempotency-key", "k")

    refused = shell.run(*QUOTE, "--credits", "11", "--idempotency-key", "k")
    suggested = shlex.split(refused.error["recovery"]["suggested_command"])

    assert (refused.exit_code, refused.error["code"]) == (1, "CREDIT_QUOTE_CONFLICT")
    assert shell.run(*suggested[1:]).data["credits"] == 11


def test_a_quote_without_a_token_says_what_to_come_back_to(alone: Shell) -> None:
    refused = alone.run(*QUOTE, "--credits", "10")

    assert (refused.exit_code, refused.error["code"]) == (3, "AUTH_REQUIRED")
    assert refused.error["recovery"]["after_auth"] == (
        "pennyrail credits quote --credits 10 --payment-method fake_deposit --json"
    )


def test_exit_codes_are_the_servers(shell: Shell) -> None:
    shell.signed_up()

    refused = {
        "credits quote --pack nothing --payment-method fake_page": (2, "CREDIT_PACK_NOT_FOUND"),
        "credits quote --credits -5 --payment-method fake_page": (2, "INVALID_ARGUMENTS"),
        "credits quote --credits 5 --payment-method none": (2, "PAYMENT_METHOD_UNAVAILABLE"),
        "credits status --quote-id quote_none": (1, "CREDIT_QUOTE_NOT_FOUND"),
        "credits status --payment-attempt-id payatt_none": (1, "CREDIT_PURCHASE_NOT_FOUND"),
        "credits wait payatt_none": (1, "CREDIT_PURCHASE_NOT_FOUND"),
        "credits receipt receipt_none": (1, "RECEIPT_NOT_FOUND"),
        "activity show ../../healthz": (1, "NOT_FOUND"),
        "activity show nothing": (1, "ACTIVITY_NOT_FOUND"),
        "whoami --token isk_r_wrong": (3, "AUTH_REQUIRED"),
    }

    found = {words: _told(shell.run(*words.split())) for words in refused}
    assert found == refused


def _told(ran: Ran) -> tuple[int, str]:
    return ran.exit_code, ran.error["code"]


def test_a_rail_that_breaks_is_exit_code_7_with_the_same_command_to_repeat(
    shell: Shell, doors: Doors
) -> None:
    shell.signed_up()
    quote_id = shell.run(*QUOTE, "--pack", "starter-500").data["quote_id"]
    buy = ["credits", "buy", "--provider", "fake_deposit", "--quote-id", quote_id]
    doors.deposit.unreachable = True

    refused = shell.run(*buy, "--idempotency-key", "k")
    doors.deposit.unreachable = False
    again = shlex.split(refused.error["recovery"]["suggested_command"])

    assert (refused.exit_code, refused.error["code"]) == (7, "PAYMENT_PROVIDER_FAILURE")
    assert shell.run(*again[1:]).data["payment_attempt_id"].startswith("payatt_")


def test_a_provider_that_nobody_has_is_refused_and_nothing_is_opened(shell: Shell, doors: Doors) -> None:
    shell.signed_up()
    quote_id = shell.run(*QUOTE, "--pack", "starter-500").data["quote_id"]

    refused = shell.run("credits", "buy", "--provider=fake", f"--quote-id={quote_id}", "--idempotency-key=k")

    assert (refused.exit_code, refused.error["code"]) == (2, "INVALID_ARGUMENTS")
    assert doors.deposit.opened == {}


def test_status_without_a_reference_is_the_balance(shell: Shell) -> None:
    shell.signed_up()

    assert shell.run("credits", "status").data["limits"] == shell.run("usage", "quota").data["limits"]


@pytest.mark.parametrize("bare", [True, False], ids=["as a process", "in this process"])
def test_every_command_that_a_purchase_suggests_runs_as_it_stands(
    shell: Shell, doors: Doors, bare: bool
) -> None:
    shell.signed_up()
    run = shell.spawn if bare else shell.run
    methods = run("credits", "methods")
    quoted = run(*shlex.split(methods.data["next_actions"]["recommended_quote"]["command"])[1:])
    bought = run(*shlex.split(quoted.data["next_actions"]["recommended_buy"]["command"])[1:])
    attempt = bought.data
    open_status = shell.run("credits", "status", "--payment-attempt-id", attempt["payment_attempt_id"])
    settled(doors, attempt)
    waited = run("credits", "wait", attempt["payment_attempt_id"], "--timeout-seconds", "30")

    told = [methods, quoted, bought, open_status, waited, shell.run("usage", "quota")]
    suggested = set().union(*(commands_in(each.data) for each in told))
    ran = {command: run(*shlex.split(command)[1:]) for command in sorted(suggested)}

    assert len(suggested) >= 6
    assert {command: each.exit_code for command, each in ran.items()} == dict.fromkeys(ran, 0)
    assert waited.data["state"] == "succeeded"
    assert shell.run("usage", "quota").data["limits"]["payment_backed_remaining_credits"] == 500


def test_a_receipt_comes_with_the_keys_that_verify_it_offline(
    shell: Shell, doors: Doors, key: SigningKey, tmp_path: Path
) -> None:
    shell.signed_up()
    attempt = shell.bought()
    settled(doors, attempt)
    receipt_id = shell.run("credits", "wait", attempt["payment_attempt_id"]).data["receipt"]["receipt_id"]
    app = create_app(doors.sessions, doors.rails, settings(), doors.clock, receipt_key=key)
    answer, keys = tmp_path / "receipt.json", tmp_path / "keys.json"

    with served(app) as url:
        signing = shell.elsewhere(url)
        token = {"PENNYRAIL_TOKEN": shell.saved()["token"]}
        early = signing.run("credits", "receipt", receipt_id, "--timeout-seconds", "0", **token)
        seals.seal_all(doors.sessions, now=doors.clock.now)
        answer.write_text(
            signing.run("credits", "receipt", receipt_id, "--save-keys", str(keys), **token).stdout
        )
        words = signing.run("credits", "receipt", receipt_id, "--pretty", **token)
        nowhere = signing.run(
            "credits", "receipt", receipt_id, "--save-keys", str(tmp_path / "no" / "f"), **token
        )
    verified = shell.run("receipt", "verify", str(answer), "--key", str(keys))

    assert early.error["code"] == "RECEIPT_NOT_SEALED_YET"
    jws = json.loads(answer.read_text())["data"]["jws"]
    assert (jws in words.stdout, "{" in words.stdout) == (False, False)
    assert words.stdout.startswith("500 credits for $5.00\nreal money\n")
    assert f"  receipt   {receipt_id}\n" in words.stdout
    assert "seen by   " in words.stdout
    assert len(words.stdout.splitlines()) < 16
    assert (
        f"  pennyrail credits receipt {receipt_id} --save-keys keys.json --json > receipt.json\n"
        in words.stdout
    )
    assert (nowhere.exit_code, nowhere.error["code"]) == (9, "PUBLIC_CLI_FILE_WRITE_FAILED")
    assert json.loads(keys.read_text())["keys"]
    assert (verified.exit_code, "the receipt is genuine" in verified.stdout) == (0, True), verified.stdout


def test_the_history_of_a_purchase_is_found_by_its_ids(shell: Shell, doors: Doors) -> None:
    shell.signed_up()
    attempt = shell.bought()
    settled(doors, attempt)

    listed = shell.run("activity", "list", "--limit", "1").data["events"]
    shown = shell.run("activity", "show", attempt["quote_id"]).data["events"]

    assert [event["type"] for event in listed] == ["credits.payment_backed_granted"]
    assert listed[0] in shown
