"""What is for sale and how it may be paid. Numbers are rows of the contract."""

from tests.app.conftest import Doors, Json, ok


def methods(doors: Doors) -> dict[str, Json]:
    data = ok(doors.visitor().get("/v1/payment-methods"))
    return {row["method_id"]: row for row in data["methods"]}


def test_row_46_the_catalog_says_what_a_credit_is_and_where_to_go(doors: Doors) -> None:
    data = ok(doors.visitor().get("/v1/payment-methods"))

    assert data["contract_version"] == "image-skill.payment-methods.v1"
    assert (data["credit_unit_cents"], data["currency"]) == (1, "USD")
    assert data["quote_endpoint"] == "/v1/credit-quotes"
    assert data["packs_endpoint"] == "/v1/credit-packs"
    assert data["status_endpoint"] == "/v1/credit-purchases/status"


def test_rows_47_to_53_every_rail_is_listed_as_it_describes_itself(doors: Doors) -> None:
    rows = methods(doors)

    page, deposit = rows["fake_page"], rows["fake_deposit"]
    assert set(rows) == {"fake_page", "fake_deposit"}
    assert (page["requires_browser"], page["agent_settleable"]) == (True, False)
    assert page["settlement_blocker"] == "requires a person in a browser"
    assert page["buyer_modes"] == ["hybrid", "human_only"]
    assert (deposit["requires_browser"], deposit["agent_settleable"]) == (False, True)
    assert deposit["settlement_blocker"] is None
    assert deposit["buyer_modes"] == ["agent_only", "hybrid"]
    for row in rows.values():
        assert row["available"] is row["quoteable"] is row["purchasable"] is row["live_money"] is True
        assert (row["status"], row["unavailable_reason"]) == ("available", None)
        assert row["agent_initiated"] is True
        assert row["default_pack_id"] == "starter-500"
    assert deposit["purchase_endpoint"] == "/v1/credit-purchases/fake-deposits"


def test_row_54_a_closed_rail_stays_listed_with_its_reason(doors: Doors) -> None:
    doors.deposit.unavailable_reason = "chain_unreachable"

    row = methods(doors)["fake_deposit"]

    assert (row["available"], row["quoteable"], row["purchasable"]) == (False, False, False)
    assert row["unavailable_reason"] == "chain_unreachable"


def test_row_55_every_row_has_limits_and_the_three_commands(doors: Doors) -> None:
    row = methods(doors)["fake_page"]

    assert row["limits"] == {"min_amount_cents": 1, "max_amount_cents": 5000}
    assert row["recovery"] == {
        "quote_command": "pennyrail credits quote --pack starter-500 --payment-method fake_page --json",
        "purchase_command": "pennyrail credits buy --provider fake_page --quote-id QUOTE_ID"
        " --idempotency-key KEY --json",
        "status_command": "pennyrail credits status --payment-attempt-id PAYMENT_ATTEMPT_ID --json",
    }


def test_row_56_the_recommended_quote_prefers_what_an_agent_settles_alone(doors: Doors) -> None:
    recommended = ok(doors.visitor().get("/v1/payment-methods"))["next_actions"]["recommended_quote"]

    assert recommended["method_id"] == "fake_deposit"
    assert recommended["recommendation_reason"] == "browserless_agent_self_fund"
    assert recommended["command"].endswith(" --payment-method fake_deposit --json")
    assert "KEY" not in recommended["command"]
    assert recommended["command_effect"]["label"] == "live_money_quote_no_charge"


def test_row_56_the_recommended_quote_falls_back_to_the_page_and_then_to_none(doors: Doors) -> None:
    doors.deposit.unavailable_reason = "closed"
    page = ok(doors.visitor().get("/v1/payment-methods"))["next_actions"]["recommended_quote"]
    doors.page.unavailable_reason = "closed"

    nothing = ok(doors.visitor().get("/v1/payment-methods"))["next_actions"]

    assert (page["method_id"], page["recommendation_reason"]) == ("fake_page", "human_checkout_handoff")
    assert nothing == {}


def test_a_rail_that_moves_no_real_money_says_so_everywhere(doors: Doors) -> None:
    doors.deposit.live_money = False

    row = methods(doors)["fake_deposit"]
    recommended = ok(doors.visitor().get("/v1/payment-methods"))["next_actions"]["recommended_quote"]

    assert row["live_money"] is recommended["live_money"] is False
    assert recommended["command_effect"]["label"] == "test_money_quote_no_charge"


def test_rows_57_to_60_packs_cost_a_cent_a_credit_and_exact_amounts_are_sold_too(doors: Doors) -> None:
    data = ok(doors.visitor().get("/v1/credit-packs"))

    assert data["credit_unit_usd"] == 0.01
    assert data["default_pack_id"] == "starter-500"
    assert [(pack["pack_id"], pack["credits"], pack["amount_cents"]) for pack in data["packs"]] == [
        ("starter-500", 500, 500),
        ("builder-2000", 2000, 2000),
        ("studio-5000", 5000, 5000),
    ]
    assert data["packs"][0] == {
        "pack_id": "starter-500",
        "name": "Starter",
        "display_name": "Starter (500 credits)",
        "credits": 500,
        "amount_cents": 500,
        "amount_usd": "5.00",
        "price_usd": "5.00",
        "currency": "USD",
    }
    assert data["custom_quotes"] == {"supported": True, "min_credits": 1, "max_credits": 5000}
