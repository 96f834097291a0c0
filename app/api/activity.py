"""GET /v1/activity and /v1/activity/<reference>: an agent's own history, newest first."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from sqlalchemy import cast, func, or_
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlmodel import Session, col, select
from starlette.responses import Response

from app import boundary, envelope, errors
from app.api.fields import ClosedRequest, Reference
from app.doors import Here, Knocking
from app.envelope import Fields
from app.times import iso
from rails import status
from rails.models import Activity

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
        found = status.activity(session, agent_id=known.agent.agent_id, limit=limit, subject=asked.subject)
    data = {"events": [_event(row) for row in found], "limit": limit, "source": SOURCE}
    return envelope.success(request, data=data, agent=known.agent)


@router.get("/v1/activity/{reference}")
def activity_show(
    request: Request, here: Here, known: Knocking, reference: Annotated[Reference, Path()]
) -> Response:
    """The events that an id belongs to: an event's own, or any that it links to."""
    with here.sessions() as session:
        found = _about(
            session,
            agent_id=known.agent.agent_id,
            reference=reference,
            limit=here.settings.activity_max_rows,
        )
    if not found:
        raise errors.ActivityNotFound("no event of yours has this reference")
    events = [_event(row) for row in found]
    data = {"reference": reference, "event": events[0], "events": events, "source": SOURCE}
    return envelope.success(request, data=data, agent=known.agent)


def _about(session: Session, *, agent_id: str, reference: str, limit: int) -> Sequence[Activity]:
    # What the agent sent is a variable of the path, never part of it.
    linked = func.jsonb_path_exists(
        col(Activity.links), cast("$.* ? (@ == $wanted)", JSONPATH), cast({"wanted": reference}, JSONB)
    )
    return session.exec(
        select(Activity)
        .where(
            Activity.agent_id == agent_id,
            or_(col(Activity.event_id) == reference, col(Activity.subject_id) == reference, linked),
        )
        .order_by(col(Activity.occurred_at).desc(), col(Activity.event_id))
        .limit(limit)
    ).all()


def _event(row: Activity) -> Fields:
    return {
        "event_id": row.event_id,
        "type": row.type,
        "occurred_at": iso(row.occurred_at),
        "summary": row.summary,
        "operation": row.operation,
        "subject": {"type": row.subject_type, "id": row.subject_id},
        "links": {**_LINKS, **row.links},
        "status": row.status,
        "cost": None,
    }
