"""Rows 133 to 135, 149 and 150: what may be sent, and by whom."""

import logging

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, PATHS, X402, Caller, House

SECRETS: dict[str, object] = {
    "card_number": "4242424242424242",
    "wallet_private_key": "0x" + "ab" * 32,
    "mnemonic": "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "seed_phrase": "not even shaped like one",
    "stripe_secret_key": "sk_live_abcdefgh12345678",
    "client_secret": "pi_1_secret_abcdefgh",
    "payment_signature": "0xsigned",
    "provider_receipt": {"id": "re_1"},
    "spt": "spt_abcdefgh",
    "bearer_token": "somebody's",
}
HEADERS = ("x-payment", "payment-required", "payment-signature", "payment-response")


@pytest.mark.parametrize("name", list(SECRETS))
def test_row_133_credentials_are_refused_never_echoed_and_never_logged(
    house: House, agent: Caller, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    quote = agent.quote(idempotency_key="k")
    buy = {"quote_id": quote["quote_id"], "idempotency_key": "b", name: SECRETS[name]}
    bearer = {"authorization": f"Bearer {agent.token}"}

    with caplog.at_level(logging.DEBUG, "pennyrail"):
        replies = [
            agent.post("/v1/credit-quotes", credits=5, payment_method=X402, **{name: SECRETS[name]}),
            agent.post(PATHS[X402], **buy),
            *(
                agent.envelope(house.http.get("/v1/quota", headers={**bearer, header: "sent-by-mistake"}))
                for header in HEADERS
            ),
        ]

    assert {reply["error"]["code"] for reply in replies} == {"PAYMENT_CREDENTIAL_REJECTED"}
    assert house.everything[-1].headers["x-image-skill-exit-code"] == "2"
    for sent in (str(SECRETS[name]), "sent-by-mistake"):
        assert sent not in str(replies)
        assert sent not in caplog.text
    assert agent.status(quote_id=quote["quote_id"])["payment_attempt"] is None


def test_row_134_no_other_field_is_public(house: House, agent: Caller) -> None:
    quote = agent.quote(idempotency_key="k")
    schemas = house.http.get("/openapi.json").json()["components"]["schemas"]
    fields = {name: set(schemas[name]["properties"]) for name in ("QuoteRequest", "PurchaseRequest")}

    refused = [
        agent.post("/v1/credit-quotes", credits=5, payment_method=X402, network="base"),
        agent.post(PATHS[X402], quote_id=quote["quote_id"], idempotency_key="b", amount=5),
        agent.get("/v1/credit-purchases/status", payment_intent_id="x"),
    ]

    assert fields == {
        "QuoteRequest": {"credits", "pack_id", "payment_method", "idempotency_key"},
        "PurchaseRequest": {"quote_id", "idempotency_key"},
    }
    assert [each["error"]["code"] for each in refused] == ["INVALID_ARGUMENTS"] * 3


def test_row_135_unclaimed_agents_buy_and_change_no_billing_settings(house: House, agent: Caller) -> None:
    attempts = [agent.buy(agent.quote(payment_method=rail)) for rail in (X402, CHECKOUT)]
    bearer = {"authorization": f"Bearer {agent.token}"}
    settings = (
        "billing",
        "billing-plans",
        "payment-methods",
        "saved-payment-methods",
        "teams",
        "organizations",
    )

    refused = [
        agent.envelope(house.http.request(method, f"/v1/{name}", json={}, headers=bearer))["error"]["code"]
        for name in settings
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ]

    assert {attempt["state"] for attempt in attempts} == {"action_required"}
    assert agent.get("/v1/whoami")["actor"]["claim_state"] == "unclaimed"
    assert set(refused) <= {"NOT_FOUND", "METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize("path", ["/v1/payment-methods", "/v1/credit-packs"])
@pytest.mark.parametrize("token", ["isk_r_unknown-token-of-nobody", "valid"])
def test_row_149_methods_and_packs_do_not_mind_a_token(
    house: House, agent: Caller, path: str, token: str
) -> None:
    caller = agent if token == "valid" else house.visitor(token)

    assert ok(caller.get(path)) == ok(house.visitor().get(path))


def test_row_150_every_command_of_an_agent_takes_its_token(house: House, agent: Caller) -> None:
    quote = agent.quote()
    replies: list[Json] = [
        agent.get("/v1/whoami"),
        agent.get("/v1/quota"),
        agent.post("/v1/credit-quotes", credits=5, payment_method=X402, idempotency_key="k"),
        agent.ask_to_buy(quote),
        agent.get("/v1/credit-purchases/status", quote_id=quote["quote_id"]),
        agent.get("/v1/activity"),
    ]

    names = {reply["actor"]["actor_id"] for reply in replies}

    assert all(reply["ok"] for reply in replies)
    assert names == {agent.actor_id()}
