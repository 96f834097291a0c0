"""When a payment that somebody calls stolen keeps its agent from spending, and when that is over.

By setting. What is open is frozen once; a person may lift it before, and then it stays lifted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from sqlmodel import Session

from ledger import freezes
from rails.models import PaymentAttempt
from rails.rail import Reversed
from rails.settings import story


def follow(session: Session, attempt: PaymentAttempt, said: Sequence[Reversed], *, now: datetime) -> None:
    """Freeze the agent of a payment for what is suspicious, and lift what is so no more."""
    by = f"rail:{attempt.rail_id}"
    for each in said:
        if each.cause == "refund":
            continue
        known = freezes.of_reference(session, reference=_name(each))
        if each.suspicious and known is None and _freezes(each):
            freezes.freeze(
                session,
                agent_id=attempt.agent_id,
                reference=_name(each),
                reason=f"{each.cause.replace('_', ' ')} on {attempt.payment_attempt_id}",
                frozen_by=by,
                now=now,
            )
        elif not each.suspicious and known is not None and known.thaw is None:
            reason = "its processor says that it is over"
            freezes.lift(session, freeze_id=known.freeze.freeze_id, reason=reason, thawed_by=by, now=now)


def _freezes(said: Reversed) -> bool:
    match said.cause:
        case "fraud_warning":
            return story().fraud_warning == "freeze"
        case "dispute":
            return story().dispute == "freeze"
        case "refund":
            return False
        case _:
            assert_never(said.cause)


def _name(said: Reversed) -> str:
    return f"{said.cause}:{said.reference}"
