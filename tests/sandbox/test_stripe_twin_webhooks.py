"""The twin's webhooks, as the official SDK verifies them, delivered well and badly."""

import time
from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe_twin import Switches
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin, Receiver

SECRET = "whsec_new"
OLD_SECRET = "whsec_old"
STORY = ["payment_intent.created", "payment_intent.requires_action"]


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config(retry_delays_seconds=(0.1, 1.1, 0.1))) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@pytest.fixture
def receiver(twin: LocalTwin) -> Iterator[Receiver]:
    with twin_world.receiver() as listening:
        twin.control.register_endpoint(listening.url, secrets=[SECRET])
        yield listening


def test_given_an_event_then_its_webhook_verifies_with_the_sdk(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    intent = twin_world.deposit(client)

    twin_world.until(lambda: len(receiver.received) == 2)

    events = [received.event(SECRET) for received in receiver.received]
    assert {event.type for event in events} == set(STORY)
    assert {event.data.object["id"] for event in events} == {intent.id}
    assert {event.pending_webhooks for event in events} == {1}


def test_given_another_secret_then_the_webhook_does_not_verify(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    twin_world.deposit(client)

    twin_world.until(lambda: len(receiver.received) == 2)

    with pytest.raises(stripe.SignatureVerificationError):
        receiver.received[0].event(OLD_SECRET)


def test_given_a_rotation_then_both_secrets_verify(
    twin: LocalTwin, client: stripe.StripeClient, receiver: Receiver
) -> None:
    endpoint = twin.control.endpoints()[0]
    twin.control.change_secrets(endpoint.id, secrets=[SECRET, OLD_SECRET])

    twin_world.deposit(client)
    twin_world.until(lambda: len(receiver.received) == 2)

    assert set(receiver.types(SECRET)) == set(receiver.types(OLD_SECRET)) == set(STORY)


def test_given_refusals_when_retried_then_each_attempt_is_signed_afresh_until_it_is_taken(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with twin_world.receiver() as receiver:
        receiver.statuses = [500, 302]
        twin.control.register_endpoint(receiver.url, secrets=[SECRET], enabled_events=[STORY[0]])
        twin_world.deposit(client)
        twin_world.until(lambda: [row.state for row in twin.control.deliveries()] == ["delivered"])

    times = [received.signature.partition(",")[0] for received in receiver.received]
    assert receiver.types(SECRET) == [STORY[0]] * 3
    assert times[2] > times[1]
    assert [row.status for row in twin.control.attempts()] == [500, 302, 200]


def test_given_nobody_listens_then_the_twin_gives_up_and_redelivers_when_told(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with twin_world.receiver() as receiver:
        url = receiver.url
    twin.control.register_endpoint(url, secrets=[SECRET], enabled_events=[STORY[0]])
    twin_world.deposit(client)
    twin_world.until(lambda: [row.state for row in twin.control.deliveries()] == ["failed"])
    delivery = twin.control.deliveries()[0]

    with twin_world.receiver() as receiver:
        twin.control.remove_endpoint(twin.control.endpoints()[0].id)
        twin.control.register_endpoint(receiver.url, secrets=[SECRET])
        told = twin.control.redeliver(delivery.event)
        twin_world.until(lambda: len(receiver.received) == 1)

    assert delivery.attempts == 4
    assert told == 1
    assert receiver.types(SECRET) == [STORY[0]]


def test_given_duplicates_then_the_same_event_comes_again(
    twin: LocalTwin, client: stripe.StripeClient, receiver: Receiver
) -> None:
    twin.control.set_switches(Switches(duplicate=2))

    twin_world.deposit(client)
    twin_world.until(lambda: len(receiver.received) == 6)

    assert len({received.event(SECRET).id for received in receiver.received}) == 2


def test_given_drops_then_those_events_never_come(
    twin: LocalTwin, client: stripe.StripeClient, receiver: Receiver
) -> None:
    twin.control.set_switches(Switches(drop_next=1))
    twin_world.deposit(client)
    twin_world.until(lambda: len(receiver.received) == 1)
    twin.control.set_switches(Switches(drop_all=True))

    twin_world.deposit(client)

    time.sleep(0.3)
    assert receiver.types(SECRET) == [STORY[1]]
    assert [row.state for row in twin.control.deliveries()].count("dropped") == 3


def test_given_reordering_then_the_newest_comes_first(
    twin: LocalTwin, client: stripe.StripeClient, receiver: Receiver
) -> None:
    twin.control.set_switches(Switches(reorder=4))

    twin.control.pay(twin_world.session(client).id)
    twin_world.until(lambda: len(receiver.received) == 4)

    assert receiver.types(SECRET) == [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]


def test_given_a_delay_then_webhooks_come_later(
    twin: LocalTwin, client: stripe.StripeClient, receiver: Receiver
) -> None:
    twin.control.set_switches(Switches(delay_seconds=0.5))

    twin_world.deposit(client)
    sent_at = time.monotonic()
    twin_world.until(lambda: len(receiver.received) == 2)

    assert time.monotonic() - sent_at > 0.3
