"""The twin's PaymentIntents against the shapes and refusals that Stripe documents."""

import base64
from collections.abc import Iterator
from typing import cast

import httpx
import pytest
import stripe

from sandbox.stripe_twin.settings import BASE_USDC
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import DEPOSIT_VERSION, ENDIVE, KEY, LIVE_KEY, LocalTwin


@pytest.fixture(scope="module")
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@pytest.fixture
def live_client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url, LIVE_KEY)


def create(client: stripe.StripeClient, parameters: Document, version: str) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        cast("stripe.params.PaymentIntentCreateParams", parameters), {"stripe_version": version}
    )


def refusal(client: stripe.StripeClient, parameters: Document, version: str) -> tuple[str | None, str]:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        create(client, parameters, version)
    return refused.value.code, str(refused.value.user_message)


def new_spelling() -> Document:
    parameters = twin_world.deposit_parameters(allowed_payment_method_types=["crypto"])
    del parameters["payment_method_types"]
    return parameters


def test_given_a_deposit_request_when_created_then_the_answer_has_the_documented_shape(
    client: stripe.StripeClient,
) -> None:
    parameters = twin_world.deposit_parameters(metadata={"order_id": "order-1"})

    shown = create(client, parameters, DEPOSIT_VERSION).to_dict(for_json=True)

    address = shown["next_action"]["crypto_display_details"]["deposit_addresses"]["base"].pop("address")
    assert shown["next_action"] == {
        "type": "crypto_display_details",
        "crypto_display_details": {
            "deposit_addresses": {
                "base": {
                    "supported_tokens": [{"token_currency": "usdc", "token_contract_address": BASE_USDC}]
                }
            }
        },
    }
    assert len(address) == 42
    assert (shown["status"], shown["amount"], shown["currency"]) == ("requires_action", 500, "usd")
    assert shown["client_secret"].startswith(f"{shown['id']}_secret_")
    assert shown["metadata"] == {"order_id": "order-1"}
    assert shown["livemode"] is False


def test_every_deposit_has_an_address_of_its_own(client: stripe.StripeClient) -> None:
    addresses = {twin_world.address(twin_world.deposit(client)).lower() for _ in range(5)}

    assert len(addresses) == 5


def test_given_a_version_without_preview_when_read_then_preview_fields_are_missing(
    client: stripe.StripeClient,
) -> None:
    intent = twin_world.deposit(client)

    shown = client.v1.payment_intents.retrieve(intent.id).to_dict(for_json=True)

    assert shown["status"] == "requires_action"
    assert shown["next_action"] == {"type": "crypto_display_details"}


@pytest.mark.parametrize("version", ["2026-03-04.preview", "2026-07-08.preview", "2026-07-29.preview"])
def test_the_old_spelling_is_taken_up_to_july(client: stripe.StripeClient, version: str) -> None:
    intent = create(client, twin_world.deposit_parameters(), version)

    assert intent.status == "requires_action"


@pytest.mark.parametrize("version", ["2026-07-29.preview", "2026-08-26.preview", "2026-10-14.preview"])
def test_the_new_spelling_is_taken_from_the_end_of_july(client: stripe.StripeClient, version: str) -> None:
    intent = create(client, new_spelling(), version)

    assert intent.status == "requires_action"


@pytest.mark.parametrize(
    "version", ["2026-08-26.preview", "2026-10-14.preview", "2026-09-30.endive", "2026-10-28.endive"]
)
def test_the_old_spelling_is_refused_later(client: stripe.StripeClient, version: str) -> None:
    code, _ = refusal(client, twin_world.deposit_parameters(), version)

    assert code == "payment_method_types_no_longer_supported"


@pytest.mark.parametrize("version", ["2026-03-04.preview", "2026-07-08.preview", "2026-06-24.dahlia"])
def test_the_new_spelling_is_unknown_before(client: stripe.StripeClient, version: str) -> None:
    code, message = refusal(client, new_spelling(), version)

    assert code == "parameter_unknown"
    assert "allowed_payment_method_types" in message


def test_both_spellings_together_are_refused(client: stripe.StripeClient) -> None:
    both = twin_world.deposit_parameters(allowed_payment_method_types=["crypto"])

    _, message = refusal(client, both, "2026-07-29.preview")

    assert "only specify one" in message


@pytest.mark.parametrize("version", [ENDIVE, "2026-07-29.dahlia", "2026-02-25.preview"])
def test_without_the_preview_deposit_mode_is_an_unknown_parameter(
    client: stripe.StripeClient, version: str
) -> None:
    spelling = new_spelling if version != "2026-02-25.preview" else twin_world.deposit_parameters

    code, message = refusal(client, spelling(), version)

    assert code == "parameter_unknown"
    assert "Received unknown parameter" in message
    assert "payment_method_options[crypto][mode]" in message


