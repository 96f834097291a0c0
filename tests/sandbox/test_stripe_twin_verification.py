"""The twin's reusable addresses, and PaymentIntents that name a transaction which was sent there before."""

from collections.abc import Iterator
from typing import cast

import pytest
import stripe

from sandbox import devnet
from sandbox.devnet import Devnet
from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import DEPOSIT_VERSION, LocalTwin

PAYER = "0x00000000000000000000000000000000000a11ce"
FIVE_DOLLARS = 5_000_000
CONFIRMATIONS = 2
VERSION = "2026-05-27.preview"
NOWHERE = "0x" + "7" * 64


@pytest.fixture(scope="module")
def net() -> Iterator[Devnet]:
    with devnet.start(block_seconds=0) as running:
        running.mint(PAYER, 10**12)
        running.mine()
        yield running


@pytest.fixture(scope="module")
def twin(net: Devnet) -> Iterator[LocalTwin]:
    settings = twin_world.config(rpc_url=net.rpc_url, confirmations=CONFIRMATIONS)
    with twin_world.running(settings) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> Iterator[stripe.StripeClient]:
    yield twin_world.sdk(twin.url)
    twin.control.set_switches(Switches())


@pytest.fixture
def address(client: stripe.StripeClient) -> str:
    return str(new_address(client)["address"])


def ask(client: stripe.StripeClient, method: str, path: str, **parameters: object) -> Document:
    """The JSON of a call that the SDK has no method for."""
    options: Document = {"stripe_version": VERSION, **parameters}
    answer = client.raw_request(method, path, **options)
    shown: Document = answer.data
    return shown


def new_address(client: stripe.StripeClient, **parameters: object) -> Document:
    return ask(client, "post", "/v1/crypto/deposit_addresses", network="base", **parameters)


def record(
    client: stripe.StripeClient, transaction: str, *, cents: int = 500, key: str | None = None
) -> Document:
    """Record a settled transfer, as Stripe's sample does."""
    crypto = {
        "mode": "transaction_verification",
        "transaction_verification_options": {"network": "base", "transaction_hash": transaction},
    }
    parameters = twin_world.deposit_parameters(amount=cents, payment_method_options={"crypto": crypto})
    options: Document = {"stripe_version": VERSION} | ({"idempotency_key": key} if key else {})
    intent = client.v1.payment_intents.create(
        cast("stripe.params.PaymentIntentCreateParams", parameters), cast("stripe.RequestOptions", options)
    )
    assert intent.last_response is not None
    shown: Document = intent.to_dict(for_json=True)
    return shown | {"replayed": intent.last_response.headers.get("idempotent-replayed")}


def refusal(
    client: stripe.StripeClient, transaction: str, *, cents: int = 500, key: str | None = None
) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        record(client, transaction, cents=cents, key=key)
    return refused.value


def settled(net: Devnet, twin: LocalTwin, to: str, units: int = FIVE_DOLLARS) -> str:
    """The hash of a transfer that the twin has seen under its confirmations."""
    sent = net.transfer(PAYER, to, units)
    head = net.mine(CONFIRMATIONS)
    twin_world.until(lambda: (twin.control.health().head or 0) >= head)
    return sent


def test_an_address_is_made_once_under_a_key_and_found_in_any_spelling(client: stripe.StripeClient) -> None:
    made = new_address(client, idempotency_key="address:1", metadata={"for": "pennyrail"})
    again = new_address(client, idempotency_key="address:1", metadata={"for": "pennyrail"})

    listed = ask(client, "get", "/v1/crypto/deposit_addresses", address=made["address"].lower())
    assert made == again == ask(client, "get", f"/v1/crypto/deposit_addresses/{made['id']}")
    assert listed["data"] == [made]
    assert made["id"].startswith("cda_")
    assert (made["object"], made["network"], made["livemode"]) == ("crypto.deposit_address", "base", False)
    assert made["supported_tokens"][0]["token_currency"] == "usdc"


def test_without_the_preview_there_are_no_addresses(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        ask(client, "get", "/v1/crypto/deposit_addresses", stripe_version=DEPOSIT_VERSION)


def test_given_a_settled_transfer_then_the_intent_that_names_it_is_paid(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    sent = settled(net, twin, address)

    paid = record(client, sent)

    charge = client.v1.charges.retrieve(paid["latest_charge"]).to_dict(for_json=True)
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 500)
    assert charge["payment_method_details"]["crypto"] == {
        "buyer_address": PAYER,
        "network": "base",
        "token_currency": "usdc",
        "transaction_hash": sent,
    }


def test_given_a_fraction_of_a_cent_then_the_amount_is_floored(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    sent = settled(net, twin, address, FIVE_DOLLARS + 9_999)

    refused = refusal(client, sent, cents=501)

    assert refused.code == "invalid_amount"
    assert record(client, sent, cents=500)["status"] == "succeeded"


def test_given_a_refusal_under_a_key_then_it_is_replayed_and_another_key_is_heard(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    sent = net.transfer(PAYER, address, FIVE_DOLLARS)
    first = refusal(client, sent, key=sent)
    head = net.mine(CONFIRMATIONS)
    twin_world.until(lambda: (twin.control.health().head or 0) >= head)

    replayed = refusal(client, sent, key=sent)

    assert first.code == replayed.code == "transaction_not_found"
    assert replayed.headers is not None
    assert replayed.headers["idempotent-replayed"] == "true"
    assert record(client, sent, key=f"{sent}:2")["status"] == "succeeded"


def test_given_a_transfer_without_its_confirmations_then_it_is_not_seen_yet(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    sent = net.transfer(PAYER, address, FIVE_DOLLARS)
    head = net.mine(CONFIRMATIONS - 1)
    twin_world.until(lambda: (twin.control.health().head or 0) >= head)
    early = refusal(client, sent).code

    head = net.mine(1)
    twin_world.until(lambda: (twin.control.health().head or 0) >= head)

    assert early == "transaction_not_found"
    assert record(client, sent)["status"] == "succeeded"


def test_given_another_code_for_what_is_not_seen_then_that_comes(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(unseen_transaction_code="transaction_pending"))

    assert refusal(client, NOWHERE).code == "transaction_pending"
    assert refusal(client, "0x12").code is None


@pytest.mark.parametrize(("units", "status"), [(FIVE_DOLLARS, "succeeded"), (1, "requires_payment_method")])
def test_given_intents_that_wait_for_their_transaction_then_it_pays_when_it_is_seen(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str, units: int, status: str
) -> None:
    twin.control.set_switches(Switches(unseen_transaction="process"))
    sent = net.transfer(PAYER, address, units)
    waiting = record(client, sent)

    net.mine(CONFIRMATIONS)

    assert waiting["status"] == "processing"
    twin_world.until(lambda: client.v1.payment_intents.retrieve(waiting["id"]).status == status)


def test_given_the_same_hash_twice_then_a_switch_says_whether_the_second_is_paid(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    sent = settled(net, twin, address)
    first, second = record(client, sent), record(client, sent)
    twin.control.set_switches(Switches(repeated_transaction="refuse"))

    refused = refusal(client, sent)

    assert [first["status"], second["status"]] == ["succeeded", "succeeded"]
    assert first["id"] != second["id"]
    assert refused.code == "transaction_already_used"


def test_given_a_transfer_to_somebody_else_then_it_pays_nothing(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, address: str
) -> None:
    other = settled(net, twin, "0x" + "5" * 40)
    bound = str(new_address(client, customer="cus_1")["address"])
    for_another = settled(net, twin, bound)

    assert refusal(client, other).code == "transaction_not_found"
    assert refusal(client, for_another).code == "transaction_not_found"
