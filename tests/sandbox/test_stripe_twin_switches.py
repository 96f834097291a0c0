"""The twin's switches for what Stripe does not document of deposits, versions and webhooks."""

from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin

SECRET = "whsec_switches"


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


def shown(client: stripe.StripeClient, intent: str) -> Document:
    answer: Document = client.v1.payment_intents.retrieve(intent).to_dict(for_json=True)
    return answer


def newest(client: stripe.StripeClient) -> str:
    return client.v1.events.list({"limit": 1}).data[0].type


def test_given_expiry_waits_then_the_intent_goes_on_waiting(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(deposit_lifetime_seconds=60))
    intent = twin_world.deposit(client).id

    twin.control.advance_clock(seconds=61)

    assert shown(client, intent)["status"] == "requires_action"


def test_given_expiry_cancels_then_the_intent_says_that_it_expired(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(deposit_lifetime_seconds=60, expired_deposit="cancel"))
    intent, early = twin_world.deposit(client).id, twin_world.deposit(client).id
    twin.control.expire_deposit(early)
    before = shown(client, intent)["status"]

    twin.control.advance_clock(seconds=61)

    canceled = shown(client, intent)
    assert before == "requires_action"
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "expired")
    assert shown(client, early)["status"] == "canceled"
    assert newest(client) == "payment_intent.canceled"


def test_given_crypto_is_off_then_deposits_are_refused(twin: LocalTwin, client: stripe.StripeClient) -> None:
    twin.control.set_switches(Switches(crypto_enabled=False))

    with pytest.raises(stripe.InvalidRequestError, match="activated"):
        twin_world.deposit(client)


@pytest.mark.parametrize(
    ("switches", "code"),
    [
        (Switches(deposit_mode_until="2026-03-01"), "parameter_unknown"),
        (Switches(oldest_preview="2026-05-01"), None),
    ],
)
def test_given_a_preview_that_ended_then_deposits_are_refused(
    twin: LocalTwin, client: stripe.StripeClient, switches: Switches, code: str | None
) -> None:
    twin.control.set_switches(switches)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        twin_world.deposit(client)

    assert refused.value.code == code


def test_given_other_words_and_fees_then_the_balance_uses_them(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(crypto_fee_basis_points=0, crypto_moves_as_payment=False))
    intent = twin_world.deposit(client).id
    twin_world.simulate(client, intent)
    twin_world.until(lambda: shown(client, intent)["status"] == "succeeded")
    twin.control.refund(intent)

    rows = client.v1.balance_transactions.list().data

    assert [(row.type, row.fee) for row in rows] == [("refund", 0), ("charge", 0)]


def test_given_preview_fields_in_events_then_they_show_the_address(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(events_show_preview_fields=True))
    twin_world.deposit(client)

    event: Document = client.v1.events.list({"limit": 1}).data[0].to_dict(for_json=True)

    assert "crypto_display_details" in event["data"]["object"]["next_action"]


def test_given_duplicate_events_then_one_occurrence_has_several_ids(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(duplicate_events=1))
    twin_world.deposit(client)

    events = client.v1.events.list({"type": "payment_intent.created"}).data

    assert len({event.id for event in events}) == 2


def test_given_every_second_delivery_is_lost_then_half_of_them_come(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with twin_world.receiver() as receiver:
        twin.control.register_endpoint(receiver.url, secrets=[SECRET])
        twin.control.set_switches(Switches(drop_every=2))
        for _ in range(3):
            twin_world.deposit(client)
        twin_world.until(lambda: len(receiver.received) == 3)

    states = [row.state for row in twin.control.deliveries()]
    assert states.count("dropped") == 3


def test_given_a_longer_reference_then_checkout_takes_it_if_the_switch_does(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(client_reference_id_max=300))

    assert twin_world.session(client, client_reference_id="x" * 300).client_reference_id == "x" * 300
