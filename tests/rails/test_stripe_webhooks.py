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
        event(object="customer"),
        event(object=None),
        event(object="v2.core.event", id=None),
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


def thin(**changes: Any) -> bytes:
    """A thin event as Stripe sends it: what happened, and to which object."""
    return json.dumps(
        {
            "id": "evt_thin_1",
            "object": "v2.core.event",
            "type": "v1.payment_intent.succeeded",
            "created": "2026-11-20T12:00:00.000Z",
            "livemode": False,
            "context": None,
            "related_object": {
                "id": "pi_1",
                "type": "payment_intent",
                "url": "/v1/payment_intents/pi_1",
            },
        }
        | changes
    ).encode()


def test_a_thin_event_is_the_same_knock_as_its_snapshot() -> None:
    small, full = thin(), event()

    incoming, snapshot = verify(small, signed(small)), verify(full, signed(full))

    assert (incoming.kind, incoming.refs, incoming.ignore) == (snapshot.kind, snapshot.refs, snapshot.ignore)
    assert incoming.external_id != snapshot.external_id


def test_a_forged_thin_event_is_refused_like_any_other() -> None:
    body = thin()

    with pytest.raises(webhooks.BadSignature):
        verify(body, signed(body, secret="whsec_of_somebody_else_entirely"))
    with pytest.raises(webhooks.BadSignature):
        verify(body, signed(body, at=NOON + timedelta(minutes=6)))


@pytest.mark.parametrize(
    ("changes", "ignore"),
    [
        ({"livemode": True}, "of the other mode (live or test)"),
        ({"type": "v1.customer.hopped"}, "of a type nobody acts on"),
        ({"type": "v2.core.account.updated"}, "of a type nobody acts on"),
        ({"related_object": None, "type": "v1.payout.paid"}, None),
    ],
)
def test_thin_events_are_sorted_like_snapshots(changes: dict[str, Any], ignore: str | None) -> None:
    body = thin(**changes)

    assert verify(body, signed(body)).ignore == ignore


@pytest.mark.parametrize("version", ["2017-08-15", "2026-10-28.endive", "2031-01-01.later", None, 7])
def test_the_version_an_event_is_written_in_does_not_matter(version: object) -> None:
    body = event(api_version=version)

    assert verify(body, signed(body)).refs == ("pi_1",)


@pytest.mark.parametrize(
    ("kind", "about", "refs"),
    [
        (
            "checkout.session.completed",
            {"id": "cs_1", "payment_intent": "pi_1", "client_reference_id": "payatt_1"},
            ("cs_1", "pi_1", "payatt_1"),
        ),
        ("payment_intent.succeeded", {"id": "pi_1", "metadata": {"payment_attempt_id": "payatt_1"}}, None),
        ("refund.failed", {"id": "re_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        ("charge.refunded", {"id": "ch_1", "payment_intent": "pi_1", "metadata": {}}, None),
        ("charge.dispute.created", {"id": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}, None),
        ("radar.early_fraud_warning.created", {"id": "issfr_1", "charge": "ch_1"}, None),
        ("payout.paid", {"id": "po_1", "metadata": {"payment_attempt_id": 7}}, ("po_1",)),
        ("refund.created", {"id": "re_1", "payment_intent": {"id": "expanded"}, "charge": "x" * 300}, None),
    ],
)
def test_what_an_event_mentions_is_kept_to_find_the_attempt_by(
    kind: str, about: dict[str, Any], refs: tuple[str, ...] | None
) -> None:
    body = event(type=kind, data={"object": about})

    incoming = verify(body, signed(body))

    plain = [value for value in about.values() if isinstance(value, str) and len(value) < 300]
    named = about.get("metadata", {}).get("payment_attempt_id")
    assert incoming.refs == (refs or tuple(plain + ([named] if named else [])))
    assert incoming.ignore is None


def test_two_signatures_of_which_one_is_ours_are_accepted() -> None:
    body = event()
    ours, other = signed(body), signed(body, secret="whsec_being_rolled_in_at_stripe")
    both = f"{other},{ours.partition(',')[2]}"

    assert verify(body, both).external_id == "evt_1"


def test_a_client_secret_is_not_kept() -> None:
    body = event(data={"object": {"id": "pi_1", "client_secret": "pi_1_secret_abcDEF123"}})

    assert b"abcDEF123" not in verify(body, signed(body)).body
