"""One's own sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from app.console.errors import NoSuchPage
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import sessions
from office.models import OperatorSession

router = APIRouter()


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as its owner and admins see it."""

    session_id: int
    via: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str
    state: str
    current: bool


def lines(visit: Visit, operator_id: str) -> list[SessionLine]:
    """The newest sessions of an operator."""
    with visit.house.sessions() as session:
        return [_line(visit, row) for row in sessions.of_operator(session, operator_id)]


def _line(visit: Visit, row: OperatorSession) -> SessionLine:
    assert row.session_id is not None
    return SessionLine(
        row.session_id,
        row.via,
        row.method,
        row.created_at,
        row.last_seen_at,
        row.address,
        row.user_agent,
        sessions.ended(row, settings=visit.desk.settings, now=visit.now) or "open",
        row.session_id == visit.signed_in.session_id,
    )


@router.get("/sessions")
def own(visit: Reading) -> Response:
    """Where one is signed in."""
    assert visit.actor.operator_id is not None
    return show(visit, "sessions.html", sessions=lines(visit, visit.actor.operator_id))


@router.post("/sessions/{session_id}/end")
def end(session_id: int, visit: Annotated[Visit, allowed("read")]) -> Response:
    """End one of one's own sessions."""
    assert visit.actor.operator_id is not None
    if session_id not in {line.session_id for line in lines(visit, visit.actor.operator_id)}:
        raise NoSuchPage("none of your sessions has this number")
    with visit.house.sessions() as session:
        sessions.end(session, session_id, by=visit.actor, now=visit.now)
    return done(visit, f"{PATH}/sessions", "The session has ended.")


@router.post("/sessions/end-others")
def end_others(visit: Annotated[Visit, allowed("read")]) -> Response:
    """End every other session of one's own."""
    assert visit.actor.operator_id is not None
    with visit.house.sessions() as session:
        count = sessions.end_all(
            session,
            visit.actor.operator_id,
            by=visit.actor,
            now=visit.now,
            but=visit.signed_in.session_id,
        )
    return done(visit, f"{PATH}/sessions", f"{count} other sessions have ended.")
