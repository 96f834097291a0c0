"""The twin's balance: every movement is a transaction, and payouts can be taken apart."""

from collections.abc import Iterator
from typing import cast

import httpx
import pytest
import stripe

from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin

TWO_DAYS_SECONDS = 2 * 86_400


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


def movements(client: stripe.StripeClient, **asked: object) -> list[Document]:
    """The balance transactions, oldest first."""
    parameters = cast("stripe.params.BalanceTransactionListParams", {"limit": 2, **asked})
    pages = client.v1.balance_transactions.list(parameters).auto_paging_iter()
    return [row.to_dict(for_json=True) for row in pages][::-1]


def cents(client: stripe.StripeClient) -> tuple[int, int]:
    """What is available and what is pending."""
    balance = client.v1.balance.retrieve()
    return balance.available[0].amount, sum(row.amount for row in balance.pending)


def test_given_a_card_and_a_crypto_payment_then_each_has_its_type_and_fee(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    paid_by_card(twin, client)
    intent = twin_world.deposit(client).id
    twin_world.simulate(client, intent)
    twin_world.until(lambda: len(movements(client)) == 2)

    rows = [(row["type"], row["amount"], row["fee"], row["net"]) for row in movements(client)]

    # 2.9 % of 500 are 14.5 cents, and 30 more; 1.5 % are 7.5.
    assert rows == [("charge", 500, 45, 455), ("payment", 500, 8, 492)]
    assert {row["reporting_category"] for row in movements(client)} == {"charge"}
    assert cents(client) == (947, 0)


def test_given_a_paid_intent_when_its_charge_is_expanded_then_the_movement_comes_with_it(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent = paid_by_card(twin, client)

    expand: stripe.params.PaymentIntentRetrieveParams = {"expand": ["latest_charge.balance_transaction"]}
    shown = client.v1.payment_intents.retrieve(intent, expand).to_dict(for_json=True)

    movement = shown["latest_charge"]["balance_transaction"]
    assert (movement["net"], movement["source"]) == (455, shown["latest_charge"]["id"])
    assert {"payout", "livemode"}.isdisjoint(movement)


def test_given_every_kind_of_movement_then_types_and_categories_are_stripes(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    refunded, disputed = paid_by_card(twin, client), paid_by_card(twin, client)
    twin.control.settle_refund(twin.control.refund(refunded, 100), "failed")
    twin.control.close_dispute(twin.control.dispute(disputed), "won")
    twin.control.take_fee(7, "Radar")
    for _ in range(6):
        paid_by_card(twin, client)
    twin.control.fail_payout(twin.control.pay_out())

    rows = [(row["type"], row["reporting_category"]) for row in movements(client) if row["type"] != "charge"]

    assert rows == [
        ("refund", "refund"),
        ("refund_failure", "refund_failure"),
        ("adjustment", "dispute"),
        ("adjustment", "dispute_reversal"),
        ("stripe_fee", "fee"),
        ("payout", "payout"),
        ("payout_failure", "payout_reversal"),
    ]
    assert sum(row["net"] for row in movements(client)) == sum(cents(client))


def test_given_pending_money_then_it_is_available_when_its_day_has_come(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(funds_pending_seconds=TWO_DAYS_SECONDS))
    paid_by_card(twin, client)
    before = (cents(client), movements(client)[0]["status"])

    twin.control.advance_clock(seconds=TWO_DAYS_SECONDS)

    assert before == ((0, 455), "pending")
    assert (cents(client), movements(client)[0]["status"]) == ((455, 0), "available")


def test_given_an_automatic_payout_then_its_transactions_add_up_to_it(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    first = paid_by_card(twin, client)
    paid_by_card(twin, client)
    twin.control.refund(first, 100)

    made = client.v1.payouts.retrieve(twin.control.pay_out())
    paid_by_card(twin, client)

    lines = movements(client, payout=made.id)
    assert (made.amount, made.status, made.automatic, made.reconciliation_status) == (
        810,
        "paid",
        True,
        "completed",
    )
    assert [row["type"] for row in lines] == ["charge", "charge", "refund", "payout"]
    assert sum(row["net"] for row in lines if row["type"] != "payout") == made.amount
    assert cents(client) == (455, 0)


def test_given_a_payout_under_way_then_it_is_itemised_only_once_stripe_says_so(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(payout_takes_seconds=100, payout_itemised_after_seconds=200))
    paid_by_card(twin, client)
    made = twin.control.pay_out()
    early = client.v1.payouts.retrieve(made)
    nothing = movements(client, payout=made)

    twin.control.advance_clock(seconds=200)

    late = client.v1.payouts.retrieve(made)
    told = [event.type for event in client.v1.events.list({"type": "payout.*"}).data]
    assert (early.status, early.reconciliation_status, nothing) == ("in_transit", "in_progress", [])
    assert (late.status, late.reconciliation_status) == ("paid", "completed")
    assert len(movements(client, payout=made)) == 2
    assert told == ["payout.reconciliation_completed", "payout.paid", "payout.created"]


def test_given_a_payout_that_comes_back_then_the_money_is_in_the_next_one(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    paid_by_card(twin, client)
    made = twin.control.pay_out()

    twin.control.fail_payout(made)

    failed = client.v1.payouts.retrieve(made)
    again = twin.control.pay_out()
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert [row["type"] for row in movements(client, payout=again)] == ["payout_failure", "payout"]
    assert client.v1.payouts.retrieve(again).amount == 455
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.fail_payout(made)


def test_given_a_payout_by_hand_then_it_cannot_be_itemised(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    paid_by_card(twin, client)
    made = client.v1.payouts.create({"amount": 200, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError, match="automatic"):
        movements(client, payout=made.id)

    assert (made.automatic, made.reconciliation_status) == (False, "not_applicable")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 500, "currency": "usd"})
    assert refused.value.code == "balance_insufficient"


def test_movements_are_listed_by_source_type_and_time(twin: LocalTwin, client: stripe.StripeClient) -> None:
    intent = paid_by_card(twin, client)
    later = twin.control.advance_clock(seconds=100)
    made = twin.control.refund(intent)

    by_source = movements(client, source=made, expand=["data.source"])
    by_time = movements(client, created={"gte": later})
    before = movements(client, created={"lt": later})

    assert [row["source"]["id"] for row in by_source] == [made]
    assert [row["type"] for row in by_time] == ["refund"]
    assert [row["type"] for row in before] == ["charge"]
    assert movements(client, type="payment") == []


def test_test_money_and_live_money_never_mix(twin: LocalTwin, client: stripe.StripeClient) -> None:
    paid_by_card(twin, client)

    live = twin_world.sdk(twin.url, twin_world.LIVE_KEY)

    assert live.v1.balance_transactions.list().data == []
    assert live.v1.balance.retrieve().available[0].amount == 0
