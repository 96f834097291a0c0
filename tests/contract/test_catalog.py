"""Rows 45 to 61: what is sold, and how it may be paid."""

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, PATHS, X402, Caller, House, as_body


def catalog(house: House) -> Json:
    """The data of the payment methods."""
    return ok(house.visitor().get("/v1/payment-methods"))


def row(house: House, method: str) -> Json:
    """One payment method."""
    return next(each for each in catalog(house)["methods"] if each["method_id"] == method)


def packs(house: House) -> Json:
    """The data of the packs."""
    return ok(house.visitor().get("/v1/credit-packs"))


def test_row_045_the_payment_methods_need_no_token(house: House, agent: Caller) -> None:
    reply = house.visitor().get("/v1/payment-methods")

    assert ok(reply) == ok(agent.get("/v1/payment-methods"))
    assert reply["actor"] is None


def test_row_046_the_catalogs_header_and_paths(house: House, agent: Caller) -> None:
    data = catalog(house)

    assert data["contract_version"] == "image-skill.payment-methods.v1"
    assert (data["credit_unit_cents"], data["currency"]) == (1, "USD")
    assert agent.get(data["packs_endpoint"])["command"] == "image-skill credits packs list"
    assert agent.get(data["status_endpoint"])["command"] == "image-skill credits status"
    assert agent.post(data["quote_endpoint"])["command"] == "image-skill credits quote"


def test_row_047_planned_fake_and_private_rails_are_left_out(house: House, agent: Caller) -> None:
    assert [each["method_id"] for each in catalog(house)["methods"]] == [CHECKOUT, X402]
    for method in ("x402.fake.exact", "fake", "fake_page", "mpp"):
        refused = agent.post("/v1/credit-quotes", credits=5, payment_method=method)["error"]
        assert refused["code"] == "PAYMENT_METHOD_UNAVAILABLE"
    assert (
        agent.post("/v1/credit-purchases", quote_id="q", idempotency_key="k")["error"]["code"] == "NOT_FOUND"
    )


def test_row_048_checkout_is_live_needs_a_browser_and_is_started_by_agents(house: House) -> None:
    checkout = row(house, CHECKOUT)

    assert (checkout["live_money"], checkout["requires_browser"], checkout["agent_initiated"]) == (True,) * 3
    assert checkout["buyer_modes"] == ["hybrid", "human_only"]
    assert (checkout["status"], checkout["unavailable_reason"]) == ("available", None)


def test_row_049_checkout_is_not_settled_by_agents_and_says_why(house: House) -> None:
    checkout = row(house, CHECKOUT)

    assert checkout["agent_settleable"] is False
    assert checkout["settlement_blocker"] == "requires human browser checkout completion"


def test_row_050_x402_is_live_browserless_and_started_by_agents(house: House) -> None:
    x402 = row(house, X402)

    assert (x402["live_money"], x402["requires_browser"], x402["agent_initiated"]) == (True, False, True)
    assert x402["buyer_modes"] == ["agent_only", "hybrid"]


def test_row_051_x402_is_settled_by_agents_without_a_blocker(house: House) -> None:
    x402 = row(house, X402)

    assert (x402["agent_settleable"], x402["settlement_blocker"]) == (True, None)


def test_row_052_every_rail_has_a_default_pack_and_an_endpoint(house: House, agent: Caller) -> None:
    rows = catalog(house)["methods"]

    assert {each["method_id"]: each["purchase_endpoint"] for each in rows} == PATHS
    assert {each["default_pack_id"] for each in rows} == {"starter-500"}
    for each in rows:
        answered = agent.post(each["purchase_endpoint"], quote_id="quote_none", idempotency_key="k")
        assert answered["error"]["code"] == "CREDIT_QUOTE_NOT_FOUND"


def test_row_053_x402_alone_is_autonomous(house: House) -> None:
    autonomous = [
        each["method_id"]
        for each in catalog(house)["methods"]
        if each["available"]
        and each["quoteable"]
        and each["purchasable"]
        and each["requires_browser"] is False
        and each["agent_settleable"] is True
    ]

    assert autonomous == [X402]


