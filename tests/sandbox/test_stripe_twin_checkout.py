"""The twin's Checkout Sessions, paid through the HTML form as a person would."""

from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
import stripe
from typing_extensions import override

from sandbox.stripe_twin.store import Document
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin


@pytest.fixture(scope="module")
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


class Inputs(HTMLParser):
    """The named fields and buttons of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("input", "button", "select", "textarea"):
            self.names.add(dict(attrs).get("name") or "")


def click(url: str, action: str = "pay", *, fragment: str | None = None) -> httpx.Response:
    """Press a button, as the page's script would fill the form."""
    page, _, issued = url.partition("#")
    return httpx.post(page, data={"fragment": issued if fragment is None else fragment, "action": action})


def refusal(client: stripe.StripeClient, **changes: object) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        twin_world.session(client, **changes)
    return refused.value


def url_of(session: stripe.checkout.Session) -> str:
    assert session.url is not None
    return session.url


def test_given_a_new_session_then_it_is_open_and_its_url_ends_with_a_long_fragment(
    client: stripe.StripeClient,
) -> None:
    session = twin_world.session(client, client_reference_id="order-1", metadata={"order_id": "order-1"})

    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_subtotal, session.amount_total, session.currency) == (500, 500, "usd")
    assert session.client_reference_id == "order-1"
    assert session.id.startswith("cs_test_")
    assert url_of(session).partition("#")[2].startswith("fid")
    assert len(url_of(session).partition("#")[2]) > 200


def test_the_page_shows_what_is_bought_and_asks_for_no_card(client: stripe.StripeClient) -> None:
    session = twin_world.session(client)

    page = httpx.get(url_of(session))

    inputs = Inputs()
    inputs.feed(page.text)
    assert "500 credits" in page.text
    assert "Pay $5.00" in page.text
    assert inputs.names == {"fragment", "action"}
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_what_a_merchant_writes_cannot_become_a_script(client: stripe.StripeClient) -> None:
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "<script>alert(1)</script>"}}
    session = twin_world.session(client, line_items=[{"quantity": 1, "price_data": price}])

    page = httpx.get(url_of(session))

    assert "<script>alert" not in page.text


def test_given_the_form_is_sent_then_the_session_is_paid_and_the_person_goes_back(
    client: stripe.StripeClient,
) -> None:
    session = twin_world.session(client, payment_intent_data={"metadata": {"order_id": "order-1"}})

    answer = click(url_of(session))

    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    shown = paid.to_dict(for_json=True)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://127.0.0.1:9/done?session_id={session.id}"
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert shown["payment_intent"]["status"] == "succeeded"
    assert shown["payment_intent"]["metadata"] == {"order_id": "order-1"}
    assert shown["payment_intent"]["latest_charge"]["payment_method_details"]["card"]["last4"] == "4242"


def test_metadata_of_the_session_stays_with_the_session(twin: LocalTwin, client: stripe.StripeClient) -> None:
    session = twin_world.session(client, metadata={"order_id": "order-1"})

    intent = twin.control.pay(session.id).payment_intent

    assert intent is not None
    assert client.v1.payment_intents.retrieve(intent).metadata.to_dict() == {}


def test_given_a_double_click_then_it_is_paid_once(client: stripe.StripeClient) -> None:
    session = twin_world.session(client)

    answers = [click(url_of(session)).status_code for _ in range(2)]

    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    charges = client.v1.events.list({"type": "charge.succeeded", "limit": 100}).data
    assert answers == [303, 303]
    assert [event.data.object["payment_intent"] for event in charges].count(intent) == 1


@pytest.mark.parametrize("careless", ["", "fid", "decoded"])
def test_given_a_fragment_that_was_lost_or_changed_when_sent_then_nothing_is_paid(
    client: stripe.StripeClient, careless: str
) -> None:
    session = twin_world.session(client)
    issued = url_of(session).partition("#")[2]
    fragment = issued.replace("%2F", "/") if careless == "decoded" else careless

    answer = click(url_of(session), fragment=fragment)

    assert answer.status_code == 400
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_given_no_script_when_the_fragment_is_pasted_then_it_is_paid(client: stripe.StripeClient) -> None:
    session = twin_world.session(client)
    page, _, issued = url_of(session).partition("#")

    # Without a script the hidden field stays empty, and the pasted one follows it.
    answer = httpx.post(page, data={"fragment": ["", issued], "action": "pay"})

    assert answer.status_code == 303


