"""What a payer was promised about money that is not as it was asked for, kept with the attempt."""

from collections.abc import Mapping

from sqlmodel import Session

from rails import kinds, policy_values
from rails.models import PaymentAttempt
from rails.settings import policy


def of_today(session: Session) -> Mapping[str, str]:
    """The policy that the house publishes now: `review` or `credit` for each kind."""
    settings = policy()
    published = {
        "underpaid": settings.underpaid,
        "overpaid": settings.overpaid,
        "topped_up": settings.topped_up,
        "late": settings.late,
    }
    changed = policy_values.changed(session)
    return {kind: changed.get(kind, outcome) for kind, outcome in published.items()}


def of(attempt: PaymentAttempt) -> Mapping[str, str]:
    """The policy of an attempt, fixed when it was opened."""
    return {kind: (attempt.policy or {}).get(kind, "review") for kind in kinds.BY_POLICY}


def credits(attempt: PaymentAttempt, *, kind: str, late: bool) -> bool:
    """Whether the attempt's policy credits this difference. What came late must be allowed as well."""
    told = of(attempt)
    return told.get(kind) == "credit" and (not late or told["late"] == "credit")
