"""The twin's disputes and early fraud warnings: what banks do to card payments."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@pytest.fixture
def intent(twin: LocalTwin, client: stripe.StripeClient) -> str:
    """A PaymentIntent over five dollars that the test card paid."""
    paid = twin.control.pay(twin_world.session(client).id).payment_intent
    assert paid is not None
    return paid


def dispute(client: stripe.StripeClient, identifier: str) -> Document:
    shown: Document = client.v1.disputes.retrieve(identifier).to_dict(for_json=True)
    return shown


def told(client: stripe.StripeClient) -> list[str]:
    """What was told of disputes, oldest first."""
    events = client.v1.events.list({"type": "charge.dispute.*", "limit": 100}).data
    return [event.type.removeprefix("charge.dispute.") for event in reversed(events)]


def test_given_a_dispute_then_the_money_and_a_fee_leave_and_the_charge_cannot_be_refunded(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = dispute(client, twin.control.dispute(intent))

    movements = [(row["type"], row["amount"], row["fee"], row["net"]) for row in made["balance_transactions"]]
    assert (made["status"], made["is_charge_refundable"]) == ("needs_response", False)
    assert movements == [("adjustment", -500, 1_500, -2_000)]
    assert told(client) == ["created", "funds_withdrawn"]
    assert [row.id for row in client.v1.disputes.list({"payment_intent": intent}).data] == [made["id"]]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_disputed"


def test_given_a_dispute_that_is_answered_and_won_then_the_money_comes_back_without_the_fee(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.dispute(intent)
    client.v1.disputes.update(made, {"evidence": {"uncategorized_text": "It was them."}})
    answered = dispute(client, made)

    twin.control.close_dispute(made, "won")

    won = dispute(client, made)
    assert (answered["status"], won["status"]) == ("under_review", "won")
    assert [row["net"] for row in won["balance_transactions"]] == [-2_000, 500]
    assert told(client) == ["created", "funds_withdrawn", "updated", "funds_reinstated", "closed"]


def test_given_a_dispute_over_a_part_without_withdrawal_when_lost_then_that_part_is_taken(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.dispute(intent, 200, withdraw=False)
    before = dispute(client, made)

    twin.control.close_dispute(made, "lost")

    lost = dispute(client, made)
    assert before["balance_transactions"] == []
    assert (lost["status"], [row["amount"] for row in lost["balance_transactions"]]) == ("lost", [-200])
    assert told(client) == ["created", "funds_withdrawn", "closed"]


def test_given_an_inquiry_then_no_money_moves_until_it_becomes_a_dispute(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.dispute(intent, warning=True)
    inquiry = dispute(client, made)

    twin.control.withdraw_dispute(made)

    assert (inquiry["status"], inquiry["balance_transactions"]) == ("warning_needs_response", [])
    assert inquiry["is_charge_refundable"] is True
    assert dispute(client, made)["status"] == "needs_response"
    assert told(client) == ["created", "updated", "funds_withdrawn"]


def test_given_an_inquiry_when_closed_then_nothing_was_moved_and_it_cannot_be_closed_again(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.dispute(intent, warning=True)

    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.close_dispute(made, "lost")
    twin.control.close_dispute(made, "warning_closed")

    assert (dispute(client, made)["status"], dispute(client, made)["balance_transactions"]) == (
        "warning_closed",
        [],
    )
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.close_dispute(made, "warning_closed")


def test_given_a_merchant_who_gives_in_then_the_dispute_is_lost(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.dispute(intent)

    assert client.v1.disputes.close(made).status == "lost"


def test_given_reordering_then_a_dispute_can_arrive_closed_before_it_was_created(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    with twin_world.receiver() as receiver:
        twin.control.set_switches(Switches(reorder=3))
        twin.control.register_endpoint(receiver.url, secrets=["whsec_a"], enabled_events=["charge.dispute.*"])
        twin.control.close_dispute(twin.control.dispute(intent), "lost")
        twin_world.until(lambda: len(receiver.received) == 3)

    assert receiver.types("whsec_a")[0] == "charge.dispute.closed"
    assert receiver.types("whsec_a")[-1] == "charge.dispute.created"


def test_crypto_payments_have_no_disputes_and_no_fraud_warnings(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    paid = twin_world.deposit(client).id
    twin_world.simulate(client, paid)
    twin_world.until(lambda: client.v1.payment_intents.retrieve(paid).status == "succeeded")

    for refused in (twin.control.dispute, twin.control.warn_of_fraud):
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            refused(paid)
    assert client.v1.disputes.list().data == []


def test_given_a_fraud_warning_then_it_is_actionable_until_the_charge_is_refunded(
    twin: LocalTwin, client: stripe.StripeClient, intent: str
) -> None:
    made = twin.control.warn_of_fraud(intent)
    before = client.v1.radar.early_fraud_warnings.retrieve(made)

    twin.control.refund(intent)

    listed = client.v1.radar.early_fraud_warnings.list({"payment_intent": intent}).data
    events = client.v1.events.list({"type": "radar.early_fraud_warning.*"}).data
    assert (before.actionable, before.payment_intent) == (True, intent)
    assert [(row.id, row.actionable) for row in listed] == [(made, False)]
    assert [event.type.rpartition(".")[2] for event in events] == ["updated", "created"]
