"""What anybody on the internet may send to the webhook door: no 5xx, no grant."""

import json
import time
from typing import Any

import httpx
import psycopg
import pytest
import stripe

from sandbox.agent import Agent
from sandbox.house import House
from tests.flows.buying import CHECKOUT, X402, buy
from tests.waiting import eventually

Book = psycopg.Connection[Any]


def event(about: str, *, event_id: str, kind: str = "checkout.session.completed") -> bytes:
    return json.dumps(
        {
            "id": event_id,
            "object": "event",
            "type": kind,
            "livemode": False,
            "data": {"object": {"id": about, "payment_status": "paid", "status": "complete"}},
        }
    ).encode()


def send(home: House, body: bytes, *, secret: str | None = None, seconds: int = 0) -> httpx.Response:
    key = secret or home.environment["STRIPE_WEBHOOK_SECRETS"]
    text = body.decode("utf-8", "replace")
    header = stripe.WebhookSignature.generate_signature_header(text, key, int(time.time()) + seconds)
    return httpx.post(
        f"{home.addresses.api_url}/webhooks/stripe",
        content=body,
        headers={"stripe-signature": header},
        trust_env=False,
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"secret": "whsec_of_somebody_else_entirely"}, 400),
        ({"seconds": -400}, 400),
        ({"seconds": 400}, 400),
    ],
)
def test_what_is_not_signed_for_us_now_is_refused_and_not_kept(
    home: House, agent: Agent, book: Book, changes: dict[str, Any], status: int
) -> None:
    attempt = buy(agent, CHECKOUT)
    body = event(attempt["checkout_session_id"], event_id=f"evt_refused_{time.time_ns()}")

    answer = send(home, body, **changes)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "WEBHOOK_REFUSED")
    assert _notice(book, body) is None
    assert agent.paid_credits() == 0


def test_bodies_that_are_no_event_are_refused(home: House) -> None:
    not_utf_8, oversized = b'{"id": "\xff"}', b" " * 1_100_000
    bodies = [not_utf_8, b"", b"[]", b"null", b"{" * 50_000]

    answers = [send(home, body).status_code for body in bodies]

    assert answers == [400] * len(bodies)
    assert send(home, oversized).status_code == 413


def test_an_unknown_type_and_an_object_of_somebody_else_are_kept_and_ignored(home: House, book: Book) -> None:
    unknown = event("cs_test_1", event_id=f"evt_unknown_{time.time_ns()}", kind="customer.hopped")
    foreign = event("pi_of_another_account", event_id=f"evt_foreign_{time.time_ns()}")

    answers = [send(home, body).status_code for body in (unknown, foreign)]

    assert answers == [200, 200]
    eventually(lambda: _notice(book, unknown) == ("ignored",) and _notice(book, foreign) == ("ignored",))


@pytest.mark.parametrize("rail", [CHECKOUT, X402])
def test_a_signed_claim_that_an_unpaid_attempt_was_paid_grants_nothing(
    home: House, agent: Agent, book: Book, rail: tuple[str, str]
) -> None:
    attempt = buy(agent, rail)
    found = book.execute(
        "SELECT reference FROM payment_attempt WHERE payment_attempt_id = %s",
        (attempt["payment_attempt_id"],),
    ).fetchone()
    assert found is not None
    body = event(str(found[0]), event_id=f"evt_claim_{time.time_ns()}")

    answer = send(home, body)

    assert answer.status_code == 200
    eventually(lambda: _notice(book, body) == ("handled",))
    assert agent.status(attempt["payment_attempt_id"])["state"] == "action_required"
    assert agent.paid_credits() == 0


def _notice(book: Any, body: bytes) -> Any:
    return book.execute(
        "SELECT state FROM notice WHERE external_id = %s", (json.loads(body)["id"],)
    ).fetchone()
