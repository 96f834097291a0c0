"""The guide: at every stage the one command to type next, and nothing changed by asking."""

import shlex
from typing import Any

import pytest

from app.client_cli import guide
from app.client_cli.outcomes import Outcome
from tests.app.conftest import Doors
from tests.client_cli.conftest import Json, Shell

GUIDE = ("top-up", "--guide")


def test_without_a_service_the_doctor_is_next(alone: Shell) -> None:
    told = alone.run(*GUIDE).data

    assert (told["stage"], told["next_command"]) == ("service_unreachable", "pennyrail doctor --json")
    assert told["self_fund_handoff"] is None


def test_each_stage_leads_to_the_next_by_its_own_commands(shell: Shell, doors: Doors) -> None:
    stages = []

    def step() -> Json:
        told = shell.run(*GUIDE)
        stages.append(told.data["stage"])
        return shell.run(*shlex.split(told.data["next_command"])[1:]).data

    step()
    quoted = step()
    attempt = shell.run(*shlex.split(quoted["next_actions"]["recommended_buy"]["command"])[1:]).data
    doors.deposit.pay(doors.reference(attempt["payment_attempt_id"]))
    doors.settle(attempt["payment_attempt_id"])
    balance = step()

    assert stages == ["auth_required", "quota_required", "ready"]
    assert balance["limits"]["payment_backed_remaining_credits"] == 500
    assert shell.run(*GUIDE, "--credits-needed", "501").data["stage"] == "quota_required"
    assert shell.run(*GUIDE, "--credits-needed", "500").data["stage"] == "ready"


def test_the_handoff_names_the_way_that_the_agent_can_go_alone(shell: Shell) -> None:
    told = shell.signed_up().run(*GUIDE).data

    handoff = told["self_fund_handoff"]
    assert told["checks"]["payments"] | {"preferred_method_summary": None} == {
        "checked": True,
        "methods": ["fake_page", "fake_deposit"],
        "agent_payable_methods": ["fake_deposit"],
        "human_handoff_methods": ["fake_page"],
        "preferred_method": "fake_deposit",
        "preferred_method_summary": None,
    }
    assert told["guide_warning"] == {
        "next_command_safety": "live_money_payment_action",
        "payment_top_up_path": "browserless_agent_self_fund",
    }
    assert handoff["payment_commands"]["quote"] == told["next_command"] == told["self_fund_next_command"]
    assert "credits buy --provider fake_deposit" in handoff["payment_commands"]["buy"]
    assert handoff["payment_commands"]["status"].startswith("pennyrail credits status ")
    assert handoff["wallet_settlement"]["exact_amount_required"] is True
    assert shell.run(*shlex.split(handoff["after_next"])[1:]).exit_code == 0


def test_asking_changes_nothing(shell: Shell, doors: Doors) -> None:
    shell.signed_up()
    before = shell.config.read_bytes()

    told = shell.run(*GUIDE).data

    assert set(told["mutations"].values()) == {False}
    assert len(told["mutations"]) == 6
    assert shell.run("activity", "list").data["events"] == []
    assert shell.config.read_bytes() == before
    assert doors.deposit.opened == {}


def test_a_token_of_another_service_is_not_shown_and_the_way_back_is(shell: Shell, alone: Shell) -> None:
    shell.signed_up()
    other = shell.elsewhere(shell.base_url.replace("127.0.0.1", "localhost"))

    told = other.run(*GUIDE).data

    assert told["stage"] == "auth_required"
    assert told["next_command"] == f"pennyrail auth status --api-base-url {shell.base_url} --json"


def test_a_refused_token_needs_a_new_one(shell: Shell) -> None:
    told = shell.run(*GUIDE, "--token", "isk_r_old")

    assert told.data["stage"] == "auth_required"
    assert shell.run(*GUIDE, "--token-stdin", stdin="").exit_code == 2


MODELS = {
    "models": [
        {
            "model_execution_status": "executable",
            "credits_required": 9,
        },
        {
            "execution": {"model_execution_status": "executable"},
            "economics": {"credit_pricing": {"credits_required": 7}},
        },
        {
            "execution": {"model_execution_status": "cataloged_not_wired"},
            "economics": {"credit_pricing": {"credits_required": 1}},
        },
    ]
}


@pytest.mark.parametrize(
    ("models", "quota", "asked", "met"),
    [
        (MODELS, {"limits": {"remaining_credits": 7}}, None, True),
        (MODELS, {"limits": {"remaining_credits": 3, "payment_backed_remaining_credits": 3}}, None, False),
        (MODELS, {"limits": {"remaining_credits": 3}}, 3, True),
        (MODELS, {"limits": {"remaining_credits": 7}, "daily_jobs": {"remaining": 0}}, None, False),
        (MODELS, {"limits": {"remaining_credits": 7}, "daily_jobs": None}, None, True),
        (MODELS, {"limits": None}, None, False),
        (MODELS, {"limits": {"remaining_credits": "many"}}, 1, False),
        ({}, {"limits": {"remaining_credits": 5}, "top_up": {"recommended": True}}, None, False),
        ({}, {"limits": {"remaining_credits": 5}, "top_up": {"recommended": False}}, None, True),
        ({}, {"limits": {"remaining_credits": 0}}, None, False),
    ],
)
def test_what_is_enough_is_what_was_asked_for_or_the_cheapest_model_or_no_low_balance(
    models: dict[str, Any], quota: dict[str, Any], asked: int | None, met: bool
) -> None:
    answers = guide.Answers(health=said({}), models=said(models), methods=said({}), quota=said(quota))

    enough = guide.need(answers, asked)

    assert enough.met is met
    assert guide.stage(answers, enough) == ("ready" if met else "quota_required")


def test_the_name_of_a_pack_comes_out_of_the_command_as_it_went_in() -> None:
    rail = {
        "method_id": "fake_deposit",
        "available": True,
        "agent_settleable": True,
        "requires_browser": False,
        "buyer_modes": ["agent_only"],
        "default_pack_id": "the small pack",
    }

    told = guide.suggested([rail])

    [quote] = [line for line in told if "credits quote" in line]
    assert shlex.split(quote)[shlex.split(quote).index("--pack") + 1] == "the small pack"


def said(data: dict[str, Any]) -> Outcome:
    return Outcome({"ok": True, "data": data}, 0)
