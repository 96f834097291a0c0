"""The twin's event list: the full envelope, thirty days, and chronology for catching up."""

from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe_twin import Switches
from tests.sandbox import twin_world
from tests.sandbox.twin_world import ENDIVE, LocalTwin

CHECKOUT_STORY = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]
DEPOSIT_STORY = [
    "payment_intent.created",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "charge.succeeded",
    "payment_intent.succeeded",
]
MONTH_SECONDS = 30 * 86_400


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


def test_given_a_paid_session_then_its_events_have_the_full_envelope(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    session = twin_world.session(client)
    twin.control.pay(session.id)

    event = client.v1.events.list({"type": "checkout.session.completed"}).data[0]

    assert (event.object, event.api_version, event.livemode, event.pending_webhooks) == (
        "event",
        ENDIVE,
        False,
        0,
    )
    assert event.request is not None
    assert event.request.id is None
    assert event.data.object["id"] == session.id
    assert client.v1.events.retrieve(event.id).type == "checkout.session.completed"


def test_an_event_names_the_request_that_caused_it_and_hides_preview_fields(
    client: stripe.StripeClient,
) -> None:
    intent = twin_world.deposit(client)

    event = client.v1.events.list({"type": "payment_intent.requires_action"}).data[0]

    shown = event.to_dict(for_json=True)
    assert intent.last_response is not None
    assert shown["request"]["id"] == intent.last_response.request_id
    assert shown["request"]["idempotency_key"]
    assert shown["data"]["object"]["next_action"] == {"type": "crypto_display_details"}


def test_given_ending_before_when_paged_through_then_events_come_in_their_order(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.pay(twin_world.session(client).id)
    start = client.v1.events.list({"limit": 1}).data[0]
    twin_world.simulate(client, twin_world.deposit(client).id)
    twin_world.until(lambda: client.v1.events.list({"limit": 1}).data[0].type == DEPOSIT_STORY[-1])
    twin.control.pay(twin_world.session(client).id)

    missed = client.v1.events.list({"ending_before": start.id, "limit": 2}).auto_paging_iter()

    assert [event.type for event in missed] == DEPOSIT_STORY + CHECKOUT_STORY


def test_given_types_when_listed_then_only_those_come(twin: LocalTwin, client: stripe.StripeClient) -> None:
    twin.control.pay(twin_world.session(client).id)

    several = client.v1.events.list({"types": ["charge.succeeded", "checkout.session.completed"]})
    pattern = client.v1.events.list({"type": "payment_intent.*"})

    assert [event.type for event in several] == ["checkout.session.completed", "charge.succeeded"]
    assert [event.type for event in pattern] == ["payment_intent.succeeded", "payment_intent.created"]


def test_given_a_time_when_listed_then_only_later_events_come(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.pay(twin_world.session(client).id)
    later = twin.control.advance_clock(seconds=100)
    twin_world.deposit(client)

    listed = client.v1.events.list({"created": {"gte": later}})

    assert [event.type for event in listed] == ["payment_intent.requires_action", "payment_intent.created"]


def test_given_thirty_days_later_then_events_are_gone(twin: LocalTwin, client: stripe.StripeClient) -> None:
    twin_world.deposit(client)
    event = client.v1.events.list().data[0]

    twin.control.advance_clock(seconds=MONTH_SECONDS)

    assert client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(event.id)


def test_given_lost_webhooks_when_undelivered_events_are_listed_then_they_come(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with twin_world.receiver() as receiver:
        twin.control.register_endpoint(receiver.url, secrets=["whsec_a"])
        twin.control.set_switches(Switches(drop_next=1))
        twin_world.deposit(client)
        twin_world.until(lambda: len(receiver.received) == 1)
        twin_world.until(lambda: len(client.v1.events.list({"delivery_success": True}).data) == 1)

        undelivered = client.v1.events.list({"delivery_success": False})

    assert [(event.type, event.pending_webhooks) for event in undelivered] == [("payment_intent.created", 1)]


def test_both_cursors_or_an_unknown_one_are_refused(client: stripe.StripeClient) -> None:
    twin_world.deposit(client)
    event = client.v1.events.list().data[0]

    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        client.v1.events.list({"ending_before": event.id, "starting_after": event.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.events.list({"ending_before": "evt_unknown"})

    assert refused.value.code == "resource_missing"
