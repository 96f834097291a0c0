"""The twin's idempotency keys: one answer a key for a day, a 500 included."""

import threading
from collections.abc import Iterator
from typing import cast

import pytest
import stripe

from sandbox.stripe_twin import Fault
from tests.sandbox import twin_world
from tests.sandbox.twin_world import DEPOSIT_VERSION, LIVE_KEY, LocalTwin

PARAMETERS = cast("stripe.params.PaymentIntentCreateParams", twin_world.deposit_parameters())
OTHER_PARAMETERS = cast("stripe.params.PaymentIntentCreateParams", twin_world.deposit_parameters(amount=501))
WRONG_PARAMETERS = cast("stripe.params.PaymentIntentCreateParams", twin_world.deposit_parameters(amount=0))
DAY_SECONDS = 86_400


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


def create(
    client: stripe.StripeClient,
    parameters: stripe.params.PaymentIntentCreateParams = PARAMETERS,
    *,
    key: str = "order:1",
) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        parameters, {"stripe_version": DEPOSIT_VERSION, "idempotency_key": key}
    )


def replayed(intent: stripe.PaymentIntent) -> bool:
    assert intent.last_response is not None
    return dict(intent.last_response.headers or {}).get("idempotent-replayed") == "true"


def test_given_the_same_key_and_parameters_when_repeated_then_the_first_answer_comes_again(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    first = create(client)

    again = create(client)

    assert again.id == first.id
    assert (replayed(first), replayed(again)) == (False, True)
    assert len(twin.control.payment_intents()) == 1


def test_given_the_same_key_and_other_parameters_when_asked_then_it_is_an_idempotency_error(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    create(client)

    with pytest.raises(stripe.IdempotencyError) as refused:
        create(client, OTHER_PARAMETERS)

    assert refused.value.http_status == 400
    assert len(twin.control.payment_intents()) == 1


def test_given_a_request_under_way_when_its_key_comes_again_then_it_is_a_conflict(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.fail(Fault(kind="hang", hang_seconds=0.5))
    slow = threading.Thread(target=create, args=(client,))
    slow.start()
    twin_world.until(lambda: len(twin.control.requests(method="POST")) == 1)

    with pytest.raises(stripe.APIError) as refused:
        create(client)
    slow.join()

    assert refused.value.http_status == 409
    assert "idempotency_key_in_use" in str(refused.value.http_body)
    assert create(client).id == twin.control.payment_intents()[0].id


def test_given_a_500_when_the_key_comes_again_then_the_500_comes_again(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.fail(Fault(kind="status", status=500))

    for _ in range(2):
        with pytest.raises(stripe.APIError) as refused:
            create(client)
        assert refused.value.http_status == 500

    assert twin.control.payment_intents() == []


def test_given_a_429_when_the_key_comes_again_then_the_work_is_done(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.fail(Fault(kind="status", status=429))
    with pytest.raises(stripe.RateLimitError):
        create(client)

    intent = create(client)

    assert intent.status == "requires_action"


def test_given_wrong_parameters_when_put_right_then_the_key_is_still_free(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(client, WRONG_PARAMETERS)

    intent = create(client)

    assert intent.status == "requires_action"


def test_given_an_answer_that_got_lost_when_the_sdk_retries_then_the_work_is_done_once(
    twin: LocalTwin,
) -> None:
    twin.control.fail(Fault(kind="lost_answer"))
    client = stripe.StripeClient(twin_world.KEY, base_addresses={"api": twin.url}, max_network_retries=2)

    intent = create(client)

    assert replayed(intent)
    assert [row.id for row in twin.control.payment_intents()] == [intent.id]


def test_given_a_dropped_connection_then_nobody_answers_and_nothing_is_done(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.fail(Fault(kind="drop", path_prefix="/v1/payment_intents", method="POST"))

    with pytest.raises(stripe.APIConnectionError):
        create(client)

    assert twin.control.payment_intents() == []
    assert [(seen.path, seen.status) for seen in twin.control.requests(method="POST")] == [
        ("/v1/payment_intents", None)
    ]


def test_given_a_day_later_when_the_key_comes_again_then_it_is_a_new_request(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    first = create(client)

    twin.control.advance_clock(seconds=DAY_SECONDS)

    assert create(client, OTHER_PARAMETERS).id != first.id


def test_test_and_live_mode_do_not_share_keys(twin: LocalTwin, client: stripe.StripeClient) -> None:
    first = create(client)

    second = create(twin_world.sdk(twin.url, LIVE_KEY))

    assert first.id != second.id


def test_a_key_of_more_than_255_characters_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        create(client, key="k" * 256)
