"""Rows 36 to 44 and 154: what an agent may spend, and how it comes to more."""

from datetime import datetime, timedelta

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, X402, Caller, House, as_body
from tests.internal.conftest import code, done


def test_row_036_quota_is_told_before_anything_was_made(agent: Caller) -> None:
    reply = agent.get("/v1/quota")

    assert reply["actor"]["actor_id"].startswith("agt_")
    assert ok(reply)["authenticated"] is True
    assert agent.events() == []


def test_row_037_free_and_bought_credits_are_told_apart(house: House, agent: Caller) -> None:
    before = agent.quota()["limits"]

    house.paid(agent, credits=30)

    assert before == {"remaining_credits": 20, "payment_backed_remaining_credits": 0}
    assert agent.quota()["limits"] == {"remaining_credits": 20, "payment_backed_remaining_credits": 30}


def test_row_038_quota_shows_job_limits_model_limits_and_reset_windows(house: House, agent: Caller) -> None:
    data = agent.quota()

    [model] = data["model_limits"]
    assert data["job_limits"] == {"daily_jobs_on_free_credits": 4}
    assert model == {"model_id": "pennyrail.sample-image", "credits_required": 4, "affordable_now": 5}
    resets_at = datetime.fromisoformat(data["reset_windows"]["daily_jobs"]["resets_at"])
    assert timedelta() < resets_at - house.time() <= timedelta(days=1)
    assert (resets_at.hour, resets_at.minute) == (0, 0)


def test_row_039_a_fresh_agent_has_no_paid_credits(agent: Caller) -> None:
    assert agent.quota()["limits"]["payment_backed_remaining_credits"] == 0


def test_row_040_daily_jobs_is_an_object_or_absent_and_never_null(house: House, agent: Caller) -> None:
    free = agent.quota()
    done(house.service().debit(agent.actor_id(), 20))
    empty = agent.quota()
    house.paid(agent)

    bought = agent.quota()

    assert isinstance(free["daily_jobs"]["remaining"], int)
    assert isinstance(empty["daily_jobs"]["remaining"], int)
    assert "daily_jobs" not in bought


def test_row_041_the_preview_is_bounded_credits_and_four_jobs_a_day(house: House, agent: Caller) -> None:
    service, agent_id = house.service(), agent.actor_id()
    for _ in range(4):
        done(service.debit(agent_id, 1))

    fifth = service.debit(agent_id, 1)
    used = agent.quota()

    assert code(fifth) == "DAILY_JOB_CAP_REACHED"
    assert used["daily_jobs"]["limit"] == used["daily_jobs"]["used"] == 4
    assert used["daily_jobs"]["remaining"] == 0
    assert used["limits"]["remaining_credits"] == 16


def test_row_042_reading_the_quota_again_by_any_alias_is_the_same_data(agent: Caller) -> None:
    # `usage quota`, `quota` and `usage` are one request of the client's.
    first = agent.get("/v1/quota")

    again = agent.get("/v1/quota")

    assert ok(again) == ok(first)
    assert first["command"] == again["command"] == "image-skill usage quota"


@pytest.mark.parametrize(
    ("spent", "jobs", "reason", "urgency", "score"),
    [
        (0, 0, "self_fund_setup_missing", "setup_recommended", 60),
        (1, 1, "low_remaining_credits", "near_wall", 80),
        (20, 1, "credits_depleted", "blocked", 100),
        (4, 4, "daily_job_cap_reached", "blocked", 100),
    ],
)
def test_row_043_top_up_names_reason_method_commands_and_urgency(
    house: House, agent: Caller, spent: int, jobs: int, reason: str, urgency: str, score: int
) -> None:
    for _ in range(jobs):
        done(house.service().debit(agent.actor_id(), spent // jobs))

    top_up = agent.quota()["top_up"]

    assert (top_up["available"], top_up["recommended"]) == (True, True)
    assert (top_up["recommendation_reason"], top_up["urgency"], top_up["urgency_score"]) == (
        reason,
        urgency,
        score,
    )
    assert top_up["urgency_reasons"][0] == reason
    assert (top_up["path"], top_up["preferred_payment_method"]) == ("browserless_agent_self_fund", X402)
    assert len(top_up["commands"]) == 7
    assert all(isinstance(each, str) for each in top_up["commands"].values())
    assert top_up["workflow"]["steps"][0]["command"] == top_up["quote_command"]
    assert top_up["quote_command_effect"]["label"] == "live_money_quote_no_charge"
    assert "KEY" not in top_up["quote_command"]
    assert ok(agent.post("/v1/credit-quotes", **as_body(top_up["quote_command"])))["state"] == "created"


def test_who_has_bought_credits_is_not_urged_to_buy_more(house: House, agent: Caller) -> None:
    house.paid(agent)

    top_up = agent.quota()["top_up"]

    assert (top_up["available"], top_up["recommended"]) == (True, False)
    assert (top_up["recommendation_reason"], top_up["urgency"], top_up["urgency_score"]) == (
        "available",
        "available",
        0,
    )
    assert top_up["urgency_reasons"] == []


def test_row_044_quota_and_payment_errors_carry_top_up(house: House, agent: Caller) -> None:
    service, agent_id = house.service(), agent.actor_id()
    small = agent.quote(credits=10, payment_method=CHECKOUT)
    old = agent.quote(credits=60)
    errors: list[Json] = [
        service.debit(agent_id, 21)["error"],
        agent.ask_to_buy(small)["error"],
        agent.post("/v1/credit-quotes", credits=5, payment_method="x402.fake.exact")["error"],
    ]
    house.time.ahead = timedelta(days=1)
    errors.append(agent.ask_to_buy(old)["error"])

    codes = [error["code"] for error in errors]

    assert codes == [
        "INSUFFICIENT_CREDITS",
        "PAYMENT_AMOUNT_NOT_TAKEN",
        "PAYMENT_METHOD_UNAVAILABLE",
        "CREDIT_QUOTE_EXPIRED",
    ]
    for error in errors:
        assert error["recovery"]["top_up"]["quote_command"].startswith("image-skill credits quote ")
        assert len(error["recovery"]["top_up"]["commands"]) == 7


def test_row_154_quota_repeats_claim_state_and_token_status(agent: Caller) -> None:
    data = agent.quota()

    assert (data["claim_state"], data["token_status"]) == ("unclaimed", "active")
    assert datetime.fromisoformat(data["token_created_at"]).tzinfo is not None
