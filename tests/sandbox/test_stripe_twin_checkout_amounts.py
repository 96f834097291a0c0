"""The twin's Checkout where the amount or the moment differs: codes, nothing to pay, tax, slow methods."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from sandbox.stripe_twin import Switches
from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


def shown(client: stripe.StripeClient, session: str, *expand: str) -> Document:
    """The session as the API shows it."""
    answer: Document = client.v1.checkout.sessions.retrieve(session, {"expand": list(expand)}).to_dict(
        for_json=True
    )
    return answer


def told(client: stripe.StripeClient) -> list[str]:
    return [event.type for event in reversed(client.v1.events.list({"limit": 100}).data)]


def price(cents: int, behaviour: str = "exclusive") -> Document:
    product = {"name": "credits"}
    return {
        "quantity": 1,
        "price_data": {
            "currency": "usd",
            "unit_amount": cents,
            "tax_behavior": behaviour,
            "product_data": product,
        },
    }


def test_given_a_code_when_typed_then_less_is_paid_and_the_list_price_stays(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    code = twin.control.add_promotion_code("Spring", percent_off=20)
    session = twin_world.session(client, allow_promotion_codes=True)

    twin.control.pay_session(session.id, promotion_code="SPRING")

    paid = shown(client, session.id, "payment_intent", "line_items", "total_details.breakdown")
    assert (paid["amount_subtotal"], paid["amount_total"]) == (500, 400)
    assert paid["total_details"]["amount_discount"] == 100
    assert paid["total_details"]["breakdown"]["discounts"][0]["amount"] == 100
    assert paid["discounts"] == [{"coupon": None, "promotion_code": code}]
    assert paid["payment_intent"]["amount_received"] == 400
    assert paid["line_items"]["data"][0]["amount_total"] == 400
    assert client.v1.promotion_codes.retrieve(code).times_redeemed == 1


def test_given_everything_off_then_the_session_is_complete_without_a_payment_intent(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.add_promotion_code("FREE", percent_off=100)
    session = twin_world.session(client, allow_promotion_codes=True)

    free = twin.control.pay_session(session.id, promotion_code="FREE")

    paid = shown(client, session.id)
    assert (free.status, free.payment_status, free.payment_intent) == (
        "complete",
        "no_payment_required",
        None,
    )
    assert (paid["amount_total"], paid["amount_subtotal"], paid["url"]) == (0, 500, None)
    assert told(client) == ["checkout.session.completed"]
    assert client.v1.payment_intents.list().data == []


def test_given_a_declined_card_when_everything_is_taken_off_then_its_intent_is_canceled(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.add_promotion_code("FREE", percent_off=100)
    session = twin_world.session(client, allow_promotion_codes=True)
    twin.control.decline(session.id)

    free = twin.control.pay_session(session.id, promotion_code="FREE")

    assert free.payment_intent is None
    assert [intent.status for intent in client.v1.payment_intents.list().data] == ["canceled"]


def test_given_a_coupon_of_the_shop_then_the_session_begins_with_it(client: stripe.StripeClient) -> None:
    coupon = client.v1.coupons.create({"amount_off": 150, "currency": "usd", "duration": "once"})
    code = client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SHOP"}
    )

    by_coupon = twin_world.session(client, discounts=[{"coupon": coupon.id}])
    by_code = twin_world.session(client, discounts=[{"promotion_code": code.id}])

    assert (by_coupon.amount_total, by_code.amount_total) == (350, 350)
    assert [row.id for row in client.v1.promotion_codes.list({"code": "shop"}).data] == [code.id]


@pytest.mark.parametrize(
    "changes",
    [
        {"allow_promotion_codes": True, "discounts": [{"coupon": "any"}]},
        {"discounts": [{"coupon": "a"}, {"coupon": "b"}]},
        {"discounts": [{"coupon": "unknown"}]},
    ],
)
def test_wrong_discounts_are_refused(client: stripe.StripeClient, changes: Document) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        twin_world.session(client, **changes)


def test_given_a_code_that_is_used_up_over_off_or_not_taken_then_nothing_is_paid(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.add_promotion_code("ONCE", amount_off=100, max_redemptions=1)
    twin.control.add_promotion_code("OVER", amount_off=100, expires_at=twin.control.now())
    off = twin.control.add_promotion_code("OFF", amount_off=100)
    client.v1.promotion_codes.update(off, {"active": False})
    twin.control.pay_session(twin_world.session(client, allow_promotion_codes=True).id, promotion_code="once")
    open_session = twin_world.session(client, allow_promotion_codes=True).id
    without_codes = twin_world.session(client).id

    for session, code in [
        (open_session, "ONCE"),
        (open_session, "OVER"),
        (open_session, "OFF"),
        (open_session, "NEVER"),
        (without_codes, "ONCE"),
    ]:
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            twin.control.pay_session(session, promotion_code=code)

    assert shown(client, open_session)["status"] == "open"


def test_given_a_code_that_leaves_a_few_cents_then_a_card_cannot_pay_them(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.add_promotion_code("ALMOST", amount_off=451)
    session = twin_world.session(client, allow_promotion_codes=True).id

    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.pay_session(session, promotion_code="ALMOST")

    assert shown(client, session)["amount_total"] == 500


def test_given_a_code_typed_on_the_page_then_the_page_shows_it_and_the_card_pays_less(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.add_promotion_code("SPRING", percent_off=20)
    session = twin_world.session(client, allow_promotion_codes=True)
    assert session.url is not None
    page, _, fragment = session.url.partition("#")

    wrong = httpx.post(page, data={"fragment": fragment, "action": "apply", "promotion_code": "NO"})
    right = httpx.post(page, data={"fragment": fragment, "action": "apply", "promotion_code": "spring"})
    httpx.post(page, data={"fragment": fragment, "action": "pay"})

    assert (wrong.status_code, "This code is invalid" in wrong.text) == (400, True)
    assert "Pay $4.00" in right.text
    assert shown(client, session.id)["amount_total"] == 400


@pytest.mark.parametrize(
    ("behaviour", "total", "tax"), [("exclusive", 541, 41), ("inclusive", 500, 38), ("unspecified", 541, 41)]
)
def test_given_automatic_tax_then_it_is_added_once_the_address_is_known(
    twin: LocalTwin, client: stripe.StripeClient, behaviour: str, total: int, tax: int
) -> None:
    twin.control.set_switches(Switches(tax_basis_points=825))
    session = twin_world.session(client, automatic_tax={"enabled": True}, line_items=[price(500, behaviour)])
    before = shown(client, session.id)

    twin.control.pay_session(session.id)

    after = shown(client, session.id, "payment_intent")
    assert (before["amount_total"], before["automatic_tax"]["status"]) == (500, "requires_location_inputs")
    assert (after["amount_subtotal"], after["amount_total"]) == (500, total)
    assert after["total_details"]["amount_tax"] == tax
    assert after["automatic_tax"]["status"] == "complete"
    assert after["payment_intent"]["amount"] == total


def test_given_a_discount_and_tax_then_only_what_is_left_is_taxed_line_by_line(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    twin.control.set_switches(Switches(tax_basis_points=1_000))
    twin.control.add_promotion_code("HALF", percent_off=50)
    session = twin_world.session(
        client,
        automatic_tax={"enabled": True},
        allow_promotion_codes=True,
        line_items=[price(333), price(667)],
    )

    twin.control.pay_session(session.id, promotion_code="HALF")

    paid = shown(client, session.id, "line_items")
    assert paid["total_details"] == {"amount_discount": 500, "amount_shipping": 0, "amount_tax": 50}
    assert [line["amount_discount"] for line in paid["line_items"]["data"]] == [166, 334]
    assert sum(line["amount_total"] for line in paid["line_items"]["data"]) == paid["amount_total"] == 550


@pytest.mark.parametrize("succeeded", [True, False])
def test_given_a_bank_account_then_the_session_is_complete_but_unpaid_until_the_bank_answers(
    twin: LocalTwin, client: stripe.StripeClient, succeeded: bool
) -> None:
    session = twin_world.session(client, allowed_payment_method_types=["card", "us_bank_account"])
    waiting = twin.control.pay_session(session.id, method="us_bank_account")
    assert waiting.payment_intent is not None
    before = client.v1.payment_intents.retrieve(waiting.payment_intent).status

    settled = twin.control.settle_delayed(session.id, succeeded)

    charges = client.v1.charges.list({"payment_intent": waiting.payment_intent}).data
    assert (waiting.status, waiting.payment_status, before) == ("complete", "unpaid", "processing")
    assert settled.payment_status == ("paid" if succeeded else "unpaid")
    assert [charge.status for charge in charges] == ["succeeded" if succeeded else "failed"]
    assert charges[0].id.startswith("py_")
    assert told(client)[-1] == f"checkout.session.async_payment_{'succeeded' if succeeded else 'failed'}"
    assert told(client).index("checkout.session.completed") < len(told(client)) - 1
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.settle_delayed(session.id, succeeded)


def test_given_cards_alone_then_a_bank_account_is_not_offered(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        twin.control.pay_session(twin_world.session(client).id, method="us_bank_account")
