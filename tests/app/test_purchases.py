"""Opening payments. Numbers are rows of the contract."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.app.conftest import Client, Doors, Json, ok

PAGES, DEPOSITS = "/v1/credit-purchases/fake-pages", "/v1/credit-purchases/fake-deposits"


def refused(reply: Json) -> tuple[str, str]:
    """The code of a refusal, and the command that it suggests."""
    return reply["error"]["code"], reply["error"]["recovery"]["suggested_command"]


def test_rows_80_to_89_a_deposit_is_told_with_everything_a_wallet_needs(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote(credits=None, pack_id="starter-500")

    data = agent.buy(quote)

    attempt_id = data["payment_attempt_id"]
    address = data["stripe_x402"]["payable_instructions"].pop("deposit_address")
    assert attempt_id.startswith("payatt_")
    assert address == doors.deposit.opened[attempt_id].instructions.address  # type: ignore[union-attr]
    assert data.pop("payment_policy")["pay_until"] == "2026-11-20T13:00:00.000Z"
    assert data == {
        "state": "action_required",
        "terminal": False,
        "quote_id": quote["quote_id"],
        "payment_attempt_id": attempt_id,
        "provider": "stripe",
        "accepted_payment_method": "fake_deposit",
        "credits": 500,
        "amount_cents": 500,
        "currency": "USD",
        "live_money": True,
        "stripe_x402": {
            "method_id": "fake_deposit",
            "scheme": "exact",
            "network": "base",
            "token_currency": "usdc",
            "deposit_address_present": True,
            "payable_instructions": {
                "kind": "stripe_crypto_deposit",
                "network": "base",
                "token_currency": "usdc",
                "token_decimals": 6,
                "token_amount": "5.00",
                "token_amount_atomic": "5000000",
                "amount_cents": 500,
                "amount_usd": "5.00",
                "token_contract_address": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
                "supported_token_currencies": ["usdc"],
                "expires_at": "2026-11-20T13:00:00.000Z",
                "exact_amount_required": True,
            },
            "redacted": {
                "payment_intent_id": "[redacted-stripe-payment-intent]",
                "deposit_address": "[redacted-stripe-crypto-deposit-address]",
                "client_secret": "[redacted-stripe-client-secret]",
            },
        },
        "credits_granted": 0,
        "receipt": None,
        "next": {
            "retry_after_seconds": 10,
            "actor": "agent",
            "action": "pay_unless_sent",
            "may_pay": "once_unless_sent",
            "agent_action": "pay_stripe_crypto_deposit",
            "message": "send the exact amount once, in one transfer; if you have already sent it, do not"
            " send it again: read the status until it is seen",
            "suggested_commands": [f"pennyrail credits status --payment-attempt-id {attempt_id} --json"],
        },
        "next_actions": {
            "recommended_settlement": {
                "purpose": "settle_stripe_x402_credit_top_up",
                "quote_id": quote["quote_id"],
                "payment_attempt_id": attempt_id,
                "method_id": "fake_deposit",
                "payable_instructions_path": "data.stripe_x402.payable_instructions",
                "status_command": f"pennyrail credits status --payment-attempt-id {attempt_id} --json",
                "quota_command": "pennyrail usage quota --json",
                "command_effect": {"wallet_settlement": True, "credit_debit": False, "media_write": False},
            }
        },
    }


@pytest.mark.parametrize(("credits", "shown"), [(1, "0.01"), (10, "0.10"), (1234, "12.34"), (5000, "50.00")])
def test_row_83_the_token_amount_is_exact_to_the_cent(doors: Doors, credits: int, shown: str) -> None:
    agent = doors.agent()

    told = agent.buy(agent.quote(credits=credits))["stripe_x402"]["payable_instructions"]

    assert (told["token_amount"], told["amount_usd"]) == (shown, shown)
    assert told["token_amount_atomic"] == str(credits * 10_000)


def test_rows_86_and_90_a_deposit_changes_no_balance_and_no_processor_id_is_ever_shown(doors: Doors) -> None:
    agent = doors.agent()
    attempt_id = agent.buy(agent.quote())["payment_attempt_id"]
    reference = doors.reference(attempt_id)
    doors.deposit.pay(reference)
    before = agent.balance()

    doors.settle(attempt_id)
    agent.status(payment_attempt_id=attempt_id)
    agent.get("/v1/activity")

    assert (before, agent.balance()) == (0, 500)
    assert reference.startswith("pi_")
    assert all(reference not in response.text for response in agent.seen)


def test_rows_91_to_94_a_page_is_told_under_every_name_clients_look_for(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote(payment_method="fake_page")

    data = agent.buy(quote)

    attempt_id = data["payment_attempt_id"]
    url = doors.page.opened[attempt_id].instructions.url  # type: ignore[union-attr]
    handoff = f"https://pennyrail.example/pay/{attempt_id}"
    assert "#" in url
    assert data["checkout_session_id"] == doors.reference(attempt_id)
    assert data["checkout_url"] == data["next"]["fallback_checkout_url"] == url
    for told in (data, data["next"]):
        assert told["checkout_handoff_url"] == told["checkout_compact_url"] == handoff
    assert data["next"]["human_action"] == "open_checkout_url"
    assert data["next"]["after_payment"]
    assert (data["state"], data["provider"]) == ("action_required", "stripe")
    assert "stripe_x402" not in data


@pytest.mark.parametrize("missing", ["idempotency_key", "quote_id"])
def test_row_78_a_purchase_names_its_quote_and_its_key(doors: Doors, missing: str) -> None:
    agent = doors.agent()
    body = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "k"}
    del body[missing]

    error = agent.post(DEPOSITS, **body)["error"]

    assert (error["code"], error["message"]) == ("INVALID_ARGUMENTS", f"{missing}: field required")
    assert error["recovery"]["required_flag"] == f"--{missing.replace('_', '-')}"
    assert error["recovery"]["suggested_command"].startswith(
        "pennyrail credits buy --provider fake_deposit --quote-id QUOTE_ID "
    )


def test_row_79_a_quote_is_bought_on_its_own_rail(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()

    reply = agent.post(PAGES, quote_id=quote["quote_id"], idempotency_key="my key")

    assert refused(reply) == (
        "PAYMENT_METHOD_MISMATCH",
        f"pennyrail credits buy --provider fake_deposit --quote-id {quote['quote_id']}"
        " --idempotency-key 'my key' --json",
    )
    assert agent.buy(quote, key="my key")["state"] == "action_required"
    assert doors.page.opened == {}


def test_row_97_any_key_for_one_quote_leads_to_the_same_attempt(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    first = agent.buy(quote, key="k")
    doors.clock.now += timedelta(hours=2)

    assert agent.buy(quote, key="k")["payment_attempt_id"] == first["payment_attempt_id"]
    assert agent.buy(quote, key="other")["payment_attempt_id"] == first["payment_attempt_id"]
    assert len(doors.deposit.opened) == 1


def test_row_98_a_key_never_returns_another_quotes_attempt(doors: Doors) -> None:
    agent = doors.agent()
    bought, wanted = agent.quote(), agent.quote()
    agent.buy(bought, key="k")

    reply = agent.post(DEPOSITS, quote_id=wanted["quote_id"], idempotency_key="k")

    assert refused(reply) == (
        "CREDIT_PURCHASE_CONFLICT",
        f"pennyrail credits buy --provider fake_deposit --quote-id {wanted['quote_id']}"
        f" --idempotency-key purchase:{wanted['quote_id']} --json",
    )
    assert agent.seen[-1].status_code == 409
    assert agent.buy(wanted)["quote_id"] == wanted["quote_id"]


def test_row_99_racing_purchases_with_one_key_open_one_payment(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()

    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(lambda _: agent.buy(quote, key="k")["payment_attempt_id"], range(16)))

    assert len(set(attempts)) == 1
    assert len(doors.deposit.opened) == 1


def test_row_100_unknown_and_foreign_quotes_are_refused_alike(doors: Doors) -> None:
    foreign = doors.agent("other").quote()["quote_id"]
    agent = doors.agent()

    replies = [agent.post(DEPOSITS, quote_id=each, idempotency_key="k") for each in (foreign, "quote_none")]

    assert [refused(reply) for reply in replies] == [
        ("CREDIT_QUOTE_NOT_FOUND", "pennyrail credits methods --json")
    ] * 2
    assert replies[0]["error"] == replies[1]["error"]
    assert {response.status_code for response in agent.seen} == {404}


@pytest.mark.parametrize(
    ("terms", "again"),
    [
        ({"credits": 7}, "--credits 7"),
        ({"credits": None, "pack_id": "starter-500"}, "--pack starter-500"),
    ],
)
def test_an_expired_quote_is_refused_with_the_same_terms_to_ask_for_again(
    doors: Doors, terms: Json, again: str
) -> None:
    agent = doors.agent()
    quote = agent.quote(**terms)
    doors.clock.now += timedelta(minutes=31)

    reply = agent.post(DEPOSITS, quote_id=quote["quote_id"], idempotency_key="k")

    assert refused(reply) == (
        "CREDIT_QUOTE_EXPIRED",
        f"pennyrail credits quote {again} --payment-method fake_deposit --json",
    )


def test_a_processor_that_does_not_answer_is_asked_again_with_the_same_key(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    doors.deposit.unreachable = True

    reply = agent.post(DEPOSITS, quote_id=quote["quote_id"], idempotency_key="k")
    waiting = agent.status(quote_id=quote["quote_id"])
    doors.deposit.unreachable = False

    assert refused(reply) == (
        "PAYMENT_PROVIDER_FAILURE",
        f"pennyrail credits buy --provider fake_deposit --quote-id {quote['quote_id']}"
        " --idempotency-key k --json",
    )
    assert reply["error"]["retryable"] is True
    assert reply["error"]["recovery"]["idempotency_key"] == "k"
    assert (agent.seen[-2].status_code, agent.seen[-2].headers["x-image-skill-exit-code"]) == (502, "7")
    assert waiting["next"]["agent_action"] == "repeat_buy"
    assert waiting["payment_attempt"]["attempt_status"] == "requires_action"
    assert agent.buy(quote, key="k")["state"] == "action_required"


def test_a_processor_that_says_no_is_not_asked_again(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    doors.deposit.refusing = True

    error = agent.post(DEPOSITS, quote_id=quote["quote_id"], idempotency_key="k")["error"]

    assert (error["code"], error["retryable"]) == ("PAYMENT_PROVIDER_FAILURE", False)
    assert error["recovery"]["suggested_command"] == "pennyrail credits methods --json"


def test_a_price_outside_the_rails_limits_is_refused_with_the_limits(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote(credits=5)
    doors.deposit.limits = type(doors.deposit.limits)(
        minimum=doors.deposit.limits.maximum, maximum=doors.deposit.limits.maximum
    )

    reply = agent.post(DEPOSITS, quote_id=quote["quote_id"], idempotency_key="k")

    assert refused(reply) == (
        "PAYMENT_AMOUNT_NOT_TAKEN",
        "pennyrail credits quote --credits 5000 --payment-method fake_deposit --json",
    )
    assert reply["error"]["recovery"]["suggested_commands"][1:] == [
        "pennyrail credits quote --credits 5 --payment-method fake_page --json"
    ]
    assert "50.00" in reply["error"]["message"]


def test_row_119_buying_again_after_success_shows_the_receipt_and_grants_nothing(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    attempt_id = agent.buy(quote)["payment_attempt_id"]
    doors.deposit.pay(doors.reference(attempt_id))
    doors.settle(attempt_id)

    again = agent.buy(quote)

    assert (again["state"], again["credits_granted"]) == ("succeeded", 0)
    assert again["receipt"]["quote_id"] == quote["quote_id"]
    assert again["next"]["suggested_commands"] == ["pennyrail usage quota --json"]
    assert agent.balance() == 500


def test_row_135_an_unclaimed_agent_quotes_and_buys_and_nothing_serves_billing_settings(doors: Doors) -> None:
    agent: Client = doors.agent()

    bought = agent.buy(agent.quote())

    assert bought["state"] == "action_required"
    for path in ("/v1/billing", "/v1/payment-methods/saved", "/v1/organizations"):
        assert agent.post(path)["error"]["code"] in {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
    assert agent.post("/v1/payment-methods")["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert ok(agent.get("/v1/whoami"))["claim_state"] == "unclaimed"
