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
    "needs_review": _STILL_PAYABLE | GIVEN_UP | {"requires_action"},
    "failed": _STILL_PAYABLE,
    "canceled": _STILL_PAYABLE,
    "expired": _STILL_PAYABLE,
    "succeeded": frozenset(),
}

_SECONDS = (timedelta(seconds=5), timedelta(minutes=5))
# A chain is read some seconds after its blocks are made.
_READ = timedelta(seconds=15)
_HOURS = (timedelta(hours=1), timedelta(days=1))


def move(attempt: PaymentAttempt, to: str, *, reason: str | None = None) -> bool:
    """Move an attempt on if the machine allows it. Tells whether it moved."""
    if to not in _MOVES[attempt.state]:
        return False
    attempt.state = to
    attempt.reason = reason
    return True


def next_look(
    attempt: PaymentAttempt, *, watch: timedelta, late: timedelta, now: datetime
) -> datetime | None:
    """When to look at an attempt again, if nobody knocks before. None: not by ourselves.

    One that we gave up is looked at ever more rarely for as long as its address is watched: the webhook
    that tells of a late payment may be lost.
    """
    if attempt.state == "opening":
        return attempt.expires_at
    if attempt.state == "needs_review":
        return now + _SECONDS[1]
    if attempt.state in GIVEN_UP:
        if attempt.reference is None or now >= attempt.expires_at + watch:
            return None
        rarely = soon(attempt, now=now, bounds=_HOURS)
        # A deposit is over only when somebody has looked after the last moment that one may arrive.
        last = attempt.expires_at + late
        return min(rarely, last + _READ) if attempt.deposit_address is not None and now < last else rarely
    return soon(attempt, now=now) if attempt.state in OPEN else None


def soon(
    attempt: PaymentAttempt, *, now: datetime, bounds: tuple[timedelta, timedelta] = _SECONDS
) -> datetime:
    """A tenth of the attempt's age from now, so that old ones cost little."""
    shortest, longest = bounds
    return now + min(max((now - attempt.created_at) / 10, shortest), longest)
