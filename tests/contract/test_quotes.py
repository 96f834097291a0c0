"""Rows 62 to 77: what credits cost, fixed for a while."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, X402, Caller, House, as_body

TERMS: Json = {"credits": 500, "payment_method": X402, "idempotency_key": "k"}


def ask(agent: Caller, **terms: object) -> Json:
    """The whole reply to a quote request of exactly these fields."""
    return agent.post("/v1/credit-quotes", **terms)


def test_row_062_a_quote_is_asked_for_with_credits_or_a_pack(agent: Caller) -> None:
    by_credits = ask(agent, credits=10)
    by_pack = ask(agent, pack_id="starter-500", payment_method=X402, idempotency_key="k")
    refused = [ask(agent, payment_method=X402), ask(agent, credits=500, pack_id="starter-500")]

    assert ok(by_credits)["credits"] == 10
    assert ok(by_pack)["pack_id"] == "starter-500"
    assert {each["error"]["code"] for each in refused} == {"INVALID_ARGUMENTS"}


def test_row_063_a_quote_names_all_its_terms(agent: Caller) -> None:
    exact, pack = agent.quote(credits=10, payment_method=CHECKOUT), agent.quote(pack_id="builder-2000")

    assert exact["quote_id"].startswith("quote_")
    assert (exact["credits"], exact["price_amount_cents"], exact["currency"]) == (10, 10, "USD")
    assert (exact["accepted_payment_method"], exact["live_money"]) == (CHECKOUT, True)
    assert (exact["pack_id"], exact["pack"]) == (None, None)
    assert (pack["pack_id"], pack["pack"]["credits"]) == ("builder-2000", 2000)


def test_row_064_a_quote_is_created_expires_and_echoes_its_key(house: House, agent: Caller) -> None:
    quote = agent.quote(idempotency_key="quote-run-001")

    assert (quote["state"], quote["idempotency_key"]) == ("created", "quote-run-001")
    assert house.time() < datetime.fromisoformat(quote["expires_at"]) <= house.time() + timedelta(days=1)


def test_row_065_an_x402_quote_names_its_rail_and_nowhere_to_pay_to(agent: Caller) -> None:
    quote = agent.quote(payment_method=X402)

    assert quote["accepted_payment_method"] == X402
    assert "0x" not in str(quote)
    assert "payable_instructions" not in quote
    assert "stripe_x402" not in quote


def test_row_066_a_quote_grants_nothing(agent: Caller) -> None:
    before = agent.quota()["limits"]

    agent.quote(credits=5000)

    assert agent.quota()["limits"] == before
    assert agent.events() == []


def test_row_067_same_key_and_terms_replay_the_same_quote(house: House, agent: Caller) -> None:
    first = ask(agent, **TERMS)
    house.time.ahead = timedelta(minutes=5)

    again = ask(agent, **TERMS)

    assert ok(again) == ok(first)


@pytest.mark.parametrize(
    "changed",
    [{"credits": 501}, {"credits": None, "pack_id": "starter-500"}, {"payment_method": CHECKOUT}],
    ids=["credits", "pack", "method"],
)
def test_row_068_the_same_key_with_other_terms_conflicts(house: House, agent: Caller, changed: Json) -> None:
    ask(agent, **TERMS)

    reply = ask(agent, **{**TERMS, **changed})

    assert reply["error"]["code"] == "CREDIT_QUOTE_CONFLICT"
    assert house.everything[-1].headers["x-image-skill-exit-code"] == "1"


def test_row_069_the_conflict_suggests_the_attempted_terms_under_a_fresh_key(agent: Caller) -> None:
    ask(agent, **TERMS)

    error = ask(agent, **{**TERMS, "credits": 7})["error"]

    suggested = as_body(error["recovery"]["suggested_command"])
    assert (suggested["credits"], suggested["payment_method"]) == (7, X402)
    assert suggested["idempotency_key"] == error["recovery"]["idempotency_key"] != "k"


def test_row_070_the_suggested_command_works_as_it_stands(agent: Caller) -> None:
    first = ok(ask(agent, **TERMS))
    error = ask(agent, idempotency_key="k", pack_id="starter-500", payment_method=CHECKOUT)["error"]

    fresh = ok(ask(agent, **as_body(error["recovery"]["suggested_command"])))

    assert (fresh["pack_id"], fresh["accepted_payment_method"]) == ("starter-500", CHECKOUT)
    assert fresh["quote_id"] != first["quote_id"]


def test_row_071_quote_keys_belong_to_one_agent(house: House, agent: Caller) -> None:
    mine, other = ok(ask(agent, **TERMS)), ok(ask(house.agent(), **{**TERMS, "credits": 9}))

    assert mine["quote_id"] != other["quote_id"]
    assert (mine["credits"], other["credits"]) == (500, 9)


def test_row_072_a_key_that_a_client_made_is_taken_and_echoed(agent: Caller) -> None:
    key = "quote-1763640000000-1a2b3c4d"

    quote = agent.quote(idempotency_key=key)

    assert quote["idempotency_key"] == key
    assert agent.quote(idempotency_key=key)["quote_id"] == quote["quote_id"]


def test_row_073_quotes_that_race_with_one_key_are_one(agent: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {each["quote_id"] for each in pool.map(lambda _: ok(ask(agent, **TERMS)), range(16))}

    assert len(found) == 1


def test_row_074_unknown_packs_and_bad_amounts_are_refused(agent: Caller) -> None:
    pack = ask(agent, pack_id="huge-9000", payment_method=X402)["error"]
    amounts = [ask(agent, credits=bad, payment_method=X402) for bad in (0, -5, 5001, 1.5, 10**9, "5", True)]

    assert pack["code"] == "CREDIT_PACK_NOT_FOUND"
    assert pack["recovery"]["suggested_command"] == "image-skill credits packs list --json"
    assert {each["error"]["code"] for each in amounts} == {"INVALID_ARGUMENTS"}


def test_row_075_without_a_method_the_api_quotes_checkout(agent: Caller) -> None:
    assert ok(ask(agent, credits=500))["accepted_payment_method"] == CHECKOUT


def test_row_076_exact_amounts_are_quoted_on_both_rails(agent: Caller) -> None:
    small = ask(agent, credits=10, payment_method=CHECKOUT)
    exact = ask(agent, credits=10, payment_method=X402)

    assert ok(small)["price_amount_cents"] == ok(exact)["price_amount_cents"] == 10
    assert exact["warnings"] == []
    # Stripe takes no card payment under 50 cents: the quote stands, and says what works instead.
    [warning] = small["warnings"]
    assert "$0.50" in warning
    assert f"--credits 50 --payment-method {CHECKOUT}" in warning
    assert f"--credits 10 --payment-method {X402}" in warning
    refused = agent.ask_to_buy(ok(small))["error"]
    assert refused["code"] == "PAYMENT_AMOUNT_NOT_TAKEN"
    for command in refused["recovery"]["suggested_commands"]:
        way_out = ok(ask(agent, **as_body(command)))
        assert agent.buy(way_out)["state"] == "action_required"


def test_row_077_recommended_buy_holds_the_real_quote_and_its_key(agent: Caller) -> None:
    for method, provider, alone in ((X402, "stripe_x402", True), (CHECKOUT, "stripe", False)):
        quote = agent.quote(payment_method=method)
        recommended = quote["next_actions"]["recommended_buy"]

        key = f"purchase:{quote['quote_id']}"
        assert recommended["purchase_idempotency_key"] == key
        assert recommended["provider"] == provider
        assert recommended["human_handoff_required"] is not alone
        assert as_body(recommended["command"]) == {
            "provider": provider,
            "quote_id": quote["quote_id"],
            "idempotency_key": key,
        }
        assert recommended["command_effect"]["label"] == "live_money_payment_attempt_requires_completion"
        assert agent.buy(quote, recommended["purchase_idempotency_key"])["state"] == "action_required"