def test_without_entitlement_deposit_mode_is_an_unknown_parameter() -> None:
    with twin_world.running(twin_world.config(crypto_deposits_enabled=False)) as twin:
        _, message = refusal(twin_world.sdk(twin.url), twin_world.deposit_parameters(), DEPOSIT_VERSION)

    assert message.startswith("Received unknown parameters: payment_method_options[crypto][mode]")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"colour": "red"}, "parameter_unknown"),
        ({"amount": "five"}, "parameter_invalid_integer"),
        ({"amount": 0}, "parameter_invalid_integer"),
        ({"amount": 1_000_001}, "amount_too_large"),
        ({"amount": ""}, "parameter_missing"),
        ({"currency": "eur"}, None),
        ({"payment_method_data": ""}, "parameter_missing"),
        ({"metadata": {"note": "x" * 501}}, None),
    ],
)
def test_what_stripe_refuses_is_refused(
    client: stripe.StripeClient, changes: Document, code: str | None
) -> None:
    refused, _ = refusal(client, twin_world.deposit_parameters(**changes), DEPOSIT_VERSION)

    assert refused == code


@pytest.mark.parametrize("amount", [1, 1_000_000])
def test_a_cent_and_ten_thousand_dollars_are_taken(client: stripe.StripeClient, amount: int) -> None:
    intent = twin_world.deposit(client, amount=amount)

    assert intent.amount == amount


def test_given_a_live_object_when_a_test_key_asks_then_there_is_none(
    client: stripe.StripeClient, live_client: stripe.StripeClient
) -> None:
    intent = twin_world.deposit(live_client)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.retrieve(intent.id)

    assert intent.livemode is True
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_given_live_objects_when_a_test_key_lists_then_they_are_not_among_them(
    client: stripe.StripeClient, live_client: stripe.StripeClient
) -> None:
    live = twin_world.deposit(live_client)
    own = twin_world.deposit(client)

    listed = [intent.id for intent in client.v1.payment_intents.list({"limit": 2})]

    assert listed[0] == own.id
    assert live.id not in listed


def test_an_unknown_key_is_refused_and_not_repeated(twin: LocalTwin) -> None:
    stranger = twin_world.sdk(twin.url, "sk_test_0123456789abcdef0123456789")

    with pytest.raises(stripe.AuthenticationError) as refused:
        stranger.v1.payment_intents.list()

    assert refused.value.http_status == 401
    assert "0123456789" not in str(refused.value)


def test_a_key_may_come_as_basic_authentication(twin: LocalTwin) -> None:
    header = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()

    answer = httpx.get(f"{twin.url}/v1/payment_intents", headers={"Authorization": header})

    assert answer.status_code == 200


def test_an_unknown_path_is_refused_in_stripes_shape(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list()

    assert refused.value.http_status == 404
    assert "Unrecognized request URL" in str(refused.value)


def test_given_a_simulated_deposit_when_a_moment_passed_then_the_charge_names_the_transaction(
    client: stripe.StripeClient,
) -> None:
    intent = twin_world.deposit(client)

    twin_world.simulate(client, intent.id)
    between = client.v1.payment_intents.retrieve(intent.id).status
    twin_world.until(lambda: client.v1.payment_intents.retrieve(intent.id).status == "succeeded")

    paid = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}).to_dict(for_json=True)
    assert between == "processing"
    assert paid["amount_received"] == 500
    assert paid["latest_charge"]["payment_method_details"]["crypto"] == {
        "buyer_address": "0x0000000000000000000000000000000000000000",
        "network": "base",
        "token_currency": "usdc",
        "transaction_hash": twin_world.MAGIC_SUCCESS,
    }


def test_given_a_simulated_failure_when_a_moment_passed_then_another_payment_method_is_awaited(
    client: stripe.StripeClient,
) -> None:
    intent = twin_world.deposit(client)

    twin_world.simulate(client, intent.id, transaction_hash=twin_world.MAGIC_FAILURE)
    twin_world.until(lambda: client.v1.payment_intents.retrieve(intent.id).status != "processing")

    failed = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}).to_dict(
        for_json=True
    )
    assert failed["status"] == "requires_payment_method"
    assert failed["latest_charge"]["status"] == "failed"


def test_a_deposit_cannot_be_simulated_with_another_hash_or_a_live_key(
    client: stripe.StripeClient, live_client: stripe.StripeClient
) -> None:
    intent = twin_world.deposit(client)
    live_intent = twin_world.deposit(live_client)

    with pytest.raises(stripe.InvalidRequestError, match="testmode transaction hash"):
        twin_world.simulate(client, intent.id, transaction_hash="0x" + "1" * 64)
    with pytest.raises(stripe.InvalidRequestError, match="test mode"):
        twin_world.simulate(live_client, live_intent.id)

    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_action"


def test_given_an_open_intent_when_canceled_then_it_says_why(client: stripe.StripeClient) -> None:
    intent = twin_world.deposit(client)

    canceled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")


def test_given_a_paid_intent_when_canceled_then_it_is_refused(client: stripe.StripeClient) -> None:
    intent = twin_world.deposit(client)
    twin_world.simulate(client, intent.id)
    twin_world.until(lambda: client.v1.payment_intents.retrieve(intent.id).status == "succeeded")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.cancel(intent.id)

    assert refused.value.code == "payment_intent_unexpected_state"


def test_given_more_intents_than_a_page_when_listed_then_all_come_newest_first(
    client: stripe.StripeClient,
) -> None:
    made = [twin_world.deposit(client).id for _ in range(5)]

    listed = [intent.id for intent in client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()]

    assert listed[:5] == made[::-1]
