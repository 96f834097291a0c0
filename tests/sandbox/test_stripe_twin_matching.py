"""The twin's matching of transfers, on views of a chain that a real node shows only by chance."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.stripe_twin import deposits, payment_intents
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.deposits import Transfer, View
from sandbox.stripe_twin.form import decode
from sandbox.stripe_twin.settings import BASE_USDC
from sandbox.stripe_twin.store import Store
from sandbox.stripe_twin.versions import Version
from sandbox.stripe_twin.world import World
from tests.sandbox import twin_world

FORM = (
    "amount=500&currency=usd&confirm=true&payment_method_data[type]=crypto"
    "&payment_method_options[crypto][mode]=deposit"
    "&payment_method_options[crypto][deposit_options][networks][0]=base"
)


@pytest.fixture
def world() -> Iterator[World]:
    store = Store(None)
    yield World(config=twin_world.config(confirmations=2), store=store)
    store.close()


@pytest.fixture
def payment(world: World) -> Transfer:
    """A transfer that pays a new intent."""
    call = Call(
        method="POST",
        path="/v1/payment_intents",
        base_url="",
        livemode=False,
        version=Version("2026-03-04", "preview"),
        nodes=decode(FORM),
        request_id="req_1",
    )
    intent = payment_intents.create(world, call)
    address = intent["next_action"]["crypto_display_details"]["deposit_addresses"]["base"]["address"]
    return Transfer(
        token=BASE_USDC.lower(),
        sender="0x" + "a" * 40,
        to=address.lower(),
        units=5_000_000,
        transaction_hash="0xt1",
        block_number=10,
        block_hash="0xb10",
        log_index=0,
    )


def look(world: World, head: int, *transfers: Transfer) -> str:
    """Show the twin a chain; the status of the only intent afterwards."""
    deposits.observe(world, View(0, head, transfers))
    return str(next(world.store.newest_first("payment_intent"))["status"])


def states(world: World) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]) for row in world.store.oldest_first("transfer")]


def kinds(world: World) -> list[str]:
    return [event["type"] for event in world.store.oldest_first("event")]


def test_given_the_same_view_twice_then_it_is_paid_once(world: World, payment: Transfer) -> None:
    look(world, 11, payment)

    status = look(world, 12, payment)

    assert status == "succeeded"
    assert kinds(world).count("charge.succeeded") == 1


def test_given_a_transaction_mined_again_elsewhere_before_success_then_it_pays_from_there(
    world: World, payment: Transfer
) -> None:
    moved = replace(payment, block_number=11, block_hash="0xb11", log_index=4)
    first = look(world, 10, payment)

    between = look(world, 11, moved)
    last = look(world, 12, moved)

    assert [first, between, last] == ["processing", "processing", "succeeded"]
    assert states(world) == [("orphaned", None), ("matched", None)]


def test_given_a_reorg_after_success_then_the_intent_stays_paid_and_the_move_is_no_second_payment(
    world: World, payment: Transfer
) -> None:
    moved = replace(payment, block_number=12, block_hash="0xb12")
    look(world, 11, payment)

    gone = look(world, 12)
    back = look(world, 14, moved)

    assert [gone, back] == ["succeeded", "succeeded"]
    assert states(world) == [("orphaned", None), ("matched", None)]


def test_given_a_block_that_goes_and_comes_back_then_it_is_still_the_payment(
    world: World, payment: Transfer
) -> None:
    look(world, 11, payment)
    look(world, 11)

    look(world, 12, payment)

    assert states(world) == [("matched", None)]


def test_given_two_equal_transfers_in_one_transaction_then_one_pays(world: World, payment: Transfer) -> None:
    look(world, 11, payment, replace(payment, log_index=1))

    assert states(world) == [("matched", None), ("unmatched", "already_paid")]


def test_given_another_token_then_it_pays_nothing(world: World, payment: Transfer) -> None:
    status = look(world, 11, replace(payment, token="0x" + "9" * 40))

    assert status == "requires_action"
    assert states(world) == [("unmatched", "wrong_token")]


def test_given_a_transfer_without_confirmations_then_nothing_is_decided(
    world: World, payment: Transfer
) -> None:
    look(world, 10, replace(payment, units=1))

    assert states(world) == [("seen", "underpaid")]
