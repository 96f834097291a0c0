"""The twin's JSON beside the shapes that Stripe documents and that the official SDK knows."""

import typing
from collections.abc import Iterator
from typing import Any, cast

import pytest
import stripe

from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.settings import BASE_USDC
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import DEPOSIT_VERSION, ENDIVE, LocalTwin

# docs.stripe.com/payments/deposit-mode-stablecoin-payments, copy of 2026-05-01.
DEPOSIT_NEXT_ACTION = {
    "type": "crypto_display_details",
    "crypto_display_details": {
        "deposit_addresses": {
            "base": {
                "address": "0xbase_address",
                "supported_tokens": [{"token_currency": "usdc", "token_contract_address": BASE_USDC}],
            }
        }
    },
}
# docs.stripe.com/api/crypto/deposit-address/object.
DEPOSIT_ADDRESS: Document = {
    "id": "cda_1MzUx82eZvKYlo2CB6XoRDA6",
    "object": "crypto.deposit_address",
    "livemode": False,
    "created": 1719947634,
    "network": "base",
    "address": "0x5ff8",
    "supported_tokens": [{"token_currency": "usdc", "token_contract_address": BASE_USDC}],
    "metadata": {},
}
# docs.stripe.com/webhooks, and the changelog of 2026-09-30 on thin events for API v1 resources.
EVENT_KEYS = {
    "id",
    "object",
    "api_version",
    "created",
    "data",
    "livemode",
    "pending_webhooks",
    "request",
    "type",
}
THIN_KEYS = {"id", "object", "type", "created", "livemode", "context", "related_object", "reason"}
# docs.stripe.com/payouts/reconciliation.
MOVEMENT_KEYS = {
    "amount",
    "available_on",
    "balance_type",
    "created",
    "currency",
    "description",
    "exchange_rate",
    "fee",
    "fee_details",
    "id",
    "net",
    "object",
    "reporting_category",
    "source",
    "status",
    "type",
}


@pytest.fixture(scope="module")
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture(scope="module")
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@pytest.fixture(scope="module")
def objects(twin: LocalTwin, client: stripe.StripeClient) -> dict[str, stripe.StripeObject]:
    """One object of every kind, after a life of payments, a refund, a dispute and a payout."""
    session = twin_world.session(client).id
    paid, disputed = twin.control.pay(session).payment_intent, pay(twin, client)
    assert paid is not None
    refund, dispute = twin.control.refund(paid, 100), twin.control.dispute(disputed)
    warning = twin.control.warn_of_fraud(paid)
    for _ in range(6):
        pay(twin, client)
    payout = twin.control.pay_out()
    code = client.v1.promotion_codes.retrieve(twin.control.add_promotion_code("SHAPE", percent_off=10))
    return {
        "PaymentIntent": client.v1.payment_intents.retrieve(paid),
        "Charge": client.v1.charges.list({"payment_intent": paid}).data[0],
        "checkout.Session": client.v1.checkout.sessions.retrieve(session),
        "Refund": client.v1.refunds.retrieve(refund),
        "Dispute": client.v1.disputes.retrieve(dispute),
        "radar.EarlyFraudWarning": client.v1.radar.early_fraud_warnings.retrieve(warning),
        "Payout": client.v1.payouts.retrieve(payout),
        "BalanceTransaction": client.v1.balance_transactions.list().data[0],
        "Balance": client.v1.balance.retrieve(),
        "Event": client.v1.events.list().data[0],
        "PromotionCode": code,
        "Coupon": client.v1.coupons.retrieve(cast("str", code.promotion.coupon)),
    }


def pay(twin: LocalTwin, client: stripe.StripeClient) -> str:
    """A PaymentIntent that the test card paid."""
    intent = twin.control.pay(twin_world.session(client).id).payment_intent
    assert intent is not None
    return intent


