"""What a Stripe webhook has to be before anybody acts on it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from pydantic import ValidationError

from rails.notice import Incoming
from rails.stripe import webhooks
from rails.stripe.settings import StripeSettings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CURRENT = "whsec_current_current_current"
PREVIOUS = "whsec_previous_previous_previous"
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"


def settings(**changes: Any) -> StripeSettings:
    return StripeSettings(**{"secret_key": KEY, "webhook_secrets": f"{CURRENT},{PREVIOUS}"} | changes)


def event(**changes: Any) -> bytes:
    return json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "payment_intent.succeeded",
            "livemode": False,
            "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
        }
        | changes
    ).encode()


def signed(body: bytes, *, secret: str = CURRENT, at: datetime = NOON) -> str:
    text = body.decode("utf-8", "replace")
    return str(stripe.WebhookSignature.generate_signature_header(text, secret, int(at.timestamp())))


def verify(body: bytes, signature: str | None) -> Incoming:
    return webhooks.verify(body, signature, settings=settings(), now=NOON)


@pytest.mark.parametrize("secret", [CURRENT, PREVIOUS])
def test_every_active_secret_is_accepted(secret: str) -> None:
    body = event()

    incoming = verify(body, signed(body, secret=secret))

    assert (incoming.external_id, incoming.refs, incoming.ignore) == ("evt_1", ("pi_1",), None)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_from_the_past_or_the_future_is_refused(minutes: int) -> None:
    body = event()

    with pytest.raises(webhooks.BadSignature):
        verify(body, signed(body, at=NOON + timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_off_is_accepted(minutes: int) -> None:
    body = event()

    incoming = verify(body, signed(body, at=NOON + timedelta(minutes=minutes)))

    assert incoming.external_id == "evt_1"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=00",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=99999999999999999999,v1=00",
        "t=\u0661,v1=00",
        f"t={int(NOON.timestamp())}",
        f"t={int(NOON.timestamp())},v0=00",
    ],
)
def test_a_header_without_one_time_and_a_known_signature_is_refused(header: str | None) -> None:
    with pytest.raises(webhooks.BadSignature):
        verify(event(), header)


def test_a_wrong_secret_or_a_changed_body_is_refused() -> None:
    body = event()

    with pytest.raises(webhooks.BadSignature):
        verify(body, signed(body, secret="whsec_of_somebody_else_entirely"))
    with pytest.raises(webhooks.BadSignature):
        verify(body + b" ", signed(body))


def test_a_body_that_is_not_utf_8_is_refused() -> None:
    body = b'{"id": "\xff\xfe"}'

    with pytest.raises(webhooks.BadSignature):
        verify(body, signed(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{" * 100_000,
        b'{"id": "evt_1"}',
        event(data=None),
        event(data={"object": []}),
        event(id=7),
        event(type=None),
        event(id="evt_\x00"),
        event(id="e" * 300),
        event(livemode="perhaps"),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(webhooks.BadNotice):
        verify(body, signed(body))


def test_an_event_of_the_other_mode_or_of_an_unknown_type_is_kept_and_ignored() -> None:
    live, odd = event(livemode=True), event(type="customer.tax_id.hopped")

    assert verify(live, signed(live)).ignore == "of the other mode (live or test)"
    assert verify(odd, signed(odd)).ignore == "of a type nobody acts on"


@pytest.mark.parametrize("secrets", ["", " ", f"{CURRENT},", "whsec_"])
def test_without_a_webhook_secret_nothing_starts(secrets: str) -> None:
    with pytest.raises(ValidationError):
        settings(webhook_secrets=secrets)
