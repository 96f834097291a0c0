"""What clients of the contract say when the service has not answered. No service sends these codes."""

from dataclasses import dataclass
from typing import Final, TypeGuard

from app.client_cli.outcomes import Envelope, Fields

# source: the agents' HTTP contract, section 3.2
RETRY_AFTER_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One such failure, without its words."""

    code: str
    retryable: bool
    recovery: Fields


NOT_REACHED: Final = Unanswered(
    "HOSTED_API_REQUEST_FAILED", retryable=True, recovery={"retry_after_seconds": RETRY_AFTER_SECONDS}
)


def no_envelope(http_status: int) -> Unanswered:
    """The failure for an answer that no service gave: something in between did."""
    retryable = http_status >= 500
    again = {"retry_after_seconds": RETRY_AFTER_SECONDS} if retryable else {}
    return Unanswered("HOSTED_API_NON_JSON_RESPONSE", retryable, {**again, "http_status": http_status})


def is_envelope(found: object) -> TypeGuard[Envelope]:
    """Whether JSON is a reply of a service."""
    return isinstance(found, dict) and "ok" in found