def test_given_a_declined_card_when_tried_again_then_the_same_intent_is_paid(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    session = twin_world.session(client)

    declined = click(url_of(session), "decline")
    failed = client.v1.checkout.sessions.retrieve(session.id)
    click(url_of(session))

    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert declined.status_code == 402
    assert "declined" in declined.text
    assert (failed.status, failed.url) == ("open", session.url)
    assert (paid.payment_status, paid.payment_intent) == ("paid", failed.payment_intent)


def test_given_no_success_url_when_paid_then_the_page_says_so(client: stripe.StripeClient) -> None:
    session = twin_world.session(client, success_url="")

    answer = click(url_of(session))

    assert (answer.status_code, "$5.00 paid" in answer.text) == (200, True)


def test_line_items_come_when_expanded(client: stripe.StripeClient) -> None:
    session = twin_world.session(client)

    shown = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]}).to_dict(
        for_json=True
    )

    assert [item["amount_total"] for item in shown["line_items"]["data"]] == [500]
    assert "line_items" not in client.v1.checkout.sessions.retrieve(session.id)


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(1_799, False), (1_802, True), (86_400, True), (86_403, False)]
)
def test_a_session_lives_thirty_minutes_to_a_day(
    twin: LocalTwin, client: stripe.StripeClient, seconds: int, accepted: bool
) -> None:
    expires_at = twin.control.now() + seconds

    if accepted:
        assert twin_world.session(client, expires_at=expires_at).expires_at == expires_at
    else:
        assert refusal(client, expires_at=expires_at).param == "expires_at"


def test_the_old_spelling_is_refused_on_endive(client: stripe.StripeClient) -> None:
    changes: Document = {"payment_method_types": ["card"], "allowed_payment_method_types": ""}

    assert refusal(client, **changes).code == "payment_method_types_no_longer_supported"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"colour": "red"}, "parameter_unknown"),
        ({"line_items": ""}, "parameter_missing"),
        ({"success_url": "javascript:alert(1)"}, "url_invalid"),
        ({"client_reference_id": "x" * 201}, None),
    ],
)
def test_what_stripe_or_the_twin_does_not_know_is_refused(
    client: stripe.StripeClient, changes: Document, code: str | None
) -> None:
    assert refusal(client, **changes).code == code


def test_less_than_fifty_cents_cannot_be_paid_by_card(client: stripe.StripeClient) -> None:
    price = {"currency": "usd", "unit_amount": 49, "product_data": {"name": "49 credits"}}

    refused = refusal(client, line_items=[{"quantity": 1, "price_data": price}])

    assert refused.code == "amount_too_small"


def test_given_an_expired_session_then_it_has_no_url_and_cannot_be_paid(client: stripe.StripeClient) -> None:
    session = twin_world.session(client)

    expired = client.v1.checkout.sessions.expire(session.id)
    answer = click(url_of(session))

    assert (expired.status, expired.url) == ("expired", None)
    assert "expired" in answer.text
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"


def test_given_a_paid_session_when_expired_then_it_is_refused(
    twin: LocalTwin, client: stripe.StripeClient
) -> None:
    session = twin_world.session(client)
    twin.control.pay(session.id)

    with pytest.raises(stripe.InvalidRequestError, match="not in an expirable state"):
        client.v1.checkout.sessions.expire(session.id)


def test_given_its_time_is_over_then_a_session_expires_by_itself() -> None:
    with twin_world.running(twin_world.config()) as twin:
        client = twin_world.sdk(twin.url)
        session = twin_world.session(client)

        twin.control.advance_clock(seconds=86_400)

        listed = client.v1.checkout.sessions.list({"status": "expired"})
        assert [expired.id for expired in listed.data] == [session.id]


def test_the_intent_of_a_session_cannot_be_canceled(twin: LocalTwin, client: stripe.StripeClient) -> None:
    session = twin_world.session(client)
    intent = twin.control.decline(session.id).payment_intent
    assert intent is not None

    with pytest.raises(stripe.InvalidRequestError, match="Checkout"):
        client.v1.payment_intents.cancel(intent)
