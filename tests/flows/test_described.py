"""The document of the whole house is true too: of real rails, real processes, and every reply on the way."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox import paying
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.app.promised import hold
from tests.flows.buying import CHECKOUT, X402, deposit_address
from tests.waiting import eventually

Json = dict[str, Any]


@pytest.fixture
def http(home: House) -> Iterator[httpx.Client]:
    """A signed-up agent whose every reply is held against what the house promises."""
    with httpx.Client(base_url=home.addresses.api_url, timeout=30, trust_env=False) as client:
        client.event_hooks = {"response": [lambda response: hold(client, response)]}
        who = {"agent_name": "reader", "runtime": "tests", "return_token": True}
        signed_up = client.post("/v1/agent-signups", json=who).json()
        client.headers["authorization"] = f"Bearer {signed_up['data']['token']}"
        yield client


def buy(http: httpx.Client, rail: tuple[str, str]) -> Json:
    method, endpoint = rail
    terms = {"pack_id": "starter-500", "payment_method": method, "idempotency_key": "quote-1"}
    quoted = http.post("/v1/credit-quotes", json=terms).json()["data"]
    asked = {"quote_id": quoted["quote_id"], "idempotency_key": "buy-1"}
    bought: Json = http.post(endpoint, json=asked).json()["data"]
    return bought


def succeeded(http: httpx.Client, attempt: Json) -> bool:
    asked = {"payment_attempt_id": attempt["payment_attempt_id"]}
    found = http.get("/v1/credit-purchases/status", params=asked).json()["data"]
    return bool(found["state"] == "succeeded")


def test_every_reply_of_a_purchase_by_a_wallet_is_as_it_was_promised(home: House, http: httpx.Client) -> None:
    attempt = buy(http, X402)

    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 5_000_000)

    eventually(lambda: succeeded(http, attempt), seconds=60)
    history = http.get("/v1/activity").json()["data"]["events"]
    assert [event["type"] for event in history] == ["credits.payment_backed_granted"]


def test_every_reply_of_a_purchase_by_a_person_is_as_it_was_promised(http: httpx.Client) -> None:
    attempt = buy(http, CHECKOUT)

    paying.press_pay(attempt["checkout_url"])

    eventually(lambda: succeeded(http, attempt), seconds=60)
    assert len(http.get("/v1/activity").json()["data"]["events"]) == 2


def test_the_offers_of_the_document_are_the_instructions_of_a_purchase(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()

    [offer] = document["paths"][X402[1]]["post"]["x-payment-info"]["offers"]
    told = buy(http, X402)["stripe_x402"]["payable_instructions"]
    assert offer["token_contract_address"].lower() == told["token_contract_address"].lower()
    assert offer["network"] == told["network"]
    assert offer["token_decimals"] == told["token_decimals"]
