"""The twin against a real chain: one transfer of exactly the amount pays, the rest is kept and explained."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stripe

from sandbox import devnet, stripe_twin
from sandbox.devnet import Devnet
from sandbox.wallet import Wallet
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LIVE_KEY, LocalTwin

PAYER = "0x00000000000000000000000000000000000a11ce"
FIVE_DOLLARS = 5_000_000
CONFIRMATIONS = 3


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
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@pytest.fixture
def status(client: stripe.StripeClient) -> Callable[[str], str]:
    return lambda intent: client.v1.payment_intents.retrieve(intent).status


def send(net: Devnet, to: str, units: int) -> str:
    """Send USDC in a block of its own."""
    sent = net.transfer(PAYER, to, units)
    net.mine()
    return sent


def confirm(net: Devnet, twin: LocalTwin) -> None:
    """Bury what was sent, and wait until the twin has seen that."""
    head = net.mine(CONFIRMATIONS - 1)
    twin_world.until(lambda: (twin.control.health().head or 0) >= head)


def reasons(twin: LocalTwin, intent: str) -> list[str | None]:
    """Why the transfers to an intent paid nothing."""
    return [row.reason for row in twin.control.unmatched_transfers() if row.payment_intent == intent]


def test_given_exactly_the_amount_when_confirmed_then_the_intent_is_paid_and_the_charge_names_the_payer(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)

    sent = send(net, twin_world.address(intent), FIVE_DOLLARS)
    twin_world.until(lambda: status(intent.id) == "processing")
    confirm(net, twin)

    paid = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}).to_dict(for_json=True)
    assert paid["status"] == "succeeded"
    assert paid["latest_charge"]["payment_method_details"]["crypto"] == {
        "buyer_address": PAYER,
        "network": "base",
        "token_currency": "usdc",
        "transaction_hash": sent,
    }


@pytest.mark.parametrize(
    ("units", "reason"), [(FIVE_DOLLARS - 1, "underpaid"), (FIVE_DOLLARS + 1, "overpaid"), (1, "underpaid")]
)
def test_given_another_amount_then_the_intent_waits_on_and_the_money_is_listed(
    net: Devnet,
    twin: LocalTwin,
    client: stripe.StripeClient,
    status: Callable[[str], str],
    units: int,
    reason: str,
) -> None:
    intent = twin_world.deposit(client)

    send(net, twin_world.address(intent), units)
    confirm(net, twin)

    assert status(intent.id) == "requires_action"
    assert reasons(twin, intent.id) == [reason]


def test_given_two_halves_then_they_do_not_add_up(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)

    for _ in range(2):
        send(net, twin_world.address(intent), FIVE_DOLLARS // 2)
    confirm(net, twin)

    assert status(intent.id) == "requires_action"
    assert reasons(twin, intent.id) == ["underpaid", "underpaid"]


def test_given_the_amount_twice_then_the_second_transfer_pays_nothing(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)

    for _ in range(2):
        net.transfer(PAYER, twin_world.address(intent), FIVE_DOLLARS)
    net.mine()
    confirm(net, twin)

    assert status(intent.id) == "succeeded"
    assert reasons(twin, intent.id) == ["already_paid"]


def test_given_an_expired_deposit_when_money_comes_then_it_is_late(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)
    twin.control.expire_deposit(intent.id)

    send(net, twin_world.address(intent), FIVE_DOLLARS)
    confirm(net, twin)

    assert status(intent.id) == "requires_action"
    assert reasons(twin, intent.id) == ["late"]


def test_given_a_canceled_intent_when_money_comes_then_it_stays_canceled(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)
    client.v1.payment_intents.cancel(intent.id)

    send(net, twin_world.address(intent), FIVE_DOLLARS)
    confirm(net, twin)

    assert status(intent.id) == "canceled"
    assert reasons(twin, intent.id) == ["canceled"]


def test_given_a_reorg_before_success_then_the_intent_goes_back_and_can_still_be_paid(
    net: Devnet, twin: LocalTwin, client: stripe.StripeClient, status: Callable[[str], str]
) -> None:
    intent = twin_world.deposit(client)
    send(net, twin_world.address(intent), FIVE_DOLLARS)
    twin_world.until(lambda: status(intent.id) == "processing")

    net.reorg(1)
    twin_world.until(lambda: status(intent.id) == "requires_action")
    send(net, twin_world.address(intent), FIVE_DOLLARS)
    confirm(net, twin)

    assert status(intent.id) == "succeeded"
    assert reasons(twin, intent.id) == []


def test_given_a_live_key_then_the_chain_is_watched_too(net: Devnet, twin: LocalTwin) -> None:
    live = twin_world.sdk(twin.url, LIVE_KEY)
    intent = twin_world.deposit(live, amount=1)

    send(net, twin_world.address(intent), 10_000)
    confirm(net, twin)

    assert live.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_given_a_wallet_and_a_twin_process_when_usdc_is_sent_then_a_webhook_tells_of_it(
    tmp_path: Path,
) -> None:
    with (
        devnet.start(block_seconds=1) as chain,
        twin_world.receiver() as receiver,
        stripe_twin.start(
            tmp_path, rpc_url=chain.rpc_url, webhook_url=receiver.url, webhook_secret="whsec_one"
        ) as twin,
    ):
        wallet = Wallet.create(chain.rpc_url)
        client = twin_world.sdk(twin.url, twin.secret_key)
        intent = twin_world.deposit(client)

        wallet.send_usdc(twin_world.address(intent), FIVE_DOLLARS)
        twin_world.until(lambda: "payment_intent.succeeded" in receiver.types("whsec_one"))

        assert client.v1.payment_intents.retrieve(intent.id).amount_received == 500


def test_given_an_unreachable_node_then_the_twin_works_on_and_says_so() -> None:
    with twin_world.running(twin_world.config(rpc_url="http://127.0.0.1:9")) as twin:
        twin_world.until(lambda: twin.control.health().chain == "unreachable")

        intent = twin_world.deposit(twin_world.sdk(twin.url))

    assert intent.status == "requires_action"
