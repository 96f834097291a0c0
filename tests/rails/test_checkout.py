"""Checkout over the Stripe twin: what a person does on the page, and what the house makes of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe
from pydantic import ValidationError

from ledger import audit
from ledger.database import Sessions
from rails import errors
from rails.stripe.client import made_once
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from sandbox.stripe_twin import Switches
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


@pytest.mark.parametrize("status", [401, 500])
def test_an_answer_that_says_nothing_of_the_purchase_does_not_close_it(shop: Shop, status: int) -> None:
    shop.control.fail(Fault(kind="status", path_prefix="/v1/checkout/sessions", status=status))

    with pytest.raises(errors.RailUnreachable):
        shop.buy()
    attempt_id = shop.buy()

    assert shop.attempt(attempt_id).state == "requires_action"
    assert shop.buy() == attempt_id


def test_each_call_uses_up_one_answer_that_broke_so_that_an_outage_may_last(shop: Shop) -> None:
    # The n-th call asks n keys: all before it are told again.
    requests = sum(range(1, 20))
    shop.control.fail(Fault(kind="status", path_prefix="/v1/checkout/sessions", status=500, times=requests))

    for _ in range(19):
        with pytest.raises(errors.RailUnreachable):
            shop.buy()
    attempt_id = shop.buy()

    assert shop.attempt(attempt_id).state == "requires_action"


def test_when_every_key_broke_the_purchase_is_refused_and_a_new_quote_is_the_way(shop: Shop) -> None:
    shop.control.fail(Fault(kind="status", path_prefix="/v1/checkout/sessions", status=500, times=999))
    for _ in range(20):
        with pytest.raises(errors.RailUnreachable):
            shop.buy()

    shop.control.clear_faults()
    with pytest.raises(errors.RailRefused):
        shop.buy()


def test_a_connection_that_was_cut_is_tried_again_under_the_same_key(shop: Shop) -> None:
    shop.control.fail(Fault(kind="lost_answer", path_prefix="/v1/checkout/sessions"))

    attempt_id = shop.buy()

    assert shop.attempt(attempt_id).state == "requires_action"
    assert shop.buy() == attempt_id


def test_an_answer_that_broke_and_was_cut_off_uses_up_one_key_as_well() -> None:
    asked: list[str] = []

    def make(key: str) -> str:
        asked.append(key)
        if len(asked) == 1:
            raise stripe.APIConnectionError("cut")  # type: ignore[no-untyped-call]  # of the SDK
        raise stripe.APIError("broke", http_status=500, headers={"Idempotent-Replayed": "true"})

    with pytest.raises(errors.RailUnreachable):
        made_once(make, "k")

    assert asked == ["k", "k"]


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


def test_half_off_grants_every_credit_of_the_quote_for_half_the_money(
    sessions: Sessions, twin: LocalTwin
) -> None:
    shop = shop_of(sessions, twin, checkout_promotion_codes=True)
    shop.control.add_promotion_code("HALF", percent_off=50, livemode=True)
    attempt_id = shop.buy()
    shop.control.pay_session(shop.reference(attempt_id), promotion_code="HALF")

    settled = shop.settle(attempt_id)

    receipt, told = shop.view(attempt_id).receipt, detail(shop, attempt_id)
    assert receipt is not None
    assert (settled.granted, shop.credits(), receipt.received_cents) == (True, 500, 250)
    assert (told["subtotal_cents"], told["discount_cents"], told["amount_total_cents"]) == (500, 250, 250)


def test_a_code_of_a_hundred_percent_grants_the_credits_without_any_payment_intent(
    sessions: Sessions, twin: LocalTwin
) -> None:
    shop = shop_of(sessions, twin, checkout_promotion_codes=True)
    shop.control.add_promotion_code("GIFT", percent_off=100, livemode=True)
    attempt_id = shop.buy()
    shop.control.pay_session(shop.reference(attempt_id), promotion_code="GIFT")

    first, second = shop.settle(attempt_id), shop.settle(attempt_id)

    receipt, told = shop.view(attempt_id).receipt, detail(shop, attempt_id)
    assert receipt is not None
    assert (first.granted, second.granted, shop.credits(), receipt.received_cents) == (True, False, 500, 0)
    assert (told["payment_status"], told["payment_intent_id"]) == ("no_payment_required", None)
    with sessions() as session:
        assert audit.verify(session).clean


def test_a_code_does_not_exist_on_a_page_that_offers_none(shop: Shop) -> None:
    shop.control.add_promotion_code("NONE", percent_off=100, livemode=True)
    attempt_id = shop.buy()

    with pytest.raises(httpx.HTTPStatusError):
        shop.control.pay_session(shop.reference(attempt_id), promotion_code="NONE")

    assert (shop.settle(attempt_id).state, shop.credits()) == ("requires_action", 0)


def test_a_session_that_offered_codes_is_honoured_after_the_setting_is_off_again(
    sessions: Sessions, twin: LocalTwin
) -> None:
    before = shop_of(sessions, twin, checkout_promotion_codes=True)
    before.control.add_promotion_code("LATE", percent_off=100, livemode=True)
    attempt_id = before.buy()
    before.control.pay_session(before.reference(attempt_id), promotion_code="LATE")

    settled = shop_of(sessions, twin).settle(attempt_id)

    assert (settled.granted, before.credits()) == (True, 500)


def test_tax_comes_on_top_and_is_no_part_of_what_was_received(sessions: Sessions, twin: LocalTwin) -> None:
    shop = shop_of(sessions, twin, checkout_automatic_tax=True, checkout_tax_code="txcd_10000000")
    attempt_id = shop.buy()
    shop.control.set_switches(Switches(tax_basis_points=875))
    shop.control.pay_session(shop.reference(attempt_id))
    shop.control.set_switches(Switches())

    settled = shop.settle(attempt_id)

    receipt, told = shop.view(attempt_id).receipt, detail(shop, attempt_id)
    assert receipt is not None
    assert (settled.granted, shop.credits(), receipt.received_cents) == (True, 500, 500)
    assert (told["subtotal_cents"], told["tax_cents"], told["amount_total_cents"]) == (500, 44, 544)


def debited(shop: Shop) -> str:
    """An attempt that a person pays from a bank account."""
    attempt_id = shop.buy()
    shop.control.pay_session(shop.reference(attempt_id), method="us_bank_account")
    return attempt_id


def test_a_bank_debit_is_processing_until_the_bank_has_paid(sessions: Sessions, twin: LocalTwin) -> None:
    shop = shop_of(sessions, twin, checkout_methods=("card", "us_bank_account"))
    attempt_id = debited(shop)

    waiting = shop.settle(attempt_id)
    shop.control.settle_delayed(shop.reference(attempt_id), succeeded=True)
    paid = shop.settle(attempt_id)

    assert (waiting.state, waiting.granted, paid.state, paid.granted) == (
        "processing",
        False,
        "succeeded",
        True,
    )
    assert shop.credits() == 500


def test_a_bank_debit_that_fails_days_later_grants_nothing(sessions: Sessions, twin: LocalTwin) -> None:
    shop = shop_of(sessions, twin, checkout_methods=("card", "us_bank_account"))
    attempt_id = debited(shop)

    waiting = shop.settle(attempt_id)
    shop.control.settle_delayed(shop.reference(attempt_id), succeeded=False)
    failed = shop.settle(attempt_id)

    assert (waiting.state, failed.state, shop.credits()) == ("processing", "failed", 0)
    assert shop.attempt(attempt_id).reason == "declined"


def test_a_bank_debit_under_way_cannot_be_canceled(sessions: Sessions, twin: LocalTwin) -> None:
    shop = shop_of(sessions, twin, checkout_methods=("card", "us_bank_account"))
    attempt_id = debited(shop)

    canceled = shop.cancel(attempt_id)

    assert (canceled.state, canceled.refusal is None) == ("processing", False)


@pytest.mark.parametrize("wrong", [{"checkout_methods": ""}, {"checkout_methods": "card,barter"}])
def test_a_payment_method_that_is_none_refuses_to_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CheckoutSettings(public_url="https://pennyrail.example", **wrong)  # type: ignore[arg-type]
