"""Standard Webhooks: how a message is signed, and what a secret looks like."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def new_secret() -> str:
    """A secret of 256 random bits, in the form that the receiving libraries take."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def headers(with_secrets: Sequence[str], *, event_id: str, body: str, now: datetime) -> dict[str, str]:
    """The three headers of a message. Several secrets sign it several times, so that one can be replaced.

    source: https://www.standardwebhooks.com, signature scheme v1.
    """
    # The library takes any time for UTC, whatever zone it is in.
    at = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(msg_id=event_id, timestamp=at, data=body) for secret in with_secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
