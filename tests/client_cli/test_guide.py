"""The guide: at every stage the one command to type next, and nothing changed by asking."""

import shlex
from typing import Any

import pytest

from app.client_cli import guide, shortfall
from app.client_cli.outcomes import Outcome
from ledger.money import USDC, Amount
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


def test_while_a_payment_is_open_sent_or_under_review_the_guide_leads_to_it(
    shell: Shell, doors: Doors
) -> None:
    attempt_id = shell.signed_up().bought()["payment_attempt_id"]
    guided = (*GUIDE, "--credits-needed", "840")

    unpaid = shell.run(*guided).data
    doors.deposit.arrive(doors.reference(attempt_id))
    doors.settle(attempt_id)
    sent = shell.run(*guided).data
    doors.deposit.pay_wrongly(doors.reference(attempt_id), "underpaid", received=Amount(4_000_000, USDC))
    doors.settle(attempt_id)
    review = shell.run(*guided).data

    wait = f"pennyrail credits wait {attempt_id} --json"
    guide_again = "pennyrail top-up --guide --credits-needed 840 --json"
    assert (unpaid["stage"], unpaid["blockers"]) == ("purchase_pending", ["purchase_pending"])
    assert unpaid["next_command"] == f"pennyrail credits status --payment-attempt-id {attempt_id} --json"
    assert unpaid["self_fund_handoff"]["after_next"] == wait
    for told in (sent, review):
        assert (told["stage"], told["next_command"]) == ("purchase_pending", wait)
        assert told["self_fund_handoff"]["after_next"] == guide_again
    for told in (unpaid, sent, review):
        assert told["self_fund_next_command"] == told["next_command"]
        assert not [each for each in told["suggested_commands"] if "quote" in each or "buy" in each]


def test_from_the_quote_on_every_step_leads_to_the_next_one_until_it_is_ready(
    shell: Shell, doors: Doors
) -> None:
    shell.signed_up()
    guided = (*GUIDE, "--credits-needed", "840")

    told = shell.run(*guided).data
    buy, _pay, wait, again = told["self_fund_handoff"]["steps"]
    reply = shell.run(*shlex.split(told["next_command"])[1:]).data
    for name in buy["command_path"].split(".")[1:]:
        reply = reply[name]
    bought = shell.run(*shlex.split(str(reply))[1:]).data
    doors.deposit.pay(doors.reference(bought["payment_attempt_id"]))
    doors.settle(bought["payment_attempt_id"])
    waited = wait["command"].replace("PAYMENT_ATTEMPT_ID", bought["payment_attempt_id"])

    assert shell.run(*shlex.split(waited)[1:]).data["state"] == "succeeded"
    assert shell.run(*shlex.split(again["command"])[1:]).data["stage"] == "ready"


@pytest.mark.parametrize(("needed", "quoted"), [(840, 840), (501, 501), (1, 1), (9000, 5000)])
def test_the_quote_covers_what_is_missing(shell: Shell, doors: Doors, needed: int, quoted: int) -> None:
    shell.signed_up()

    told = shell.run(*GUIDE, "--credits-needed", str(needed)).data

    assert f"--credits {quoted} --payment-method fake_deposit" in told["next_command"]
    assert told["self_fund_handoff"]["payment_commands"]["quote"] == told["next_command"]
    assert told["next_command"] in told["suggested_commands"]
    assert shell.run(*shlex.split(told["next_command"])[1:]).data["credits"] == quoted


PACKS = [
    {"pack_id": "starter-500", "credits": 500, "amount_cents": 500},
    {"pack_id": "builder-2000", "credits": 2000, "amount_cents": 2000},
]


@pytest.mark.parametrize(
    ("custom", "limits", "missing", "exactly", "terms"),
    [
        ({"supported": True}, (50, 100_000), 840, True, "--credits 840"),
        ({"supported": True}, (50, 100_000), 20, True, "--credits 50"),
        ({"supported": True}, (50, 700), 840, True, "--credits 700"),
        ({"supported": True}, (50, 100_000), 20, False, "usual"),
        ({"supported": True}, (50, 100_000), 840, False, "--credits 840"),
        ({"supported": False}, (50, 100_000), 840, True, "--pack builder-2000"),
        ({"supported": False}, (50, 100_000), 2001, True, "--pack builder-2000"),
        ({"supported": False}, (50, 700), 840, True, "--pack starter-500"),
        ({"supported": False}, (1, 2), 840, True, "usual"),
        ({}, (50, 100_000), 0, True, "usual"),
    ],
)
def test_the_smallest_amount_that_covers_the_rest_and_that_the_rail_takes_is_asked_for(
    custom: Json, limits: tuple[int, int], missing: float, exactly: bool, terms: str
) -> None:
    rail: Json = {
        "method_id": "m",
        "default_pack_id": "starter-500",
        "limits": {"min_amount_cents": limits[0], "max_amount_cents": limits[1]},
    }

    told = shortfall.quote(
        rail,
        missing=missing,
        exactly=exactly,
        methods=said({"credit_unit_cents": 1}),
        packs=said({"packs": PACKS, "custom_quotes": custom}),
        usual="usual",
    )

    assert told is not None
    assert terms in told


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
    assert "data.next_actions.recommended_buy.command" in handoff["after_next"]


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
    answers = guide.Answers(
        health=said({}), models=said(models), methods=said({}), packs=said({}), quota=said(quota)
    )

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
