"""Verifying what arrives as a Stripe webhook: who signed it, when, and which objects it mentions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeGuard

import stripe

from rails.notice import Incoming
from rails.stripe.settings import StripeSettings

SOURCE = "stripe"
OTHER_MODE: Final = "of the other mode (live or test)"
OTHER_TYPE: Final = "of a type nobody acts on"

# Everything that can change what a rail answers, what was taken back, or what Stripe holds for us. Others are
# kept, and nobody acts on them. The thin event of a change has the same type behind `v1.`.
ACTED_ON: Final = frozenset(
    {
        "payment_intent.requires_action",
        "payment_intent.processing",
        "payment_intent.partially_funded",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "radar.early_fraud_warning.created",
        "radar.early_fraud_warning.updated",
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.failed",
        "payout.canceled",
        "payout.reconciliation_completed",
    }
)
_THIN: Final = "v2.core.event"
_THIN_PREFIX: Final = "v1."


# With one of these anybody can confirm the payment it belongs to. Whoever reads notices needs none.
_CLIENT_SECRET: Final = re.compile(rb"_secret_[A-Za-z0-9]+")


class BadSignature(Exception):
    """The body was not signed by Stripe for us, or not now."""

    code = "BAD_SIGNATURE"


class BadNotice(Exception):
    """The body was signed, and is not a Stripe event."""

    code = "BAD_NOTICE"


@dataclass(frozen=True, slots=True)
class _Envelope:
    event_id: str
    kind: str
    livemode: bool
    mentioned: tuple[str, ...]


def verify(body: bytes, signature: str | None, *, settings: StripeSettings, now: datetime) -> Incoming:
    """The notice in a signed body, which is kept as it came but for client secrets.

    The age is checked in both directions: the SDK lets a timestamp from the future pass.

    raises: BadSignature, BadNotice.
    """
    _check_signature(body, signature or "", settings=settings, now=now)
    return _incoming(_read(body), body, settings=settings)


def found(event: Mapping[str, Any], *, settings: StripeSettings) -> Incoming:
    """The notice in an event of Stripe's own list, which needs no signature: we asked Stripe for it.

    raises: BadNotice.
    """
    body = json.dumps(event).encode()
    return replace(_incoming(_envelope(event), body, settings=settings), delivered=False)


def ids_in(about: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids that an object of Stripe's mentions and that may lead to an attempt."""
    own = about.get("metadata")
    named = (
        about.get("id"),
        about.get("payment_intent"),
        about.get("charge"),
        about.get("client_reference_id"),
        own.get("payment_attempt_id") if isinstance(own, Mapping) else None,
    )
    return tuple(dict.fromkeys(name for name in named if _is_name(name)))


def _incoming(envelope: _Envelope, body: bytes, *, settings: StripeSettings) -> Incoming:
    ignore = None
    if envelope.livemode != settings.live:
        ignore = OTHER_MODE
    elif envelope.kind not in ACTED_ON:
        ignore = OTHER_TYPE
    kept = _CLIENT_SECRET.sub(b"_secret_redacted", body)
    return Incoming(SOURCE, envelope.event_id, envelope.kind, envelope.mentioned, kept, ignore)


def _check_signature(body: bytes, header: str, *, settings: StripeSettings, now: datetime) -> None:
    # The SDK compares text, and fails on letters that no signature has.
    if not header.isascii():
        raise BadSignature("the signature header is not ASCII")
    signed_at = _timestamp(header)
    if abs(now.timestamp() - signed_at) > settings.webhook_age_seconds:
        raise BadSignature("signed too long ago or in the future")
    if not any(_signed(body, header, secret.get_secret_value()) for secret in settings.webhook_secrets):
        raise BadSignature("no active secret made this signature")


def _signed(body: bytes, header: str, secret: str) -> bool:
    try:
        # The age was checked against our own `now`.
        return bool(stripe.WebhookSignature.verify_header(body.decode(), header, secret, tolerance=None))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False


def _timestamp(header: str) -> int:
    stamps = [part[2:] for part in header.split(",") if part.startswith("t=")]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or len(stamps[0]) > 12:
        raise BadSignature("no timestamp in the signature header")
    return int(stamps[0])


def _read(body: bytes) -> _Envelope:
    try:
        return _envelope(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise BadNotice("not a Stripe event") from error


def _envelope(event: Mapping[str, Any]) -> _Envelope:
    try:
        kind, mentioned = _thin(event) if event["object"] == _THIN else _snapshot(event)
        envelope = _Envelope(event["id"], kind, event["livemode"], mentioned)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadNotice("not a Stripe event") from error
    if not (_is_name(envelope.event_id) and _is_name(envelope.kind) and isinstance(envelope.livemode, bool)):
        raise BadNotice("not a Stripe event")
    return envelope


def _snapshot(event: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if event["object"] != "event":
        raise BadNotice("not a Stripe event")
    return event["type"], ids_in(event["data"]["object"])


def _thin(event: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The type of the change and whom it is about. An event about nothing in particular has no object."""
    about = event.get("related_object")
    return event["type"].removeprefix(_THIN_PREFIX), ids_in(about) if about is not None else ()


def _is_name(value: object) -> TypeGuard[str]:
    # PostgreSQL keeps no NUL in a text, and half a surrogate pair is no text at all.
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()
