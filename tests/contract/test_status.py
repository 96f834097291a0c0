"""Rows 104 to 119: what has become of a payment, and the grant at its end."""

import hashlib
import hmac
import json

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, WEBHOOK_SECRET, X402, Caller, House
from tests.waiting import eventually

BOTH = pytest.mark.parametrize("rail", [X402, CHECKOUT])
PARTS = {"state", "quote", "payment_attempt", "receipt", "credit_event", "provider_event", "limits", "next"}


def opened(agent: Caller, rail: str) -> Json:
    """A payment that was opened."""
    return agent.buy(agent.quote(payment_method=rail))


def grants(agent: Caller) -> list[Json]:
    """The grants in this agent's history."""
    return [event for event in agent.events() if event["type"] == "credits.payment_backed_granted"]


def knock(house: House, session_id: str, secret: str) -> int:
    """Say to the webhook door that a session was completed; the status of its answer."""
    body = {
        "id": f"evt_{session_id[-12:]}",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": True,
        "created": int(house.time().timestamp()),
        "data": {"object": {"id": session_id, "object": "checkout.session", "payment_status": "paid"}},
    }
    payload, at = json.dumps(body), int(house.time().timestamp())
    signed = hmac.new(secret.encode(), f"{at}.{payload}".encode(), hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={at},v1={signed}", "content-type": "application/json"}
    return house.http.post("/webhooks/stripe", content=payload, headers=headers).status_code


def test_row_104_status_by_quote_attempt_and_session(agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    found = [
        agent.status(**{name: attempt[name]})
        for name in ("quote_id", "payment_attempt_id", "checkout_session_id")
    ]

    assert {each["payment_attempt"]["payment_attempt_id"] for each in found} == {
        attempt["payment_attempt_id"]
    }


def test_row_105_status_by_receipt(house: House, agent: Caller) -> None:
    _, settled = house.paid(agent)

    found = agent.status(receipt_id=settled["receipt"]["receipt_id"])

    assert found["receipt"] == settled["receipt"]
    assert found["state"] == "succeeded"


@BOTH
def test_row_106_status_has_all_its_parts(agent: Caller, rail: str) -> None:
    attempt = opened(agent, rail)

    data = agent.status(payment_attempt_id=attempt["payment_attempt_id"])

    assert set(data) >= PARTS
    assert data["quote"]["quote_id"] == attempt["quote_id"]
    assert data["quote"]["price_amount_cents"] == attempt["amount_cents"]
    assert data["limits"] == agent.quota()["limits"]


@BOTH
def test_row_107_an_open_attempt_requires_action_and_says_when_to_ask_again(agent: Caller, rail: str) -> None:
    data = agent.status(payment_attempt_id=opened(agent, rail)["payment_attempt_id"])

    assert (data["state"], data["payment_attempt"]["attempt_status"]) == (
        "action_required",
        "requires_action",
    )
    assert (data["receipt"], data["credit_event"], data["provider_event"]) == (None, None, None)
    assert data["next"]["retry_after_seconds"] > 0
    assert agent.seen[-1].headers["retry-after"] == str(data["next"]["retry_after_seconds"])


def test_row_108_an_x402_status_repeats_the_instructions(agent: Caller) -> None:
    attempt = opened(agent, X402)

    data = agent.status(quote_id=attempt["quote_id"])

    assert data["payment_attempt"]["stripe_x402"] == attempt["stripe_x402"]
    path = data["next_actions"]["recommended_settlement"]["payable_instructions_path"]
    assert path == "data.payment_attempt.stripe_x402.payable_instructions"


def test_row_109_a_checkout_status_repeats_the_handoff(agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)

    data = agent.status(quote_id=attempt["quote_id"])

    for name in ("checkout_handoff_url", "checkout_compact_url"):
        assert data["payment_attempt"][name] == data["next"][name] == attempt[name]
    assert data["payment_attempt"]["checkout_url"] == attempt["checkout_url"]
    assert data["next"]["human_action"] == "open_checkout_url"


def test_row_110_the_quote_of_a_checkout_status_has_no_x402(agent: Caller) -> None:
    data = agent.status(quote_id=opened(agent, CHECKOUT)["quote_id"])

    assert data["quote"]["x402"] is None


def test_row_111_at_most_one_reference_is_taken(house: House, agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)
    names = ("quote_id", "payment_attempt_id", "checkout_session_id")

    replies = [
        agent.get("/v1/credit-purchases/status", **{name: attempt[name] for name in (one, other)})
        for one in names
        for other in names
        if one < other
    ]

    assert {reply["error"]["code"] for reply in replies} == {"INVALID_ARGUMENTS"}
    assert house.everything[-1].headers["x-image-skill-exit-code"] == "2"


def test_row_112_without_a_reference_the_status_is_the_quota(agent: Caller) -> None:
    status = agent.get("/v1/credit-purchases/status")

    assert ok(status) == agent.quota()
    assert status["command"] == "image-skill credits status"


@BOTH
def test_row_113_a_quote_without_attempt_is_readable_with_its_buy(agent: Caller, rail: str) -> None:
    quote = agent.quote(payment_method=rail)

    data = agent.status(quote_id=quote["quote_id"])

    assert data["state"] == data["quote"]["state"] == "created"
    assert (data["payment_attempt"], data["receipt"]) == (None, None)
    assert data["next_actions"]["recommended_buy"] == quote["next_actions"]["recommended_buy"]


def test_row_114_unknown_and_foreign_references_are_refused_alike(house: House, agent: Caller) -> None:
    other = house.agent()
    attempt, settled = house.paid(other, CHECKOUT)
    foreign = {**attempt, "receipt_id": settled["receipt"]["receipt_id"]}
    codes = {"quote_id": "CREDIT_QUOTE_NOT_FOUND"}

    for name in ("quote_id", "payment_attempt_id", "checkout_session_id", "receipt_id"):
        refused = [
            agent.get("/v1/credit-purchases/status", **{name: reference})["error"]
            for reference in (foreign[name], "nothing_of_this_name")
        ]
        assert refused[0]["code"] == codes.get(name, "CREDIT_PURCHASE_NOT_FOUND")
        assert refused[0] == refused[1]
        commands = refused[0]["recovery"].get("suggested_commands", [])
        assert any("activity list --limit 20 --json" in each for each in commands) == (name != "quote_id")


def test_row_115_credits_come_only_after_verified_settlement(house: House, agent: Caller) -> None:
    attempt = opened(agent, CHECKOUT)
    forged = knock(house, attempt["checkout_session_id"], "whsec_somebody_elses_secret")
    signed = knock(house, attempt["checkout_session_id"], WEBHOOK_SECRET)
    unpaid = agent.balance()

    house.pay(attempt)
    # Nobody looks here: only the processor's own webhook leads to the grant.
    eventually(lambda: agent.balance() == 500)

    assert (forged, signed, unpaid) == (400, 200, 0)
    assert agent.status(quote_id=attempt["quote_id"])["state"] == "succeeded"


def test_row_116_exactly_the_quoted_credits_are_granted(house: House, agent: Caller) -> None:
    for rail, credits in ((X402, 7), (CHECKOUT, 123)):
        before = agent.balance()
        _, settled = house.paid(agent, rail, credits=credits)

        assert settled["receipt"]["credits_granted"] == credits
        assert agent.balance() - before == credits


@BOTH
def test_row_117_the_grant_is_made_once_however_often_it_is_delivered(
    house: House, agent: Caller, rail: str
) -> None:
    known = {delivery.event for delivery in house.twin.deliveries()}
    attempt, _ = house.paid(agent, rail)
    eventually(lambda: bool({each.event for each in house.twin.deliveries()} - known))
    events = {each.event for each in house.twin.deliveries()} - known
    before = len(house.twin.attempts())

    for event in sorted(events) * 3:
        house.twin.redeliver(event)
    for _ in range(3):
        house.look(attempt["payment_attempt_id"])
    eventually(lambda: len(house.twin.attempts()) >= before + 3 * len(events))

    assert agent.balance() == 500
    assert len(grants(agent)) == 1


@BOTH
def test_row_118_success_shows_receipt_credit_event_and_new_limits(
    house: House, agent: Caller, rail: str
) -> None:
    attempt, data = house.paid(agent, rail)

    receipt, event = data["receipt"], data["credit_event"]
    assert data["state"] == "succeeded"
    assert (receipt["quote_id"], receipt["payment_attempt_id"]) == (
        attempt["quote_id"],
        attempt["payment_attempt_id"],
    )
    assert (receipt["amount_cents"], receipt["credits_granted"], receipt["provider"]) == (500, 500, "stripe")
    assert (event["type"], event["credits_delta"]) == ("credits.payment_backed_granted", 500)
    assert event["credit_event_id"] == receipt["credit_event_id"]
    assert event["balance_after"] == 520
    assert data["limits"]["payment_backed_remaining_credits"] == 500
    assert data["provider_event"]["provider"] == "stripe"


@BOTH
def test_row_119_buying_again_after_success_grants_nothing(house: House, agent: Caller, rail: str) -> None:
    quote = agent.quote(payment_method=rail)
    attempt = agent.buy(quote)
    house.pay(attempt)
    settled = house.settle(agent, attempt)

    again = agent.buy(quote)
    house.look(attempt["payment_attempt_id"])

    assert (again["state"], again["credits_granted"]) == ("succeeded", 0)
    assert again["receipt"] == settled["receipt"]
    assert agent.balance() == 500
