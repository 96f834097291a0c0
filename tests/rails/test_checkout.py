"""Checkout over the Stripe twin: what a person does on the page, and what the house makes of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.database import Sessions
from rails import errors
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from sandbox.stripe_twin.models import Fault
from tests.rails import stripe_world
from tests.rails.stripe_world import Shop
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin


@pytest.fixture(scope="module")
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


def shop_of(sessions: Sessions, twin: LocalTwin, **settings: Any) -> Shop:
    chosen = CheckoutSettings(public_url="https://pennyrail.example", **settings)
    rail = StripeCheckout(stripe_world.sdk(twin), chosen, live_money=True)
    return Shop(sessions, {rail.rail_id: rail}, twin.control, rail.rail_id, stripe_world.now())


@pytest.fixture
def shop(sessions: Sessions, twin: LocalTwin) -> Shop:
    """A shop that takes cards and no codes."""
    return shop_of(sessions, twin)


def detail(shop: Shop, attempt_id: str) -> dict[str, Any]:
    (row,) = shop.view(attempt_id).evidence
    return row.detail


def test_a_paid_session_is_granted_once_and_its_payment_intent_is_kept(shop: Shop, twin: LocalTwin) -> None:
    attempt_id = shop.buy()
    shop.control.pay(shop.reference(attempt_id))

    first, second = shop.settle(attempt_id), shop.settle(attempt_id)

    session = stripe_world.sdk(twin).v1.checkout.sessions.retrieve(shop.reference(attempt_id))
    assert (first.granted, second.granted, shop.credits()) == (True, False, 500)
    assert detail(shop, attempt_id)["payment_intent_id"] == session.payment_intent


def test_a_card_that_is_declined_leaves_the_page_open_for_another(shop: Shop) -> None:
    attempt_id = shop.buy()
    shop.control.decline(shop.reference(attempt_id))

    declined = shop.settle(attempt_id)
    shop.control.pay(shop.reference(attempt_id))
    paid = shop.settle(attempt_id)

    assert (declined.state, paid.state, shop.credits()) == ("requires_action", "succeeded", 500)


def test_a_session_that_nobody_pays_expires_when_stripe_says_so(sessions: Sessions) -> None:
    with twin_world.running(twin_world.config()) as twin:
        shop = shop_of(sessions, twin)
        attempt_id = shop.buy()
        shop.now += timedelta(hours=2)
        before = shop.settle(attempt_id)
        shop.control.advance_clock(seconds=7200)

        after = shop.settle(attempt_id)

    assert (before.state, after.state, shop.credits()) == ("requires_action", "expired", 0)


def test_canceling_expires_the_page_and_twice_is_as_good_as_once(shop: Shop) -> None:
    attempt_id = shop.buy()

    canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.refusal) == ("canceled", None)
    assert shop.attempt(attempt_id).reason == "canceled by an operator: asked to"
    with pytest.raises(errors.NothingToCancel):
        shop.cancel(attempt_id)


def test_an_attempt_that_was_paid_meanwhile_is_granted_and_not_canceled(shop: Shop) -> None:
    attempt_id = shop.buy()
    shop.control.pay(shop.reference(attempt_id))

    canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.granted, shop.credits()) == ("succeeded", True, 500)
    assert canceled.refusal is not None


def test_a_page_that_expired_by_itself_is_as_good_as_canceled(sessions: Sessions) -> None:
    with twin_world.running(twin_world.config()) as twin:
        shop = shop_of(sessions, twin)
        attempt_id = shop.buy()
        shop.now += timedelta(hours=2)
        shop.control.advance_clock(seconds=7200)

        canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.refusal) == ("expired", None)


def test_a_cancellation_whose_answer_is_lost_is_done_by_asking_again(shop: Shop) -> None:
    attempt_id = shop.buy()
    path = f"/v1/checkout/sessions/{shop.reference(attempt_id)}"
    shop.control.fail(Fault(kind="lost_answer", path_prefix=f"{path}/expire"))

    with pytest.raises(errors.RailUnreachable):
        shop.cancel(attempt_id)
    again = shop.cancel(attempt_id)

    assert (again.state, again.refusal) == ("canceled", None)


def test_while_stripe_does_not_answer_nothing_is_canceled(shop: Shop) -> None:
    attempt_id = shop.buy()
    shop.control.fail(Fault(kind="status", path_prefix="/v1/checkout", status=500))

    with pytest.raises(errors.RailUnreachable):
        shop.cancel(attempt_id)

    assert shop.attempt(attempt_id).state == "requires_action"


def test_the_address_of_the_page_is_kept_byte_for_byte(shop: Shop, twin: LocalTwin) -> None:
    attempt_id = shop.buy()

    session = stripe_world.sdk(twin).v1.checkout.sessions.retrieve(shop.reference(attempt_id))

    kept = shop.attempt(attempt_id).instructions
    assert kept is not None
    assert session.url is not None
    assert kept["url"] == session.url
    assert "#" in session.url
