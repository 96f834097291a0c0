"""Telling: what happened becomes events, and every event a delivery for each endpoint that wants it.

The book is read in the order of its seals. The cursor moves in the transaction that writes events: whoever
dies has told all of a seal or nothing of it, and (type, subject) is unique beside that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, text

from ledger.database import Sessions
from outbound import from_book, from_reviews, payloads
from outbound.models import Event
from rails import ids

MOST: Final = 500
"""Payments that need a decision, in one transaction."""

# Whoever is second finds nothing to do: the first one does it.
_CURSOR: Final = text("SELECT seal FROM webhook_cursor FOR UPDATE SKIP LOCKED")
_NEXT_SEAL: Final = text("SELECT min(number) FROM seal WHERE number > :seal")
_MOVE: Final = text("UPDATE webhook_cursor SET seal = :seal")
_ADDRESS: Final = text(
    """
    INSERT INTO webhook_delivery (endpoint_id, event_id, state, try_at, created_at)
    SELECT endpoint.endpoint_id, event.event_id, 'pending', :now, :now
    FROM webhook_event AS event
    JOIN webhook_endpoint AS endpoint
        ON endpoint.state = 'enabled'
        AND event.type = ANY (endpoint.event_types)
        AND event.occurred_at >= endpoint.created_at
    WHERE event.event_id = ANY (:events)
    ON CONFLICT DO NOTHING
    """
)


def tell_all(sessions: Sessions, *, now: datetime) -> int:
    """Tell until nothing is left; how many events that were. Repeating it tells nothing twice."""
    told = 0
    while True:
        with sessions() as session:
            seals, events = tell_next(session, now=now)
        told += events
        if not seals and events < MOST:
            return told


def tell_next(session: Session, *, now: datetime) -> tuple[int, int]:
    """Tell of one more seal, and of payments that need a decision: how many seals and events that were."""
    connection = session.connection()
    at = connection.execute(_CURSOR).scalar_one_or_none()
    if at is None:
        return 0, 0
    seal = connection.execute(_NEXT_SEAL, {"seal": at}).scalar_one()
    told = from_reviews.untold(session, most=MOST)
    if seal is not None:
        told += from_book.in_seal(session, seal=seal)
        connection.execute(_MOVE, {"seal": seal})
    events = record(session, told, now=now)
    connection.execute(_ADDRESS, {"events": events, "now": now})
    return int(seal is not None), len(events)


def record(session: Session, told: Sequence[tuple[str, payloads.Payload]], *, now: datetime) -> list[str]:
    """Write events down; the ids of those that nobody had told before."""
    if not told:
        return []
    rows = [
        {
            "event_id": ids.new("msg"),
            "type": payload.type,
            "subject": subject,
            "agent_id": getattr(payload.data, "agent_id", None),
            "body": payloads.written(payload),
            "occurred_at": payload.timestamp,
            "created_at": now,
        }
        for subject, payload in told
    ]
    kept = insert(Event).values(rows).on_conflict_do_nothing(constraint="webhook_event_told_once")
    return list(session.scalars(kept.returning(col(Event.event_id))))
