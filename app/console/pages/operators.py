"""The people of the house: invite, change, disable, end their sessions."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.console.pages.own_sessions import lines
from app.console.reasons import Reason
from app.console.show import PATH, done, show
from app.console.visit import Visit, allowed, reading
from office import operators, roles, sessions
from office.roles import Role

router = APIRouter()
Looking = Annotated[Visit, reading("operators")]
Admin = Annotated[Visit, allowed("operators", step_up=True)]


@router.get("/operators")
def everybody(visit: Looking) -> Response:
    """Everybody, and what each role may do."""
    with visit.house.sessions() as session:
        people = operators.listed(session, now=visit.now)
    return show(
        visit,
        "operators/list.html",
        people=people,
        roles=roles.ROLES,
        permissions={role: sorted(roles.PERMISSIONS[role]) for role in roles.ROLES},
        meanings=roles.MEANINGS,
    )


@router.post("/operators")
def invite(
    visit: Admin,
    email: Annotated[str, Form()],
    name: Annotated[str, Form()],
    role: Annotated[Role, Form()],
) -> Response:
    """Invite somebody. The invitation is shown once, to be handed over by the admin."""
    with visit.house.sessions() as session:
        made, invitation = operators.invite(
            session,
            email=email,
            name=name,
            role=role,
            by=visit.actor,
            good_for=_good_for(visit),
            now=visit.now,
        )
        person = operators.person(made, now=visit.now)
    return show(visit, "operators/invited.html", person=person, invitation=invitation)


@router.get("/operators/{operator_id}")
def one(visit: Looking, operator_id: str) -> Response:
    """One operator, and where that person is signed in."""
    with visit.house.sessions() as session:
        person = operators.person(operators.get(session, operator_id), now=visit.now)
    return show(
        visit,
        "operators/one.html",
        person=person,
        sessions=lines(visit, operator_id),
        roles=roles.ROLES,
    )


@router.post("/operators/{operator_id}/invite-again")
def invite_again(visit: Admin, operator_id: str, reason: Reason) -> Response:
    """A new invitation for who lost password or app."""
    with visit.house.sessions() as session:
        invitation = operators.invite_again(
            session, operator_id, reason=reason, by=visit.actor, good_for=_good_for(visit), now=visit.now
        )
        person = operators.person(operators.get(session, operator_id), now=visit.now)
    return show(visit, "operators/invited.html", person=person, invitation=invitation)


@router.post("/operators/{operator_id}/role")
def change_role(visit: Admin, operator_id: str, role: Annotated[Role, Form()], reason: Reason) -> Response:
    """Give an operator another role."""
    with visit.house.sessions() as session:
        operators.change_role(session, operator_id, role, reason=reason, by=visit.actor, now=visit.now)
    return done(visit, _page(operator_id), f"The role is {role} now.")


@router.post("/operators/{operator_id}/disable")
def disable(visit: Admin, operator_id: str, reason: Reason) -> Response:
    """Let an operator in no more, and end all sessions."""
    with visit.house.sessions() as session:
        operators.disable(session, operator_id, reason=reason, by=visit.actor, now=visit.now)
        sessions.end_all(session, operator_id, by=visit.actor, now=visit.now)
    return done(visit, _page(operator_id), "The operator is disabled, and every session has ended.")


@router.post("/operators/{operator_id}/enable")
def enable(visit: Admin, operator_id: str, reason: Reason) -> Response:
    """Let an operator in again."""
    with visit.house.sessions() as session:
        operators.enable(session, operator_id, reason=reason, by=visit.actor, now=visit.now)
    return done(visit, _page(operator_id), "The operator may sign in again.")


@router.post("/operators/{operator_id}/end-sessions")
def end_sessions(visit: Admin, operator_id: str) -> Response:
    """End every session of an operator."""
    with visit.house.sessions() as session:
        count = sessions.end_all(session, operator_id, by=visit.actor, now=visit.now)
    return done(visit, _page(operator_id), f"{count} sessions have ended.")


def _page(operator_id: str) -> str:
    return f"{PATH}/operators/{operator_id}"


def _good_for(visit: Visit) -> timedelta:
    return timedelta(hours=visit.desk.settings.invite_hours)
