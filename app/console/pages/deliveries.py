"""Outgoing webhooks: how the endpoints are, what each was told, and telling again."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query
from starlette.responses import Response

from app.console.errors import BadForm
from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import delivery_desk, delivery_queue
from office.delivery_queue import KIND, STATES, Order, State

router = APIRouter()
Replaying = Annotated[Visit, allowed("replay")]
EventId = Annotated[str, Path(max_length=200)]
EndpointId = Annotated[str, Form(min_length=1, max_length=200)]


@router.get("/deliveries")
def deliveries(
    visit: Reading,
    state: State = "all",
    endpoint: Annotated[str, Query(max_length=200)] = "",
    order: Order = "newest",
    after: str | None = None,
) -> Response:
    """How the endpoints are, and what they were told."""
    with visit.house.sessions() as session:
        receivers = delivery_queue.receivers(session)
        page = delivery_queue.listed(
            session, state=state, endpoint_id=endpoint or None, order=order, after=after
        )
    return show(
        visit,
        "deliveries/list.html",
        receivers=receivers,
        lines=page.lines,
        more=page.more,
        wanted={"state": state, "endpoint": endpoint, "order": order},
        states=STATES,
        most_at_once=delivery_desk.MOST_AT_ONCE,
    )


@router.post("/deliveries/replay")
def replay_range(
    visit: Replaying,
    endpoint_id: EndpointId,
    since: Annotated[datetime, Form(description="UTC if no zone is given")],
    reason: Reason,
    until: Annotated[datetime | str, Form(description="UTC if no zone is given; nothing: until now")] = "",
) -> Response:
    """Have all that happened in a time told again to one endpoint."""
    begins, ends = _utc(since), _utc(until) if isinstance(until, datetime) else None
    if isinstance(until, str) and until.strip():
        raise BadForm("until: a time, as in 2026-11-21T12:00")
    if ends is not None and begins >= ends:
        raise BadForm("since: must be before the end")
    with visit.house.sessions() as session:
        told = delivery_desk.replay_range(
            session,
            endpoint_id=endpoint_id,
            since=begins,
            until=ends,
            reason=reason,
            by=visit.actor,
            now=visit.now,
        )
    said = f"{told} events are on their way." if told != 1 else "1 event is on its way."
    return done(visit, f"{PATH}/deliveries?endpoint={quote(endpoint_id)}", said, events=told)


@router.get("/deliveries/{event_id}")
def one(visit: Reading, event_id: EventId) -> Response:
    """One event: what is sent, to whom, and every try."""
    with visit.house.sessions() as session:
        event = delivery_queue.shown(session, event_id)
    return show(visit, "deliveries/one.html", event=event, notes=event.notes, about=(KIND, event_id))


@router.post("/deliveries/{event_id}/replay")
def replay(visit: Replaying, event_id: EventId, endpoint_id: EndpointId, reason: Reason) -> Response:
    """Have it told again to one endpoint."""
    with visit.house.sessions() as session:
        delivery_desk.replay(
            session, event_id, endpoint_id=endpoint_id, reason=reason, by=visit.actor, now=visit.now
        )
    return done(
        visit, f"{PATH}/deliveries/{quote(event_id)}", "It is told again, under the id it had before."
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
