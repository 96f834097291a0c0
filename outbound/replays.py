"""The delivery log, and telling again: one event, or all since a time, under the ids they had before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session, col, select, text

from outbound import endpoints, payloads, schedule, telling
from outbound.errors import EndpointDisabled, NoSuchEvent
from outbound.models import Attempt, Delivery, Event
from rails import ids

# What is under way is left alone: it may be answered any moment. Only its lease tells that it is, so what
# would be tried within that time anyway is left alone too.
_AGAIN: Final = """
    INSERT INTO webhook_delivery (endpoint_id, event_id, state, try_at, created_at)
    SELECT :endpoint, event.event_id, 'pending', :now, :now
    FROM webhook_event AS event
    WHERE {which}
    ON CONFLICT (endpoint_id, event_id) DO UPDATE
    SET state = 'pending', tries = 0, try_at = CASE
        WHEN webhook_delivery.try_at <= :leased_until THEN webhook_delivery.try_at
        ELSE excluded.try_at
    END
    RETURNING event_id
"""
NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""An end that nothing is later than."""
_ONE: Final = text(_AGAIN.format(which="event.event_id = :event"))
_SINCE: Final = text(
    _AGAIN.format(
        which="event.occurred_at >= :since AND event.occurred_at < :until AND event.type = ANY"
        " (SELECT unnest(event_types) FROM webhook_endpoint WHERE endpoint_id = :endpoint)"
    )
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One delivery, and its newest try."""

    delivery: Delivery
    event: Event
    latest: Attempt | None


def replay_one(session: Session, *, event_id: str, endpoint_id: str, now: datetime) -> None:
    """Have one event told again to one endpoint, whether or not it ever asked for that type.

    raises: NoSuchEndpoint, NoSuchEvent
    """
    endpoints.get(session, endpoint_id)
    told = session.connection().execute(_ONE, {**_when(now), "endpoint": endpoint_id, "event": event_id})
    if told.one_or_none() is None:
        raise NoSuchEvent("no event has this id")


def replay_since(
    session: Session, *, since: datetime, endpoint_id: str, now: datetime, until: datetime | None = None
) -> int:
    """Have everything since a time told again to one endpoint, delivered or not; how many events that are.

    What happened at `until` or later is left out.

    raises: NoSuchEndpoint
    """
    endpoints.get(session, endpoint_id)
    when = {**_when(now), "since": since, "until": until or NEVER}
    told = session.connection().execute(_SINCE, {**when, "endpoint": endpoint_id})
    return len(told.all())


def _when(now: datetime) -> dict[str, datetime]:
    return {"now": now, "leased_until": now + schedule.LEASE}


def send_test(session: Session, endpoint_id: str, *, now: datetime) -> str:
    """Have an endpoint told something that means nothing; the id of that event.

    raises: NoSuchEndpoint, EndpointDisabled
    """
    if endpoints.get(session, endpoint_id).disabled_at is not None:
        raise EndpointDisabled("the endpoint is disabled: enable it first")
    ping = payloads.PingEvent(timestamp=now, data=payloads.Ping(endpoint_id=endpoint_id))
    [event_id] = telling.record(session, [(ids.new("test"), ping)], now=now)
    replay_one(session, event_id=event_id, endpoint_id=endpoint_id, now=now)
    return event_id


def deliveries(
    session: Session, *, endpoint_id: str | None, state: str | None, limit: int
) -> Sequence[Logged]:
    """The newest deliveries of an endpoint, or of all, in one state or in any.

    raises: NoSuchEndpoint
    """
    if endpoint_id is not None:
        endpoints.get(session, endpoint_id)
    wanted = select(Delivery, Event).join(Event, col(Event.event_id) == col(Delivery.event_id))
    if endpoint_id is not None:
        wanted = wanted.where(col(Delivery.endpoint_id) == endpoint_id)
    if state is not None:
        wanted = wanted.where(col(Delivery.state) == state)
    newest = wanted.order_by(col(Event.occurred_at).desc(), col(Event.event_id)).limit(limit)
    return [Logged(delivery, event, _latest(session, delivery)) for delivery, event in session.exec(newest)]


def attempts(session: Session, *, event_id: str) -> Sequence[Attempt]:
    """Every try to tell one event, to whomever, in their order."""
    return session.exec(
        select(Attempt).where(Attempt.event_id == event_id).order_by(col(Attempt.attempt_id))
    ).all()


def _latest(session: Session, delivery: Delivery) -> Attempt | None:
    return session.exec(
        select(Attempt)
        .where(Attempt.endpoint_id == delivery.endpoint_id, Attempt.event_id == delivery.event_id)
        .order_by(col(Attempt.attempt_id).desc())
        .limit(1)
    ).one_or_none()
