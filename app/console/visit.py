"""Who is at the console, and what that one may do: asked anew for every request."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from app import addresses, tokens
from app.console import crossing
from app.console.desk import Desk, desk
from app.console.errors import CodeNeeded, Forbidden, SignInNeeded
from app.house import House, house
from office import audit, sessions
from office.actor import Actor
from office.roles import MEANINGS, Permission
from office.sessions import SignedIn

KIND: Final = "pnop_"
_log = logging.getLogger("pennyrail.console")


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    house: House
    desk: Desk
    now: datetime
    signed_in: SignedIn
    form_token: str

    @property
    def actor(self) -> Actor:
        """Who it is, for the domain and the audit log."""
        return self.signed_in.actor

    @property
    def fresh(self) -> bool:
        """Whether a code was shown lately enough for what moves money."""
        return sessions.is_fresh(self.signed_in, settings=self.desk.settings, now=self.now)

    def may(self, permission: Permission) -> bool:
        """Whether a page should offer this. The action itself asks again."""
        return self.actor.may(permission)


@dataclass(frozen=True)
class Shown:
    """The token that came with a request, and whether a browser carried it by itself."""

    token: str
    by_cookie: bool


def cookie_name(request: Request) -> str:
    """The session's cookie. Behind https the name itself forbids that a neighbouring host sets it."""
    secure = house(request).settings.base_url.startswith("https:")
    return "__Host-pennyrail_console" if secure else "pennyrail_console"


def shown(request: Request) -> Shown | None:
    """The session token of a request: a header of the command line's, or the browser's cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Shown(token.strip(), by_cookie=False)
    cookie = request.cookies.get(cookie_name(request))
    return Shown(cookie, by_cookie=True) if cookie else None


def found(request: Request) -> Visit:
    """The visit that a request is part of.

    raises: SignInNeeded
    """
    here, at = house(request), desk(request)
    now, carried = here.clock(), shown(request)
    token_hash = tokens.hashed(carried.token, prefix=KIND) if carried is not None else None
    if token_hash is None:
        raise SignInNeeded("sign in first")
    with here.sessions() as session:
        signed_in = sessions.find(session, token_hash=token_hash, settings=at.settings, now=now)
    if signed_in is None:
        raise SignInNeeded("your session has ended: sign in again")
    secret = at.settings.keys[0].get_secret_value()
    return Visit(request, here, at, now, signed_in, crossing.token(secret, session_hash=token_hash))


def address(request: Request) -> str:
    """Where a request comes from, as far as our own proxies say."""
    return addresses.of(request, proxies=house(request).proxies)


def reading(permission: Permission) -> Any:
    """Who may look at a page that not everybody may.

    raises: SignInNeeded, Forbidden
    """

    def admit(request: Request) -> Visit:
        visit = found(request)
        _check_may(visit, permission)
        return visit

    return Depends(admit)


async def _form(request: Request) -> FormData:
    return await request.form()


Reading = Annotated[Visit, reading("read")]
"""Somebody who may look at pages."""


def allowed(permission: Permission, *, step_up: bool = False) -> Any:
    """Who may do an action: signed in, by a form of ours, in the right role, with a fresh code for money.

    The code may come with the form itself, as the field `code`, so that nothing that was typed is lost.

    raises: SignInNeeded, ForeignForm, Forbidden, CodeNeeded, BadCode, SignInLocked
    """

    async def admit(request: Request, form: Annotated[FormData, Depends(_form)]) -> Visit:
        return await run_in_threadpool(admitted, request, form, permission, step_up=step_up)

    return Depends(admit)


def admitted(request: Request, form: Mapping[str, Any], permission: Permission, *, step_up: bool) -> Visit:
    """The visit, if it may do this now."""
    visit = found(request)
    carried = shown(request)
    assert carried is not None
    if carried.by_cookie:
        crossing.check_origin(request)
        crossing.check(str(form.get("form_token", "")), visit.form_token)
    _check_may(visit, permission)
    if step_up and not visit.fresh:
        code = str(form.get("code", "")).strip()
        if not code:
            raise CodeNeeded("this needs a code: type the one that your app shows now")
        sessions.step_up(
            visit.house.sessions, visit.signed_in, code=code, vault=visit.desk.vault, now=visit.now
        )
    return visit


def _check_may(visit: Visit, permission: Permission) -> None:
    if visit.may(permission):
        return
    request, role = visit.request, visit.actor.role
    with visit.house.sessions() as session:
        audit.write(
            session,
            visit.actor,
            f"forbidden.{permission}",
            about=("path", request.url.path),
            outcome="refused",
            now=visit.now,
        )
    raise Forbidden(f"the role {role} may not {MEANINGS[permission]}")
