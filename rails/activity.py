"""What an agent may read of its own history, in exactly the event types of the contract, each told once.

Money that came or went is told when it is booked. Use is not: it is read from the book when somebody asks, so
that a capture costs nothing more (docs/decisions/0013).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from sqlalchemy import cast, func, or_
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlmodel import Session, col, select

from ledger import usage
from ledger.usage import Use
from rails import ids, instructions, status
from rails.models import Activity, PaymentAttempt, Receipt

EventType = Literal[
    "usage.credit_consumed",
    "payment.checkout_session.created",
    "credits.payment_backed_granted",
    "credits.payment_backed_refunded",
    "credits.payment_backed_disputed",
    "credits.payment_backed_reinstated",
    "credits.payment_backed_reversal_pending",
    "credits.payment_backed_reversal_rejected",
]
TYPES: Final[frozenset[EventType]] = frozenset(get_args(EventType))

_USAGE: Final = "usage"
_ID_OF_USE: Final = re.compile(r"(?:evt_use|usage)_([1-9]\d{0,17})")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an agent's history. `credits` is what it cost, negative for what came back."""

    event_id: str
    type: str
    occurred_at: datetime
    summary: str
    operation: str
    subject_type: str
    subject_id: str
    status: str
    links: Mapping[str, object]
    credits: int | None = None


def newest(session: Session, *, agent_id: str, limit: int, subject: str | None) -> Sequence[Event]:
    """The newest events, of one subject type if given."""
    rows = status.activity(session, agent_id=agent_id, limit=limit, subject=subject)
    uses = usage.newest(session, agent_id=agent_id, most=limit) if subject in (None, _USAGE) else ()
    return _sorted(rows, uses)[:limit]


def about(session: Session, *, agent_id: str, reference: str, limit: int) -> Sequence[Event]:
    """The events that an id belongs to: an event's own, its subject's, or any that it links to."""
    # What the agent sent is a variable of the path, never part of it.
    linked = func.jsonb_path_exists(
        col(Activity.links), cast("$.* ? (@ == $wanted)", JSONPATH), cast({"wanted": reference}, JSONB)
    )
    rows = session.exec(
        select(Activity)
        .where(
            Activity.agent_id == agent_id,
            or_(col(Activity.event_id) == reference, col(Activity.subject_id) == reference, linked),
        )
        .order_by(col(Activity.occurred_at).desc(), col(Activity.event_id))
        .limit(limit)
    ).all()
    return _sorted(rows, _uses_about(session, agent_id, reference, limit))[:limit]


def _uses_about(session: Session, agent_id: str, reference: str, limit: int) -> Sequence[Use]:
    named = _ID_OF_USE.fullmatch(reference)
    if named is None:
        return usage.newest(session, agent_id=agent_id, most=limit, job=reference)
    found = usage.one(session, agent_id=agent_id, transaction_id=int(named[1]))
    return [found] if found is not None else []


def _sorted(rows: Sequence[Activity], uses: Sequence[Use]) -> list[Event]:
    events = [*map(_kept, rows), *map(_used, uses)]
    # Ids of uses are counted, so that of two at one moment the later one comes first.
    return sorted(events, key=lambda event: (event.occurred_at, len(event.event_id), event.event_id))[::-1]


def _kept(row: Activity) -> Event:
    return Event(
        event_id=row.event_id,
        type=row.type,
        occurred_at=row.occurred_at,
        summary=row.summary,
        operation=row.operation,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        status=row.status,
        links=row.links,
    )


def _used(use: Use) -> Event:
    usage_event_id, back = f"usage_{use.transaction_id}", use.credits.units < 0
    job = f" for the job {use.job}" if use.job is not None else ""
    return Event(
        event_id=f"evt_use_{use.transaction_id}",
        type="usage.credit_consumed",
        occurred_at=use.at,
        summary=f"{abs(use.credits.units)} credits {'came back' if back else 'were used'}{job}",
        operation=_USAGE,
        subject_type=_USAGE,
        subject_id=usage_event_id,
        status="returned" if back else "succeeded",
        links={"job_id": use.job, "usage_event_id": usage_event_id},
        credits=use.credits.units,
    )


def checkout_session_created(session: Session, attempt: PaymentAttempt, *, now: datetime) -> None:
    """Tell that a payment page exists and waits for a person."""
    session_id = instructions.checkout_session_id(attempt)
    session.add(
        Activity(
            event_id=ids.new("evt"),
            agent_id=attempt.agent_id,
            type="payment.checkout_session.created",
            operation="payment",
            subject_type="payment",
            subject_id=attempt.payment_attempt_id,
            status="action_required",
            summary="a Checkout session was created and waits for a person"
            if session_id is not None
            else "a payment page was opened and waits for a person",
            links={
                "quote_id": attempt.quote_id,
                "payment_attempt_id": attempt.payment_attempt_id,
                **({"checkout_session_id": session_id} if session_id is not None else {}),
            },
            occurred_at=now,
        )
    )


def credits_granted(session: Session, receipt: Receipt) -> None:
    """Tell that a verified payment granted paid credits."""
    credits_changed(
        session,
        receipt,
        kind="credits.payment_backed_granted",
        subject_id=receipt.credit_event_id,
        summary=f"{receipt.credits} credits granted for a verified payment",
        links={"credit_event_id": receipt.credit_event_id},
        now=receipt.created_at,
    )


def credits_changed(
    session: Session,
    receipt: Receipt,
    *,
    kind: EventType,
    subject_id: str,
    summary: str,
    links: Mapping[str, str],
    now: datetime,
) -> None:
    """Tell what became of the credits of a purchase. `links` come beside those to its quote and receipt."""
    session.add(
        Activity(
            event_id=ids.new("evt"),
            agent_id=receipt.agent_id,
            type=kind,
            operation="credits",
            subject_type="credit",
            subject_id=subject_id,
            status="succeeded",
            summary=summary,
            links={
                "quote_id": receipt.quote_id,
                "payment_attempt_id": receipt.payment_attempt_id,
                "receipt_id": receipt.receipt_id,
                **links,
            },
            occurred_at=now,
        )
    )