def test_row_054_a_limited_rail_is_listed_as_unusable_with_its_reason(house: House, agent: Caller) -> None:
    house.x402.stripe_x402_closed = "stripe_x402_preview_not_configured"

    limited = row(house, X402)
    refused = agent.post("/v1/credit-quotes", credits=5, payment_method=X402)["error"]

    assert (limited["available"], limited["quoteable"], limited["purchasable"]) == (False,) * 3
    assert limited["unavailable_reason"] == "stripe_x402_preview_not_configured"
    assert refused["code"] == "PAYMENT_METHOD_UNAVAILABLE"


@pytest.mark.parametrize(("method", "least"), [(CHECKOUT, 50), (X402, 1)])
def test_row_055_rows_have_limits_that_hold_and_recovery_commands(
    house: House, agent: Caller, method: str, least: int
) -> None:
    listed = row(house, method)
    smallest = agent.quote(credits=least, payment_method=method)

    assert listed["limits"] == {"min_amount_cents": least, "max_amount_cents": 5000}
    assert agent.buy(smallest)["amount_cents"] == least
    assert agent.quote(credits=5000, payment_method=method)["price_amount_cents"] == 5000
    assert set(listed["recovery"]) == {"quote_command", "purchase_command", "status_command"}
    assert as_body(listed["recovery"]["quote_command"]) == {
        "pack_id": "starter-500",
        "payment_method": method,
    }
    assert "KEY" not in listed["recovery"]["quote_command"]


def test_row_056_recommended_quote_prefers_x402_else_checkout(house: House, agent: Caller) -> None:
    preferred = catalog(house)["next_actions"]["recommended_quote"]
    house.x402.stripe_x402_closed = "closed"

    fallback = catalog(house)["next_actions"]["recommended_quote"]

    assert (preferred["method_id"], preferred["recommendation_reason"]) == (
        X402,
        "browserless_agent_self_fund",
    )
    assert (fallback["method_id"], fallback["recommendation_reason"]) == (CHECKOUT, "human_checkout_handoff")
    assert preferred["command_effect"] == {
        "label": "live_money_quote_no_charge",
        "no_spend": True,
        "payment_object": True,
        "credit_debit": False,
        "media_write": False,
    }
    for each in (preferred, fallback):
        assert each["quote_command_copy_runnable"] is each["requires_auth"] is each["live_money"] is True
        assert "KEY" not in each["command"]
    assert ok(agent.post("/v1/credit-quotes", **as_body(fallback["command"])))["pack_id"] == "starter-500"


def test_row_057_the_packs_are_public(house: House) -> None:
    reply = house.visitor().get("/v1/credit-packs")

    assert [pack["pack_id"] for pack in ok(reply)["packs"]] == ["starter-500", "builder-2000", "studio-5000"]
    assert reply["data"]["default_pack_id"] == "starter-500"


def test_row_058_a_packs_cents_equal_its_credits(house: House) -> None:
    for pack in packs(house)["packs"]:
        assert pack["amount_cents"] == pack["credits"] == int(pack["pack_id"].partition("-")[2])
        assert pack["currency"] == "USD"
        assert pack["name"]


def test_row_059_a_pack_is_named_and_priced_for_people(house: House) -> None:
    starter, *_ = packs(house)["packs"]

    assert starter["display_name"] == "Starter (500 credits)"
    assert (starter["amount_usd"], starter["price_usd"]) == ("5.00", "5.00")


def test_row_060_exact_amounts_from_1_to_5000_are_sold(house: House, agent: Caller) -> None:
    assert packs(house)["custom_quotes"] == {"supported": True, "min_credits": 1, "max_credits": 5000}
    assert [agent.quote(credits=credits)["credits"] for credits in (1, 4999, 5000)] == [1, 4999, 5000]
    for credits in (0, 5001):
        assert not agent.post("/v1/credit-quotes", credits=credits, payment_method=X402)["ok"]


def test_row_061_one_credit_is_one_cent(house: House, agent: Caller) -> None:
    data = packs(house)

    assert (data["credit_unit_cents"], data["credit_unit_usd"]) == (1, 0.01)
    for credits in (1, 10, 333):
        assert agent.quote(credits=credits)["price_amount_cents"] == credits
