"""The exceptions queue: what waits for a decision, one of them, and deciding it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Annotated, Final, Literal, get_args

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Reading, Visit, allowed
from office import audit, exception_case, exception_desk, exception_queue, operators, owners
from office.errors import NeedsApproval
from office.exception_queue import KIND, NOBODY
from rails import kinds
from rails.exceptions import State, Wanted
from rails.resolutions import Resolved

router = APIRouter()
Length = Literal["1h", "4h", "12h", "1d", "3d", "7d", "30d"]
Seen = Annotated[int, Form(description="what had arrived, in the smallest units, when one looked")]
Deciding = Annotated[Visit, allowed("resolve", step_up=True)]
PuttingOff = Annotated[Visit, allowed("resolve")]
Noting = Annotated[Visit, allowed("note")]

ME: Final = "me"
_LENGTHS: Final[Mapping[Length, timedelta]] = {
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_CHOICES: Final[Mapping[Length, str]] = {
    each: f"{each[:-1]} {'hour' if each.endswith('h') else 'day'}{'' if each[:-1] == '1' else 's'}"
    for each in _LENGTHS
}


@router.get("/exceptions")
def queue(
    visit: Reading,
    state: State = "open",
    kind: str = "",
    agent: str = "",
    older_than: Length | Literal[""] = "",
    owner: str = "",
    after: str | None = None,
) -> Response:
    """What waits for a decision, the oldest first. `owner` is a name, `me` or `nobody`."""
    wanted = Wanted(
        state=state,
        kind=kind or None,
        agent_id=agent.strip() or None,
        older_than=_LENGTHS[older_than] if older_than else None,
    )
    whose = visit.actor.name if owner == ME else owner
    with visit.house.sessions() as session:
        page = exception_queue.listed(session, wanted, owner=whose or None, after=after, now=visit.now)
        people = _people(visit)
    return show(
        visit,
        "exceptions/list.html",
        lines=page.lines,
        more=page.more,
        wanted={"state": state, "kind": kind, "agent": agent, "older_than": older_than, "owner": owner},
        states=get_args(State),
        kinds=sorted(kinds.MEANINGS),
        lengths=_CHOICES,
        people=people,
    )


@router.get("/exceptions/{exception_id}")
def one(visit: Reading, exception_id: int) -> Response:
    """Everything about one exception, and what this visitor may do about it."""
    with visit.house.sessions() as session:
        case = exception_case.shown(session, exception_id, by=visit.actor, now=visit.now)
    return show(
        visit,
        "exceptions/one.html",
        case=case,
        lengths=_CHOICES,
        people=_people(visit),
        notes=case.notes,
        about=(KIND, str(exception_id)),
    )


@router.post("/exceptions/{exception_id}/credit")
def credit(visit: Deciding, exception_id: int, seen: Seen, reason: Reason) -> Response:
    """Grant credits for what arrived."""
    with _refusals_told(visit, exception_id, reason), visit.house.sessions() as session:
        resolved = exception_desk.credit(
            session, exception_id, seen=seen, reason=reason, by=visit.actor, now=visit.now
        )
    return _decided(visit, resolved, f"{resolved.cents.units} credits are granted.")


@router.post("/exceptions/{exception_id}/write-off")
def write_off(visit: Deciding, exception_id: int, seen: Seen, reason: Reason) -> Response:
    """Close it without credits."""
    with _refusals_told(visit, exception_id, reason), visit.house.sessions() as session:
        resolved = exception_desk.write_off(
            session, exception_id, seen=seen, reason=reason, by=visit.actor, now=visit.now
        )
    booked = f"{resolved.cents} are booked as unclaimed." if resolved.cents.units else "Nothing is booked."
    return _decided(visit, resolved, f"It is closed. {booked}")


@router.post("/exceptions/{exception_id}/refund")
def refund(visit: Deciding, exception_id: int, seen: Seen, reason: Reason) -> Response:
    """Have the processor send its charge back."""
    resolved = exception_desk.refund(
        visit.house.sessions,
        visit.house.rails,
        exception_id,
        seen=seen,
        reason=reason,
        by=visit.actor,
        now=visit.now,
    )
    return _decided(visit, resolved, f"{resolved.cents} are asked back from the processor.")


@router.post("/exceptions/{exception_id}/wait")
def wait(
    visit: PuttingOff,
    exception_id: int,
    seen: Seen,
    reason: Reason,
    wait_for: Annotated[Length, Form()],
) -> Response:
    """Put it off: it comes back by itself."""
    until = visit.now + _LENGTHS[wait_for]
    with visit.house.sessions() as session:
        exception_desk.put_off(
            session, exception_id, until=until, seen=seen, reason=reason, by=visit.actor, now=visit.now
        )
    said = f"It comes back at {until:%Y-%m-%d %H:%M} UTC, or when another amount is there."
    return done(visit, _page(exception_id), said, wait_until=until)


@router.post("/exceptions/{exception_id}/owner")
def assign(
    visit: Noting,
    exception_id: int,
    turn: Annotated[int, Form(ge=0)],
    owner: Annotated[str, Form()] = "",
) -> Response:
    """Take it, hand it over, or give it back. `owner` is a name, `me`, or nothing for nobody."""
    name = visit.actor.name if owner == ME else owner
    with visit.house.sessions() as session:
        exception_case.check_exists(session, exception_id)
        owned = owners.assign(
            session,
            about=(KIND, str(exception_id)),
            owner=name if name not in ("", NOBODY) else None,
            turn=turn,
            by=visit.actor,
            now=visit.now,
        )
    said = "It is yours now." if owner == ME else f"It is {owned.owner or 'nobody'}'s now."
    return done(visit, _page(exception_id), said, owned=owned)


def _refusals_told(visit: Visit, exception_id: int, reason: str) -> AbstractContextManager[None]:
    """A refund tells of itself; what is one transaction is told of when it was undone."""
    return audit.refusals(
        visit.house.sessions,
        visit.actor,
        "exception.resolve",
        about=(KIND, str(exception_id)),
        refused=NeedsApproval,
        reason=reason,
        now=visit.now,
    )


def _decided(visit: Visit, resolved: Resolved, said: str) -> Response:
    words = f"{said} It was decided so before, and not again." if resolved.replayed else said
    return done(visit, _page(resolved.exception_id), words, resolved=resolved)


def _people(visit: Visit) -> list[tuple[str, str]]:
    """Whom a thing may be given to: the name that is kept, and the one that is shown."""
    with visit.house.sessions() as session:
        everybody = operators.listed(session, now=visit.now)
    return [(f"operator:{each.email}", each.name) for each in everybody if each.state == "active"]


def _page(exception_id: int) -> str:
    return f"{PATH}/exceptions/{exception_id}"
