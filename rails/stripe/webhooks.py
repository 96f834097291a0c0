"""Verifying what arrives as a Stripe webhook: who signed it, when, and which objects it mentions."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeGuard

import stripe

from rails.notice import Incoming
from rails.stripe.settings import StripeSettings

SOURCE = "stripe"

# Everything that can change the answer of a rail's look-up. Others are kept, and nobody acts on them.
ACTED_ON = frozenset(
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
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refunded",
        "radar.early_fraud_warning.created",
        "radar.early_fraud_warning.updated",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)


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
    envelope = _read(body)
    ignore = None
    if envelope.livemode != settings.live:
        ignore = "of the other mode (live or test)"
    elif envelope.kind not in ACTED_ON:
        ignore = "of a type nobody acts on"
    kept = _CLIENT_SECRET.sub(b"_secret_redacted", body)
    return Incoming(SOURCE, envelope.event_id, envelope.kind, envelope.mentioned, kept, ignore)


def _check_signature(body: bytes, header: str, *, settings: StripeSettings, now: datetime) -> None:
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
        event = json.loads(body)
        about: dict[str, Any] = event["data"]["object"]
        envelope = _Envelope(event["id"], event["type"], event["livemode"], _mentioned(about))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadNotice("not a Stripe event") from error
    if not (_is_name(envelope.event_id) and _is_name(envelope.kind) and isinstance(envelope.livemode, bool)):
        raise BadNotice("not a Stripe event")
    return envelope


def _is_name(value: object) -> TypeGuard[str]:
    # PostgreSQL keeps no NUL in a text, and half a surrogate pair is no text at all.
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _mentioned(about: dict[str, Any]) -> tuple[str, ...]:
    named = (about.get("id"), about.get("payment_intent"))
    return tuple(name for name in named if _is_name(name))
