"""Reading purchases. Numbers are rows of the contract."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ledger.money import USDC, Amount
from rails import exceptions, resolutions
from rails.conformance.fakes import FakeRail
from rails.resolutions import Decision
from tests.app.conftest import Client, Doors, Json, ok


def bought(doors: Doors, agent: Client, rail_id: str = "fake_deposit") -> Json:
    return agent.buy(agent.quote(payment_method=rail_id))


def paid(doors: Doors, agent: Client, rail_id: str = "fake_deposit") -> Json:
    purchase = bought(doors, agent, rail_id)
    doors.rails[rail_id].pay(doors.reference(purchase["payment_attempt_id"]))
    doors.settle(purchase["payment_attempt_id"])
    return purchase


def test_rows_104_and_105_a_purchase_is_found_by_each_of_its_references(doors: Doors) -> None:
    agent = doors.agent()
    purchase = paid(doors, agent, "fake_page")
    by_attempt = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    found = [
        agent.status(quote_id=purchase["quote_id"]),
        agent.status(checkout_session_id=purchase["checkout_session_id"]),
        agent.status(receipt_id=by_attempt["receipt"]["receipt_id"]),
    ]

    assert found == [by_attempt] * 3
    assert by_attempt["state"] == "succeeded"


def test_rows_106_107_109_and_110_an_open_page_repeats_where_to_pay(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent, "fake_page")

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert set(data) >= {
        "state",
        "quote",
        "payment_attempt",
        "receipt",
        "credit_event",
        "provider_event",
        "limits",
        "next",
    }
    assert data["quote"]["x402"] is None
    assert (data["state"], data["payment_attempt"]["attempt_status"]) == (
        "action_required",
        "requires_action",
    )
    assert data["receipt"] is data["credit_event"] is data["provider_event"] is None
    assert data["limits"] == {"remaining_credits": 0, "payment_backed_remaining_credits": 0}
    for name in ("checkout_handoff_url", "checkout_compact_url"):
        assert data["payment_attempt"][name] == data["next"][name] == purchase[name]
    assert data["payment_attempt"]["checkout_url"] == purchase["checkout_url"]
    assert data["next"]["retry_after_seconds"] == 10
    assert agent.seen[-1].headers["retry-after"] == "10"


def test_rows_89_and_108_an_open_deposit_repeats_the_payable_instructions(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert data["payment_attempt"]["stripe_x402"] == purchase["stripe_x402"]
    settlement = data["next_actions"]["recommended_settlement"]
    assert settlement["payable_instructions_path"] == "data.payment_attempt.stripe_x402.payable_instructions"
    assert data["payment_attempt"]["witnesses"] == [
        {"source": "stripe", "state": "pending", "detail": {}},
        {"source": "chain", "state": "pending", "detail": {}},
    ]


@pytest.mark.parametrize(
    "query",
    [
        [("quote_id", "quote_1"), ("receipt_id", "receipt_1")],
        [("quote_id", "quote_1"), ("quote_id", "quote_2")],
        [("payment_attempt_id", "")],
        [("payment_attempt_id", "a\x00b")],
        [("payment_attempt", "payatt_1")],
    ],
)
def test_row_111_at_most_one_reference_that_the_contract_knows(
    doors: Doors, query: list[tuple[str, str | int | float | bool | None]]
) -> None:
    agent = doors.agent()

    response = doors.http.get(
        "/v1/credit-purchases/status", params=query, headers={"authorization": f"Bearer {agent.token}"}
    )

    error = agent.envelope(response)["error"]
    assert error["code"] == "INVALID_ARGUMENTS"
    assert response.headers["x-image-skill-exit-code"] == "2"
    assert error["recovery"]["suggested_command"].startswith("pennyrail credits status ")


def test_row_112_without_a_reference_the_balance_is_told(doors: Doors) -> None:
    agent = doors.agent()
    paid(doors, agent)

    assert ok(agent.get("/v1/credit-purchases/status")) == ok(agent.get("/v1/quota"))
    assert agent.balance() == 500


def test_row_113_a_quote_without_an_attempt_is_readable_until_it_expires(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    fresh = agent.status(quote_id=quote["quote_id"])
    doors.clock.now += timedelta(hours=1)

    stale = agent.status(quote_id=quote["quote_id"])

    assert fresh["state"] == "created"
    assert fresh["payment_attempt"] is fresh["receipt"] is None
    assert fresh["next_actions"] == quote["next_actions"]
    assert fresh["next"]["suggested_commands"] == [fresh["next_actions"]["recommended_buy"]["command"]]
    assert (stale["state"], stale["next_actions"]) == ("expired", {})
    assert stale["next"]["suggested_commands"] == [
        "pennyrail credits quote --credits 500 --payment-method fake_deposit --json"
    ]


def test_row_114_unknown_and_foreign_references_are_refused_alike(doors: Doors) -> None:
    other = doors.agent("other")
    purchase = paid(doors, other, "fake_page")
    receipt_id = other.status(quote_id=purchase["quote_id"])["receipt"]["receipt_id"]
    agent = doors.agent()
    foreign = {
        "quote_id": purchase["quote_id"],
        "payment_attempt_id": purchase["payment_attempt_id"],
        "checkout_session_id": purchase["checkout_session_id"],
        "receipt_id": receipt_id,
    }

    for kind, reference in foreign.items():
        for each in (reference, "none_such"):
            error = agent.get("/v1/credit-purchases/status", **{kind: each})["error"]
            code = "CREDIT_QUOTE_NOT_FOUND" if kind == "quote_id" else "CREDIT_PURCHASE_NOT_FOUND"
            assert error["code"] == code
            assert agent.seen[-1].status_code == 404


def test_an_unknown_purchase_leads_to_those_that_are_open_and_then_to_the_history(doors: Doors) -> None:
    agent = doors.agent()

    recovery = agent.get("/v1/credit-purchases/status", payment_attempt_id="payatt_lost")["error"]["recovery"]

    open_ones, history = "pennyrail usage quota --json", "pennyrail activity list --limit 20 --json"
    assert recovery["suggested_command"] == open_ones
    assert recovery["suggested_commands"] == [open_ones, history]


def test_row_118_a_settled_purchase_shows_receipt_event_witnesses_and_the_new_balance(doors: Doors) -> None:
    agent = doors.agent()
    purchase = paid(doors, agent)

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    receipt = data["receipt"]
    chain = receipt["witnesses"][1]
    assert receipt["receipt_id"].startswith("receipt_")
    assert receipt["credit_event_id"] == data["credit_event"]["credit_event_id"]
    assert (receipt["credits_granted"], receipt["amount_cents"], receipt["received_cents"]) == (500, 500, 500)
    assert (receipt["provider"], receipt["accepted_payment_method"]) == ("stripe", "fake_deposit")
    assert receipt["chain_evidence"] == "confirmed"
    assert receipt["witnesses"][0] == {"source": "stripe", "state": "succeeded", "detail": {}}
    assert (chain["source"], chain["detail"]["block_number"], chain["detail"]["confirmations"]) == (
        "chain",
        123,
        12,
    )
    assert chain["detail"]["transaction_hash"].startswith("0x")
    assert data["credit_event"] == {
        "credit_event_id": receipt["credit_event_id"],
        "type": "credits.payment_backed_granted",
        "credits_delta": 500,
        "balance_after": 500,
        "receipt_id": receipt["receipt_id"],
        "created_at": "2026-11-20T12:00:00.000Z",
    }
    assert data["provider_event"] == {
        "provider": "stripe",
        "event_type": "stripe.succeeded",
        "event_id": "[redacted-stripe-event]",
        "verified": True,
        "received_at": "2026-11-20T12:00:00.000Z",
    }
    assert data["limits"]["payment_backed_remaining_credits"] == 500
    assert "retry-after" not in agent.seen[-1].headers


def test_a_receipt_says_that_the_chain_has_not_spoken_yet(doors: Doors) -> None:
    agent = doors.agent()
    doors.deposit.silent = frozenset({"chain"})
    purchase = paid(doors, agent)

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert data["receipt"]["chain_evidence"] == "pending"
    assert data["receipt"]["witnesses"][1] == {"source": "chain", "state": "pending", "detail": {}}
    assert data["payment_attempt"]["exception"] is None


def test_a_receipt_of_a_page_has_no_chain_to_ask(doors: Doors) -> None:
    agent = doors.agent()
    purchase = paid(doors, agent, "fake_page")

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert data["receipt"]["chain_evidence"] is None
    assert [each["source"] for each in data["receipt"]["witnesses"]] == ["stripe"]


def test_money_that_has_arrived_and_is_not_settled_tells_the_agent_to_wait(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    doors.deposit.arrive(doors.reference(purchase["payment_attempt_id"]))
    doors.settle(purchase["payment_attempt_id"])

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert (data["state"], data["receipt"]) == ("processing", None)
    assert data["next"]["agent_action"] == "wait_for_settlement"
    assert data["next_actions"] == {}
    assert agent.balance() == 0


def test_a_wrong_sum_waits_for_an_operator_and_nobody_is_told_to_pay_again(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    reference = doors.reference(purchase["payment_attempt_id"])
    doors.deposit.pay_wrongly(reference, "underpaid", received=Amount(4_990_001, USDC))
    doors.settle(purchase["payment_attempt_id"])

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert data["state"] == "needs_review"
    assert data["next"]["actor"] == "operator"
    assert data["next"]["message"] == (
        "less arrived than was asked for (asked 5.00, seen 4.990001 USDC); it is recorded, and a person on"
        " our side decides about it. Do not pay again, and do not send a missing rest"
    )
    assert agent.seen[-1].headers["retry-after"] == str(data["next"]["retry_after_seconds"])
    assert data["payment_attempt"]["exception"] == {
        "kind": "underpaid",
        "decided_by": "review",
        "asset": "USDC",
        "expected_atomic": "5000000",
        "received_atomic": "4990001",
        "token_amounts": {"expected": "5.00", "received": "4.990001"},
        "opened_at": "2026-11-20T12:00:00.000Z",
    }
    assert data["next_actions"] == {}


def test_money_that_was_written_off_is_not_called_unseen(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    reference = doors.reference(purchase["payment_attempt_id"])
    doors.deposit.pay_wrongly(reference, "underpaid", received=Amount(4_990_001, USDC))
    doors.settle(purchase["payment_attempt_id"])
    with doors.sessions() as session:
        [line] = exceptions.listed(session, exceptions.Wanted(), now=doors.clock.now)
        resolutions.write_off(session, Decision(line.exception_id, "ann", "lost"), now=doors.clock.now)
    doors.clock.now += timedelta(hours=2)
    doors.settle(purchase["payment_attempt_id"])

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert (data["state"], data["payment_attempt"]["exception"]) == ("expired", None)
    assert data["next"]["message"] == (
        "this purchase is closed; what arrived was not credited, and is kept for whoever sent it: name this"
        " payment to us. A new quote is a new purchase"
    )


def test_money_beside_a_settled_purchase_is_told_in_words_and_asks_for_no_payment(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    reference = doors.reference(purchase["payment_attempt_id"])
    doors.deposit.pay_too_much(reference, received=Amount(10_000_000, USDC))
    doors.settle(purchase["payment_attempt_id"])

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert (data["state"], agent.balance()) == ("succeeded", 500)
    assert data["next"]["agent_action"] == "use_credits"
    assert data["next"]["message"] == (
        "the credits are granted, and more arrived than was asked for, in several transfers (asked 5.00,"
        " seen 10.00 USDC): a person on our side decides about the rest."
        " Nothing needs to be paid; do not pay again"
    )


@pytest.mark.parametrize("happen", [FakeRail.arrive, FakeRail.pay])
def test_once_money_was_seen_both_replies_say_not_to_pay_again_and_still_show_where_it_went(
    doors: Doors, happen: Callable[[FakeRail, str], None]
) -> None:
    agent = doors.agent()
    quote = agent.quote()
    purchase = agent.buy(quote)
    happen(doors.deposit, doors.reference(purchase["payment_attempt_id"]))
    doors.settle(purchase["payment_attempt_id"])

    status = agent.status(payment_attempt_id=purchase["payment_attempt_id"])
    bought_again = agent.buy(quote)

    for reply in (status, bought_again):
        assert "do not pay again" in reply["next"]["message"]
        assert reply["next_actions"] == {}
    assert status["payment_attempt"]["stripe_x402"] == bought_again["stripe_x402"] == purchase["stripe_x402"]


def test_what_was_bought_stays_readable_when_its_rail_is_closed(doors: Doors) -> None:
    agent = doors.agent()
    purchase, quote = paid(doors, agent), agent.quote()
    doors.deposit.unavailable_reason = "closed"

    data = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert data["state"] == "succeeded"
    assert agent.status(quote_id=quote["quote_id"])["next_actions"] == {}
