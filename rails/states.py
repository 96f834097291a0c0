"""The state machine of a payment attempt, in one place, and when to look at each state again."""

from datetime import datetime, timedelta

from rails.models import PaymentAttempt

OPEN = frozenset({"requires_action", "processing"})
GIVEN_UP = frozenset({"failed", "canceled", "expired"})

# A chain does not know that we gave up: money may still arrive in every state that we closed ourselves.
_STILL_PAYABLE = frozenset({"processing", "needs_review", "succeeded"})
_MOVES: dict[str, frozenset[str]] = {
    "opening": frozenset({"requires_action", "failed", "expired"}),
    "requires_action": _STILL_PAYABLE | GIVEN_UP,
    "processing": _STILL_PAYABLE | GIVEN_UP | {"requires_action"},
    "needs_review": frozenset({"processing", "succeeded"}),
    "failed": _STILL_PAYABLE,
    "canceled": _STILL_PAYABLE,
    "expired": _STILL_PAYABLE,
    "succeeded": frozenset(),
}

_SHORTEST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=5)


def move(attempt: PaymentAttempt, to: str, *, reason: str | None = None) -> bool:
    """Move an attempt on if the machine allows it. Tells whether it moved."""
    if to not in _MOVES[attempt.state]:
        return False
    attempt.state = to
    attempt.reason = reason
    return True


def wait(attempt: PaymentAttempt, *, now: datetime) -> timedelta:
    """How long to leave an attempt alone: a tenth of its age, so that old ones cost little."""
    if attempt.state == "needs_review":
        return _LONGEST_WAIT
    return min(max((now - attempt.created_at) / 10, _SHORTEST_WAIT), _LONGEST_WAIT)