def shape(value: Any) -> Any:
    """The same with the kinds of values instead of values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def class_of(name: str) -> Any:
    """The class of the SDK that is written so after `stripe.`."""
    found: Any = stripe
    for part in name.split("."):
        found = getattr(found, part)
    return found


def always_there(kind: Any) -> set[str]:
    """The fields that the SDK promises without `Optional`."""
    return {
        name
        for name, annotation in kind.__annotations__.items()
        if name.islower()
        and not name.startswith("_")
        and not (typing.get_origin(annotation) is typing.Union and type(None) in typing.get_args(annotation))
    }


@pytest.mark.parametrize(
    "name",
    [
        "PaymentIntent",
        "Charge",
        "checkout.Session",
        "Refund",
        "Dispute",
        "radar.EarlyFraudWarning",
        "Payout",
        "BalanceTransaction",
        "Balance",
        "Event",
        "PromotionCode",
        "Coupon",
    ],
)
def test_an_object_has_every_field_that_the_sdk_promises_and_none_that_it_does_not_know(
    objects: dict[str, stripe.StripeObject], name: str
) -> None:
    kind = class_of(name)

    shown = set(objects[name].to_dict(for_json=True))

    assert always_there(kind) - shown == set()
    assert shown - set(kind.__annotations__) == set()


def test_a_deposit_shows_its_address_as_documented(client: stripe.StripeClient) -> None:
    intent: Document = twin_world.deposit(client).to_dict(for_json=True)

    assert intent["status"] == "requires_action"
    assert shape(intent["next_action"]) == shape(DEPOSIT_NEXT_ACTION)


def test_a_deposit_address_is_as_documented(client: stripe.StripeClient) -> None:
    answer = client.raw_request(
        "post", "/v1/crypto/deposit_addresses", network="base", stripe_version="2026-05-27.preview"
    )

    made = {name: value for name, value in answer.data.items() if name != "customer"}

    assert shape(made) == shape(DEPOSIT_ADDRESS)


def test_events_have_the_documented_envelopes(client: stripe.StripeClient) -> None:
    twin_world.deposit(client)

    event: Document = client.v1.events.list({"limit": 1}).data[0].to_dict(for_json=True)
    thin: Document = client.v2.core.events.list({"limit": 1}).data[0].to_dict(for_json=True)

    assert set(event) == EVENT_KEYS
    assert set(event["request"]) == {"id", "idempotency_key"}
    assert event["api_version"] == ENDIVE
    assert set(thin) == THIN_KEYS | {"changes", "snapshot_event"}
    assert thin["type"] == f"v1.{event['type']}"
    assert set(thin["related_object"]) == {"id", "type", "url"}
    assert thin["snapshot_event"] == event["id"] != thin["id"]


def test_a_movement_has_the_documented_fields(objects: dict[str, stripe.StripeObject]) -> None:
    movement = objects["BalanceTransaction"].to_dict(for_json=True)

    assert set(movement) == MOVEMENT_KEYS
    assert movement["net"] == movement["amount"] - movement["fee"]


def test_without_the_preview_the_mode_is_refused_in_stripes_words(client: stripe.StripeClient) -> None:
    parameters = twin_world.deposit_parameters()
    parameters["allowed_payment_method_types"] = parameters.pop("payment_method_types")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(cast("stripe.params.PaymentIntentCreateParams", parameters))

    message = str(refused.value.user_message)
    assert message.startswith("Received unknown parameters: payment_method_options[crypto][mode]")
    assert refused.value.code == "parameter_unknown"


def test_statuses_and_reasons_are_words_of_stripes(
    twin: LocalTwin, objects: dict[str, stripe.StripeObject]
) -> None:
    shown = {name: found.to_dict(for_json=True) for name, found in objects.items()}

    assert shown["Dispute"]["status"] == "needs_response"
    assert shown["Refund"]["status"] == "succeeded"
    assert shown["Payout"]["reconciliation_status"] == "completed"
    assert shown["checkout.Session"]["payment_status"] == "paid"
    assert shown["BalanceTransaction"]["balance_type"] == "payments"


def test_given_another_version_then_the_crypto_call_uses_its_spelling(client: stripe.StripeClient) -> None:
    for version, spelling, other in [
        (DEPOSIT_VERSION, "payment_method_types", "allowed_payment_method_types"),
        ("2026-08-26.preview", "allowed_payment_method_types", "payment_method_types"),
    ]:
        parameters = twin_world.deposit_parameters(payment_method_types="")
        options: Any = {"stripe_version": version}
        right = cast("Any", {**parameters, spelling: ["crypto"]})
        wrong = cast("Any", {**parameters, other: ["crypto"]})
        if spelling != "payment_method_types":
            del right["payment_method_types"]

        assert client.v1.payment_intents.create(right, options).status == "requires_action"
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.create(wrong, options)


def test_every_switch_is_in_the_document_with_its_default() -> None:
    page = (twin_world.ROOT / "docs" / "stripe-twin.md").read_text()
    table = page.partition("## Switches")[2]
    cells = [
        [cell.strip(" `") for cell in row.split("|")[1:3]]
        for row in table.splitlines()
        if row.startswith("| `")
    ]

    assert dict(cells) == {name: str(value) for name, value in Switches().model_dump().items()}
