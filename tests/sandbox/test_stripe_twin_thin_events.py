"""The twin's thin events: the same occurrences in API v2, delivered, fetched and listed."""

from collections.abc import Iterator
from typing import cast

import pytest
import stripe
from stripe.events import UnknownEventNotification

from sandbox.stripe_twin.settings import PayloadStyle
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import DEPOSIT_VERSION, LocalTwin, Received

SECRET = "whsec_thin"
MONTH_SECONDS = 30 * 86_400


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


def notification(client: stripe.StripeClient, received: Received) -> UnknownEventNotification:
    """The event of a thin delivery, if the signature is right."""
    parsed = client.parse_event_notification(received.body, received.signature, SECRET)
    return cast("UnknownEventNotification", parsed)


def test_given_a_thin_endpoint_then_the_sdk_verifies_it_and_fetches_the_object_and_the_event(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with twin_world.receiver() as receiver:
        twin.control.register_endpoint(
            receiver.url, secrets=[SECRET], enabled_events=["v1.payment_intent.created"], payload="thin"
        )
        intent = twin_world.deposit(client)
        twin_world.until(lambda: len(receiver.received) == 1)

    seeing = stripe.StripeClient(
        twin_world.KEY, base_addresses={"api": twin.url}, stripe_version=DEPOSIT_VERSION
    )
    event = notification(seeing, receiver.received[0])
    related = event.fetch_related_object()
    whole = event.fetch_event()
    assert (event.type, event.livemode) == ("v1.payment_intent.created", False)
    assert event.related_object is not None
    assert event.related_object.url == f"/v1/payment_intents/{intent.id}"
    assert related is not None
    assert "crypto_display_details" in related["next_action"]
    assert whole.snapshot_event is not None
    assert client.v1.events.retrieve(whole.snapshot_event).type == "payment_intent.created"
    assert b"data" not in receiver.received[0].body


def test_a_thin_body_is_no_snapshot_event(twin: LocalTwin, client: stripe.StripeClient) -> None:
    with twin_world.receiver() as receiver:
        twin.control.register_endpoint(receiver.url, secrets=[SECRET], payload="thin")
        twin_world.deposit(client)
        twin_world.until(lambda: len(receiver.received) == 2)

    with pytest.raises(ValueError, match="thin event"):
        receiver.received[0].event(SECRET)


@pytest.mark.parametrize(("payload", "count"), [("snapshot", 2), ("thin", 2), ("both", 4)])
def test_an_endpoint_gets_the_shapes_that_it_asked_for(
    twin: LocalTwin, client: stripe.StripeClient, payload: PayloadStyle, count: int
) -> None:
    with twin_world.receiver() as receiver:
        twin.control.register_endpoint(receiver.url, secrets=[SECRET], payload=payload)
        twin_world.deposit(client)
        twin_world.until(lambda: {row.state for row in twin.control.deliveries()} == {"delivered"})

    assert len(receiver.received) == count
    assert len({row.type for row in twin.control.deliveries()}) == count


def test_given_pages_when_listed_then_every_event_comes_once_with_its_changes(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    intent = twin.control.pay(twin_world.session(client).id).payment_intent
    assert intent is not None
    twin.control.settle_refund(twin.control.refund(intent), "failed")

    listed = list(client.v2.core.events.list({"limit": 2}).auto_paging_iter())

    types = [event.type for event in listed]
    assert types[-1] == "v1.payment_intent.created"
    assert types[:3] == ["v1.refund.failed", "v1.refund.updated", "v1.charge.updated"]
    assert len({event.id for event in listed}) == len(listed) == 9
    updated: Document = listed[1].to_dict(for_json=True)
    assert updated["changes"]["before"]["status"] == "succeeded"
    assert updated["changes"]["after"]["status"] == "failed"


def test_given_types_an_object_or_a_time_then_only_those_events_come(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    first = twin_world.deposit(client).id
    twin.control.advance_clock(seconds=100)
    twin_world.deposit(client)
    events = client.v2.core.events

    by_type = events.list({"types": ["v1.payment_intent.created"]}).data
    by_object = events.list({"object_id": first}).data
    moment = by_type[1].created
    later = events.list({"created": {"gt": moment}}).data

    assert [event.type for event in by_type] == ["v1.payment_intent.created"] * 2
    assert [event.created for event in by_object] == [moment, moment]
    assert len(later) == 2


def test_given_thirty_days_later_then_thin_events_are_gone(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)
    event = client.v2.core.events.list().data[0]

    twin.control.advance_clock(seconds=MONTH_SECONDS)

    assert client.v2.core.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v2.core.events.retrieve(event.id)
