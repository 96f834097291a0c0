"""What an operator has told again: one event, or all of a time that an endpoint wants."""

from datetime import datetime
from typing import Final

from sqlmodel import Session, text

from office import audit, errors, reasons
from office.actor import Actor
from office.delivery_queue import KIND
from outbound import endpoints, replays
from outbound.models import Delivery, Event
from outbound.replays import NEVER

MOST_AT_ONCE: Final = 10_000
_IN_RANGE: Final = text(
    """
    SELECT count(*)
    FROM (
        SELECT
        FROM webhook_event
        WHERE occurred_at >= :since
            AND occurred_at < :until
        LIMIT :most
    ) AS few
    """
)


def replay(
    session: Session, event_id: str, *, endpoint_id: str, reason: str, by: Actor, now: datetime
) -> None:
    """Have one event told again to one endpoint, under the id it had before.

    raises: NoDelivery, NoSuchEndpoint, SayWhy
    """
    words = reasons.said(reason)
    if session.get(Event, event_id) is None:
        raise errors.NoDelivery("no event has this id")
    endpoints.get(session, endpoint_id)
    before = session.get(Delivery, (endpoint_id, event_id))
    was = before.state if before is not None else None
    replays.replay_one(session, event_id=event_id, endpoint_id=endpoint_id, now=now)
    audit.write(
        session,
        by,
        "delivery.replay",
        about=(KIND, event_id),
        reason=words,
        before={"endpoint_id": endpoint_id, "state": was},
        after={"endpoint_id": endpoint_id, "state": "pending"},
        now=now,
    )


def replay_range(
    session: Session,
    *,
    endpoint_id: str,
    since: datetime,
    until: datetime | None,
    reason: str,
    by: Actor,
    now: datetime,
) -> int:
    """Have all that happened from `since` until before `until` told again to one endpoint; how many that are.

    Without an end it is all that happened since.

    raises: TooMany, NoSuchEndpoint, SayWhy
    """
    words = reasons.said(reason)
    limits = {"since": since, "until": until or NEVER, "most": MOST_AT_ONCE + 1}
    if session.connection().execute(_IN_RANGE, limits).scalar_one() > MOST_AT_ONCE:
        raise errors.TooMany(f"more than {MOST_AT_ONCE:,} events happened in that time: choose a shorter one")
    told = replays.replay_since(session, since=since, until=until, endpoint_id=endpoint_id, now=now)
    audit.write(
        session,
        by,
        "delivery.replay_range",
        about=("endpoint", endpoint_id),
        reason=words,
        after={"since": since.isoformat(), "until": until.isoformat() if until else None, "events": told},
        now=now,
    )
    return told
