"""The twin's refunds: what leaves, what is short, what comes back weeks later."""

from collections.abc import Iterator
from typing import cast

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


def paid_by_card(twin: LocalTwin, client: stripe.StripeClient) -> str:
    """A PaymentIntent over five dollars that the test card paid."""
    intent = twin.control.pay(twin_world.session(client).id).payment_intent
    assert intent is not None
    return intent


def paid_in_crypto(client: stripe.StripeClient, **changes: object) -> str:
    """A PaymentIntent over five dollars that USDC paid."""
    intent = twin_world.deposit(client, **changes).id
    twin_world.simulate(client, intent)
    twin_world.until(lambda: client.v1.payment_intents.retrieve(intent).status == "succeeded")
    return intent


def refund(client: stripe.StripeClient, intent: str, **changes: object) -> Document:
    parameters = cast("stripe.params.RefundCreateParams", {"payment_intent": intent, **changes})
    shown: Document = client.v1.refunds.create(parameters).to_dict(for_json=True)
    return shown


def charge_of(client: stripe.StripeClient, intent: str) -> Document:
    shown: Document = client.v1.charges.list({"payment_intent": intent}).data[0].to_dict(for_json=True)
    return shown


def told(client: stripe.StripeClient, *patterns: str) -> list[str]:
    """The types of events so far, oldest first, without the story of the payment."""
    types = [event.type for event in client.v1.events.list({"limit": 100}).data]
    return [kind for kind in reversed(types) if kind.startswith(patterns)]


def test_given_a_card_payment_when_refunded_in_parts_then_their_sum_stays_within_the_charge(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent = paid_by_card(twin, client)

    first = refund(client, intent, amount=200)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        refund(client, intent, amount=301)
    second = refund(client, intent)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(client, intent)

    charge = charge_of(client, intent)
    assert first["id"].startswith("re_")
    assert (first["status"], first["amount"], second["amount"]) == ("succeeded", 200, 300)
    assert (charge["amount_refunded"], charge["refunded"]) == (500, True)
    assert refused.value.code == "charge_already_refunded"
    assert told(client, "refund", "charge.refund") == ["charge.refunded", "refund.created"] * 2


def test_refunds_are_listed_by_payment_intent_and_by_charge(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent, other = paid_by_card(twin, client), paid_by_card(twin, client)
    made = [refund(client, intent, amount=100)["id"], refund(client, intent, amount=50)["id"]]
    refund(client, other)

    by_intent = client.v1.refunds.list({"payment_intent": intent, "limit": 1}).auto_paging_iter()
    by_charge = client.v1.refunds.list({"charge": charge_of(client, intent)["id"]}).data

    assert [row.id for row in by_intent] == made[::-1]
    assert [row.id for row in by_charge] == made[::-1]


def test_given_a_crypto_payment_when_refunded_then_it_is_a_pyr_with_the_hash_of_its_transfer(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent = paid_in_crypto(client, metadata={"order_id": "order-1"})

    made = refund(client, intent, amount=100, metadata={"why": "asked"})

    assert made["id"].startswith("pyr_")
    assert made["destination_details"]["crypto"]["reference"].startswith("0x")
    assert made["metadata"] == {"why": "asked"}
    assert "livemode" not in made
    assert charge_of(client, intent)["metadata"] == {"order_id": "order-1"}


def test_given_a_short_balance_then_a_card_refund_waits_until_there_is_money(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(overdraft_cents=0))
    made = refund(client, paid_by_card(twin, client))

    paid_by_card(twin, client)
    twin.control.advance_clock(seconds=1)

    assert (made["status"], made["pending_reason"], made["balance_transaction"]) == (
        "pending",
        "insufficient_funds",
        None,
    )
    assert client.v1.refunds.retrieve(made["id"]).status == "succeeded"
    assert told(client, "refund") == ["refund.created", "refund.updated"]


def test_given_a_short_balance_then_a_crypto_refund_fails(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(overdraft_cents=0))
    intent = paid_in_crypto(client)

    made = refund(client, intent)

    assert (made["status"], made["failure_reason"]) == ("failed", "insufficient_funds")
    assert charge_of(client, intent)["amount_refunded"] == 0
    assert told(client, "refund", "charge.refund") == ["refund.created", "refund.failed"]


@pytest.mark.parametrize("method", ["card", "crypto"])
def test_given_a_refund_that_succeeded_when_it_fails_later_then_the_money_is_back(
    twin: LocalTwin, client: stripe.StripeClient, method: str
) -> None:
    intent = paid_by_card(twin, client) if method == "card" else paid_in_crypto(client)
    made = twin.control.refund(intent, 200)

    twin.control.settle_refund(made, "failed", "lost_or_stolen_card")

    failed = client.v1.refunds.retrieve(made, {"expand": ["failure_balance_transaction"]})
    shown = failed.to_dict(for_json=True)
    assert (shown["status"], shown["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert shown["failure_balance_transaction"]["net"] == 200
    assert shown["failure_balance_transaction"]["type"] == (
        "refund_failure" if method == "card" else "payment_failure_refund"
    )
    assert charge_of(client, intent)["amount_refunded"] == 0
    assert told(client, "refund") == ["refund.created", "refund.updated", "refund.failed"]


def test_given_a_pending_refund_then_it_can_be_canceled_or_succeed_and_no_answer_comes_twice(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(refunds_stay_pending=True))
    intent = paid_in_crypto(client)
    canceled, succeeded = twin.control.refund(intent, 100), twin.control.refund(intent, 200)

    twin.control.settle_refund(canceled, "canceled")
    twin.control.settle_refund(succeeded, "succeeded")

    assert client.v1.refunds.retrieve(canceled).status == "canceled"
    assert client.v1.refunds.retrieve(succeeded).status == "succeeded"
    assert charge_of(client, intent)["amount_refunded"] == 200
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.settle_refund(canceled, "succeeded")


def test_given_nothing_was_paid_then_nothing_is_refunded(client: stripe.StripeClient) -> None:
    intent = twin_world.deposit(client).id

    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        refund(client, intent)
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({})


def test_given_the_same_key_twice_then_one_refund_is_made(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent = paid_by_card(twin, client)
    options = cast("stripe.RequestOptions", {"idempotency_key": "refund:1"})

    answers = [client.v1.refunds.create({"payment_intent": intent, "amount": 100}, options) for _ in range(2)]

    assert answers[0].id == answers[1].id
    assert charge_of(client, intent)["amount_refunded"] == 100


def test_a_refund_takes_metadata_later_and_cannot_be_canceled(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    made = twin.control.refund(paid_by_card(twin, client), 100)
    client.v1.refunds.update(made, {"metadata": {"order_id": "order-1"}})

    with pytest.raises(stripe.InvalidRequestError, match="only cancel"):
        client.v1.refunds.cancel(made)

    kept = client.v1.refunds.retrieve(made)
    assert kept.metadata is not None
    assert kept.metadata.to_dict() == {"order_id": "order-1"}
