"""An address that was typed stands in every command that is suggested: elsewhere is another service."""

import re
import shlex
from dataclasses import replace

import pytest

from tests.client_cli.conftest import NOBODY, Shell


def commands_in(told: str) -> list[str]:
    """Every suggested command in what was printed."""
    return re.findall(r"pennyrail [^`]*?--json\b", told.replace('\\"', "'"))


@pytest.mark.parametrize(
    "typed",
    [
        "credits methods",
        "credits packs lst",
        "credits quote --credits 80",
        "credits quote --credits 80 --payment-method m",
        "credits buy --provider stripe --quote-id quote_1 --idempotency-key k --pay-with-wallet",
        "credits buy --private-key 1",
        "credits wait payatt_1 --timeout-seconds 0 --token isk_r_x",
        "activity show",
        "auth status",
        "auth save",
        "signup --agent",
        "whoami",
        "top-up --guide",
        "top-up --guide --credits-needed 840 --token isk_r_x",
        "top-up",
    ],
)
def test_what_is_suggested_goes_to_the_address_that_was_typed(alone: Shell, typed: str) -> None:
    bare = replace(alone, base_url="")

    told = bare.run(*typed.split(), "--api-base-url", NOBODY).stdout

    suggested = commands_in(told)
    assert suggested
    assert all(each.endswith(f"--api-base-url {NOBODY} --json") for each in suggested), suggested


def test_a_way_to_credits_that_begins_at_an_address_stays_there(shell: Shell) -> None:
    bare = replace(shell, base_url="")

    def step(command: str) -> dict[str, object]:
        return bare.run(*shlex.split(command)[1:]).data

    signup = str(step(f"pennyrail top-up --guide --api-base-url {shell.base_url} --json")["next_command"])
    step(signup)
    guided = bare.run("top-up", "--guide", "--credits-needed", "840", "--api-base-url", shell.base_url)
    quoted = step(guided.data["next_command"])

    handoff = guided.data["self_fund_handoff"]
    assert quoted["credits"] == 840
    assert len(commands_in(guided.stdout)) > 8
    for each in commands_in(guided.stdout):
        assert f"--api-base-url {shell.base_url} --json" in each
    assert commands_in(handoff["after_next"])


@pytest.mark.parametrize("address", ["nowhere", "http://user:correct-horse@127.0.0.1:9"])
def test_what_is_no_address_is_repeated_nowhere(alone: Shell, address: str) -> None:
    told = alone.run("credits", "methods", "--api-base-url", address)

    assert (told.exit_code, told.error["recovery"]["suggested_command"]) == (2, "pennyrail doctor --json")
    assert address not in told.stdout


def test_without_an_address_none_is_added(alone: Shell) -> None:
    assert "--api-base-url" not in " ".join(commands_in(alone.run("credits", "methods").stdout))


def test_a_signup_with_a_gap_leads_to_one_that_runs(shell: Shell) -> None:
    gap = ("signup", "--agent", "--agent-contact", "AGENT_CONTACT")

    told = [
        shell.run(*gap, "--agent-name", "AGENT_NAME", "--runtime", "codex"),
        shell.run(*gap, "--runtime", "codex"),
    ]

    for each in told:
        recovery = each.error["recovery"]
        assert (each.exit_code, each.error["code"]) == (2, "INVALID_ARGUMENTS")
        assert recovery["suggested_command"] == (
            "pennyrail signup --agent --agent-name my-agent --runtime codex --json"
        )
        assert shell.run(*shlex.split(recovery["suggested_command"])[1:]).exit_code == 0


def test_who_has_no_token_is_told_to_sign_up_without_a_gap(shell: Shell) -> None:
    told = [
        shell.run("top-up", "--guide").data["next_command"],
        shell.run("top-up", "--guide", "--token", "isk_r_old").data["next_command"],
        shell.run("whoami").error["recovery"]["suggested_command"],
        shell.run("auth", "status").data["suggested_command"],
    ]

    assert set(told) == {"pennyrail signup --agent --agent-name my-agent --runtime shell --json"}
