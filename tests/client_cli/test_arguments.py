"""Wrong arguments, and what no command takes, answered without a word of what was typed."""

import shlex
from collections.abc import Iterator

import pytest
import typer

from app.cli import cli
from app.client_cli.arguments import CREDENTIAL_FLAGS, AgentCommand
from tests.client_cli.conftest import Shell

SECRET = "correct-horse-battery"


def commands() -> Iterator[tuple[str, AgentCommand]]:
    """Every command of agents with its words."""
    left = [("", typer.main.get_command(cli))]
    while left:
        words, found = left.pop()
        if isinstance(found, AgentCommand):
            yield words, found
        for name, inside in getattr(found, "commands", {}).items():
            left.append((f"{words} {name}".strip(), inside))


EVERY = dict(sorted(commands()))


def test_every_command_of_the_contract_is_there() -> None:
    assert set(EVERY) == {
        "signup",
        "claim request",
        "whoami",
        "auth status",
        "auth save",
        "auth logout",
        "usage",
        "quota",
        "credits methods",
        "credits packs",
        "credits quote",
        "credits buy",
        "credits status",
        "credits wait",
        "credits receipt",
        "activity list",
        "activity show",
        "doctor",
        "top-up",
    }


@pytest.mark.parametrize("words", list(EVERY))
def test_every_command_has_a_help_with_an_example_of_itself_and_a_json_flag(alone: Shell, words: str) -> None:
    told = alone.run(*words.split(), "--help")

    assert told.exit_code == 0
    first = next(
        line for line in told.stdout.splitlines() if line.strip().startswith(("pennyrail", "printf"))
    )
    assert f"pennyrail {words}" in first
    for flag in ("--json", "--pretty", "--api-base-url", "--token-stdin"):
        assert flag in told.stdout
    assert "127.0.0.1:8402" in told.stdout


@pytest.mark.parametrize("words", ["credits quote", "credits buy"])
@pytest.mark.parametrize("flag", sorted(CREDENTIAL_FLAGS))
@pytest.mark.parametrize("form", ["{flag} {secret}", "{flag}={secret}", "{flag}"])
def test_flags_of_credentials_are_refused_and_their_values_never_repeated(
    alone: Shell, words: str, flag: str, form: str
) -> None:
    typed = form.format(flag=f"--{flag}", secret=SECRET).split()

    refused = alone.run(*words.split(), "--provider", "stripe", *typed)

    assert (refused.exit_code, refused.error["code"]) == (2, "PAYMENT_CREDENTIAL_FLAG_REJECTED")
    assert refused.error["recovery"]["rejected_flag"] == f"--{flag}"
    assert SECRET not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    "typed",
    [
        "--seed abc",
        "--walletPrivateKey=abc",
        "--my-secret abc",
        "--quote-id 0x" + "ab" * 32,
        "--provider sk_live_12345678",
        "--idempotency-key 'legal winner thank year wave sausage worth useful legal winner thank yellow'",
        "4242424242424242",
    ],
)
def test_other_spellings_and_secrets_in_the_wrong_place_are_refused_too(alone: Shell, typed: str) -> None:
    refused = alone.run("credits", "buy", *shlex.split(typed))

    assert (refused.exit_code, refused.error["code"]) == (2, "PAYMENT_CREDENTIAL_FLAG_REJECTED")
    for word in shlex.split(typed)[-1:]:
        assert word.partition("=")[2] or word not in refused.stdout


@pytest.mark.parametrize("words", sorted(set(EVERY)))
def test_no_command_takes_a_private_key(alone: Shell, words: str) -> None:
    refused = alone.run(*words.split(), "--private-key", SECRET)

    assert refused.error["code"] == "PAYMENT_CREDENTIAL_FLAG_REJECTED"
    assert SECRET not in refused.stdout + refused.stderr


def test_buy_pays_with_no_wallet_and_says_why(alone: Shell) -> None:
    refused = alone.run(
        "credits", "buy", "--provider=stripe", "--quote-id=q", "--idempotency-key=k", "--pay-with-wallet"
    )

    assert (refused.exit_code, refused.error["code"]) == (2, "INVALID_ARGUMENTS")
    assert "takes no wallet" in refused.error["message"]


@pytest.mark.parametrize(
    ("typed", "missing", "suggested"),
    [
        (
            "signup --runtime codex",
            ["--agent", "--agent-name"],
            "pennyrail signup --agent --agent-name my-agent --runtime codex --json",
        ),
        (
            "credits quote --credits 10",
            ["--payment-method"],
            "pennyrail credits quote --pack starter-500 --payment-method stripe_x402.exact.usdc --json",
        ),
        (
            "credits buy --provider stripe --quote-id quote_1",
            ["--idempotency-key"],
            "pennyrail credits buy --provider stripe --quote-id quote_1"
            " --idempotency-key purchase:quote_1 --json",
        ),
        (
            "credits buy --quote-id quote_1 --idempotency-key k",
            ["--provider"],
            "pennyrail credits status --quote-id quote_1 --json",
        ),
        ("credits wait", ["ATTEMPT_ID"], "pennyrail usage quota --json"),
        ("claim request", ["--contact"], "pennyrail claim request --contact CONTACT --json"),
        ("top-up", ["--guide"], "pennyrail top-up --guide --json"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_would_do(
    alone: Shell, typed: str, missing: list[str], suggested: str
) -> None:
    refused = alone.run(*typed.split())

    assert (refused.exit_code, refused.error["code"]) == (2, "INVALID_ARGUMENTS")
    assert refused.error["recovery"]["required_flags"] == missing
    assert refused.error["recovery"]["suggested_command"] == suggested


@pytest.mark.parametrize(
    "typed",
    [
        "whoami correct-horse-battery",
        "activity list --limit correct-horse-battery",
        "activity list --limits correct-horse-battery",
        "credits status --correct-horse-battery-1",
        "credits wait payatt_1 --timeout-seconds correct-horse-battery",
        "usage correct-horse-battery",
        "credits packs correct-horse-battery",
        "credits quote --payment-method stripe_checkout",
        "credits quote --payment-method stripe_checkout --pack a --credits 5",
        "credits status --quote-id a --receipt-id b",
        "credits status --quote-id",
    ],
)
def test_wrong_arguments_are_an_envelope_that_repeats_nothing(alone: Shell, typed: str) -> None:
    refused = alone.run(*typed.split())

    assert (refused.exit_code, refused.error["code"]) == (2, "INVALID_ARGUMENTS")
    assert "correct-horse" not in refused.stdout + refused.stderr
    assert refused.error["recovery"]["suggested_command"].startswith("pennyrail ")


@pytest.mark.parametrize("typed", ["credits bye", "auth", "activity lst", "claim --json"])
def test_an_unknown_command_of_a_group_is_told_with_those_it_has(alone: Shell, typed: str) -> None:
    refused = alone.run(*typed.split())

    assert refused.exit_code == 2
    if len(typed.split()) > 1:
        assert refused.error["code"] == "PUBLIC_CLI_COMMAND_NOT_AVAILABLE"
        assert refused.error["recovery"]["commands"]


def test_a_refusal_in_pretty_is_two_lines_on_standard_error(alone: Shell) -> None:
    refused = alone.run("credits", "buy", "--pretty", "--provider", "stripe", "--quote-id", "q")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "needed: --idempotency-key" in refused.stderr
    assert "next: pennyrail credits buy --provider stripe" in refused.stderr
