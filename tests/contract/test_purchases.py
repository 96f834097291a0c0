"""Rows 78 to 103: opening a payment, and the short address that a person is handed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, PATHS, PUBLIC_URL, X402, Caller, House

BOTH = pytest.mark.parametrize("rail", [X402, CHECKOUT])


def opened(agent: Caller, rail: str, credits: int = 500) -> Json:
    """A payment that was opened."""
    return agent.buy(agent.quote(credits=credits, payment_method=rail))


def location(house: House, handoff_url: str) -> tuple[int, str | None]:
    """How the short address answers, and where it leads."""
    answered = house.http.get(urlsplit(handoff_url).path, follow_redirects=False)
    return answered.status_code, answered.headers.get("location")


@BOTH
def test_row_078_a_purchase_needs_an_explicit_key(house: House, agent: Caller, rail: str) -> None:
    quote = agent.quote(payment_method=rail)

    refused = [
        agent.post(PATHS[rail], quote_id=quote["quote_id"]),
        agent.post(PATHS[rail], quote_id=quote["quote_id"], idempotency_key=""),
    ]

    assert {each["error"]["code"] for each in refused} == {"INVALID_ARGUMENTS"}
    assert refused[0]["error"]["recovery"]["required_flag"] == "--idempotency-key"
    assert agent.status(quote_id=quote["quote_id"])["payment_attempt"] is None


@pytest.mark.parametrize(
    ("quoted", "tried", "provider"), [(X402, CHECKOUT, "stripe_x402"), (CHECKOUT, X402, "stripe")]
)
def test_row_079_the_provider_must_be_that_of_the_quote(
    agent: Caller, quoted: str, tried: str, provider: str
) -> None:
    quote = agent.quote(payment_method=quoted)

    error = agent.ask_to_buy(quote, rail=tried)["error"]

    assert error["code"] == "PAYMENT_METHOD_MISMATCH"
    assert f" --provider {provider} --quote-id " in error["recovery"]["suggested_command"]


def test_row_080_an_x402_purchase_waits_for_action(agent: Caller) -> None:
    attempt = opened(agent, X402)

    assert attempt["state"] == "action_required"
    assert attempt["payment_attempt_id"].startswith("payatt_")
    assert (attempt["accepted_payment_method"], attempt["live_money"]) == (X402, True)
    assert attempt["amount_cents"] == 500


def test_row_081_it_also_names_provider_credits_currency_and_quote(agent: Caller) -> None:
    quote = agent.quote(credits=250)

    attempt = agent.buy(quote)

    assert (attempt["provider"], attempt["credits"], attempt["currency"]) == ("stripe", 250, "USD")
    assert attempt["quote_id"] == quote["quote_id"]


def test_row_082_stripe_x402_tells_network_token_method_and_scheme(agent: Caller) -> None:
    told = opened(agent, X402)["stripe_x402"]

    assert (told["network"], told["token_currency"]) == ("base", "usdc")
    assert told["deposit_address_present"] is True
    assert (told["method_id"], told["scheme"]) == (X402, "exact")


def test_row_083_payable_instructions_tell_the_exact_amount(agent: Caller) -> None:
    told = opened(agent, X402, credits=1234)["stripe_x402"]["payable_instructions"]

    assert (told["kind"], told["network"], told["token_currency"]) == (
        "stripe_crypto_deposit",
        "base",
        "usdc",
    )
    assert (told["token_decimals"], told["exact_amount_required"]) == (6, True)
    assert (told["token_amount"], told["token_amount_atomic"]) == ("12.34", "12340000")
    assert (told["amount_cents"], told["amount_usd"]) == (1234, "12.34")


def test_row_084_payable_instructions_tell_where_and_until_when(house: House, agent: Caller) -> None:
    told = opened(agent, X402)["stripe_x402"]["payable_instructions"]

    assert len(told["deposit_address"]) == 42
    assert int(told["deposit_address"], 16) > 0
    assert told["token_contract_address"] == "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
    assert told["supported_token_currencies"] == ["usdc"]
    assert datetime.fromisoformat(told["expires_at"]) > house.time()


def test_row_085_payable_instructions_stay_wherever_the_address_is_known(house: House, agent: Caller) -> None:
    attempt = opened(agent, X402)
    told = attempt["stripe_x402"]["payable_instructions"]
    while_open = agent.status(payment_attempt_id=attempt["payment_attempt_id"])
    house.pay(attempt)

    settled = house.settle(agent, attempt)

    for status in (while_open, settled):
        assert status["payment_attempt"]["stripe_x402"]["deposit_address_present"] is True
        assert status["payment_attempt"]["stripe_x402"]["payable_instructions"] == told


def test_row_086_markers_stand_for_what_is_never_shown(house: House, agent: Caller) -> None:
    before = len(house.everything)

    attempt, settled = house.paid(agent)
    agent.events()

    assert attempt["stripe_x402"]["redacted"] == {
        "payment_intent_id": "[redacted-stripe-payment-intent]",
        "deposit_address": "[redacted-stripe-crypto-deposit-address]",
        "client_secret": "[redacted-stripe-client-secret]",
    }
    intents = [each.id for each in house.twin.payment_intents()]
    text = "".join(reply.text for reply in house.everything[before:])
    assert intents
    assert not [intent for intent in intents if intent in text]
    assert "_secret_" not in text
    assert settled["receipt"]["receipt_id"] in text


def test_row_087_next_says_pay_with_a_status_command_that_runs(agent: Caller) -> None:
    attempt = opened(agent, X402)

    step = attempt["next"]

    command = f"image-skill credits status --payment-attempt-id {attempt['payment_attempt_id']} --json"
    assert step["agent_action"] == "pay_stripe_crypto_deposit"
    assert command in step["suggested_commands"]
    assert agent.status(payment_attempt_id=command.split()[4])["state"] == "action_required"


@BOTH
def test_row_088_live_money_is_told_on_quote_and_purchase(house: House, agent: Caller, rail: str) -> None:
    quote = agent.quote(payment_method=rail)

    attempt = agent.buy(quote)

    assert quote["live_money"] is attempt["live_money"] is house.rails[rail].live_money is True


def test_row_089_recommended_settlement_points_at_the_instructions(agent: Caller) -> None:
    reply = agent.ask_to_buy(agent.quote())

    told = ok(reply)["next_actions"]["recommended_settlement"]

    found: Json = reply
    for part in told["payable_instructions_path"].split("."):
        found = found[part]
    assert found["kind"] == "stripe_crypto_deposit"
    assert told["purpose"] == "settle_stripe_x402_credit_top_up"
    assert told["payment_attempt_id"] == reply["data"]["payment_attempt_id"]
    assert told["quota_command"] == "image-skill usage quota --json"
    assert told["command_effect"] == {"wallet_settlement": True, "credit_debit": False, "media_write": False}


def test_row_090_opening_a_deposit_changes_no_balance(house: House, agent: Caller) -> None:
    before = agent.quota()["limits"]
    attempt = opened(agent, X402)

    house.look(attempt["payment_attempt_id"])

    assert agent.quota()["limits"] == before


def test_row_091_a_checkout_purchase_hands_over_to_a_person(agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    handoff = f"{PUBLIC_URL}/pay/{attempt['payment_attempt_id']}"
    assert (attempt["state"], attempt["provider"]) == ("action_required", "stripe")
    assert attempt["checkout_session_id"].startswith("cs_")
    assert attempt["checkout_handoff_url"] == attempt["checkout_compact_url"] == handoff
    assert attempt["checkout_url"].startswith("http")
    assert attempt["next"]["human_action"] == "open_checkout_url"


def test_row_092_checkout_url_keeps_its_fragment(agent: Caller) -> None:
    address, _, fragment = opened(agent, CHECKOUT)["checkout_url"].partition("#")

    assert address
    assert fragment


def test_row_093_the_compact_url_is_the_handoff_url(agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    for told in (attempt, attempt["next"]):
        assert told["checkout_compact_url"] == told["checkout_handoff_url"]


def test_row_094_next_has_the_fallback_url_and_what_comes_after(agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    assert attempt["next"]["fallback_checkout_url"] == attempt["checkout_url"]
    assert "verified" in attempt["next"]["after_payment"]


@pytest.mark.parametrize("name", ["promotion_code", "promo_code", "coupon", "discount"])
def test_row_095_no_field_takes_a_promotion_code(agent: Caller, name: str) -> None:
    quote = agent.quote(payment_method=CHECKOUT)
    buy = {"quote_id": quote["quote_id"], "idempotency_key": "k", name: "HALF"}

    refused = [
        agent.post("/v1/credit-quotes", credits=500, payment_method=CHECKOUT, **{name: "HALF"}),
        agent.post(PATHS[CHECKOUT], **buy),
    ]

    assert [each["error"]["code"] for each in refused] == ["INVALID_ARGUMENTS"] * 2


def test_row_096_opening_a_session_grants_nothing(house: House, agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    house.look(attempt["payment_attempt_id"])

    assert agent.balance() == 0
    assert agent.status(payment_attempt_id=attempt["payment_attempt_id"])["receipt"] is None


@BOTH
def test_row_097_the_same_buy_key_replays_the_same_attempt(agent: Caller, rail: str) -> None:
    quote = agent.quote(payment_method=rail)
    first = agent.buy(quote, "b")

    again = agent.buy(quote, "b")

    assert again == first


@BOTH
def test_row_098_a_buy_key_never_returns_another_quotes_attempt(agent: Caller, rail: str) -> None:
    agent.buy(agent.quote(payment_method=rail), "b")
    other = agent.quote(payment_method=rail, credits=77)

    error = agent.ask_to_buy(other, "b")["error"]

    assert error["code"] == "CREDIT_PURCHASE_CONFLICT"
    assert error["recovery"]["idempotency_key"] == f"purchase:{other['quote_id']}"
    assert agent.buy(other, error["recovery"]["idempotency_key"])["quote_id"] == other["quote_id"]


@BOTH
def test_row_099_purchases_that_race_with_one_key_are_one_attempt(
    house: House, agent: Caller, rail: str
) -> None:
    quote = agent.quote(payment_method=rail)

    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: agent.ask_to_buy(quote, "b"), range(12)))

    assert len({ok(reply)["payment_attempt_id"] for reply in replies}) == 1
    told = [reply["data"].get("stripe_x402") or reply["data"]["checkout_session_id"] for reply in replies]
    assert all(each == told[0] for each in told)


@BOTH
def test_row_100_unknown_and_foreign_quotes_cannot_be_bought(house: House, agent: Caller, rail: str) -> None:
    foreign = house.agent().quote(payment_method=rail)
    unknown = {**foreign, "quote_id": "quote_none"}

    refused = [agent.ask_to_buy(quote)["error"] for quote in (foreign, unknown)]

    assert [error["code"] for error in refused] == ["CREDIT_QUOTE_NOT_FOUND"] * 2
    assert refused[0]["message"] == refused[1]["message"]


def test_row_101_the_short_url_redirects_to_stripes_exact_url(house: House, agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    assert location(house, attempt["checkout_handoff_url"]) == (302, attempt["checkout_url"])


def test_row_102_a_paid_attempt_still_redirects_until_it_expires(house: House, agent: Caller) -> None:
    attempt, _ = house.paid(agent, CHECKOUT)

    assert location(house, attempt["checkout_handoff_url"]) == (302, attempt["checkout_url"])


def test_row_103_an_unknown_or_other_attempt_does_not_redirect(house: House, agent: Caller) -> None:
    deposit = opened(agent, X402)["payment_attempt_id"]

    answers = [location(house, f"{PUBLIC_URL}/pay/{name}") for name in ("payatt_none", deposit, "%2e%2e")]

    assert [status for status, _ in answers] == [404, 404, 404]
    assert [where for _, where in answers] == [None, None, None]
