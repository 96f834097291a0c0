"""GET /v1/activity and /v1/activity/<reference>: an agent's own history, newest first."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from app import boundary, envelope, errors
from app.api.fields import ClosedRequest, Reference
from app.doors import Here, Knocking
from app.envelope import Fields
from app.times import iso
from rails import activity
from rails.activity import Event

SOURCE: Final = "hosted_activity_ledger"
# Present in every row, whatever the event is about.
_LINKS: Final[Fields] = {"job_id": None, "asset_ids": [], "feedback_id": None, "usage_event_id": None}

router = APIRouter(route_class=boundary.GuardedRoute)


class ActivityQuery(ClosedRequest):
    """How much of the history."""

    # A query is text, and clients forward any number they were given.
    limit: Annotated[int, Field(ge=1, strict=False)] = 20
    subject: Reference | None = None


@router.get("/v1/activity")
def activity_list(
    request: Request, here: Here, known: Knocking, asked: Annotated[ActivityQuery, Query()]
) -> Response:
    """The newest events, as many as asked for up to the house's limit."""
    limit = min(asked.limit, here.settings.activity_max_rows)
    with here.sessions() as session:
        found = activity.newest(session, agent_id=known.agent.agent_id, limit=limit, subject=asked.subject)
    data = {"events": [_event(each) for each in found], "limit": limit, "source": SOURCE}
    return envelope.success(request, data=data, agent=known.agent)


@router.get("/v1/activity/{reference}")
def activity_show(
    request: Request, here: Here, known: Knocking, reference: Annotated[Reference, Path()]
) -> Response:
    """The events that an id belongs to: an event's own, or any that it links to."""
    limit = here.settings.activity_max_rows
    with here.sessions() as session:
        found = activity.about(session, agent_id=known.agent.agent_id, reference=reference, limit=limit)
    if not found:
        raise errors.ActivityNotFound("no event of yours has this reference")
    events = [_event(each) for each in found]
    data = {"reference": reference, "event": events[0], "events": events, "source": SOURCE}
    return envelope.success(request, data=data, agent=known.agent)


def _event(told: Event) -> Fields:
    return {
        "event_id": told.event_id,
        "type": told.type,
        "occurred_at": iso(told.occurred_at),
        "summary": told.summary,
        "operation": told.operation,
        "subject": {"type": told.subject_type, "id": told.subject_id},
        "links": {**_LINKS, **told.links},
        "status": told.status,
        "cost": {"credits": told.credits} if told.credits is not None else None,
    }
