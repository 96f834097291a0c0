"""Away to the issuer, and back with a name."""

import base64
import dataclasses
import json
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app import tokens
from app.console import sso
from app.console.desk import desk
from app.console.errors import NoSuchPage
from app.console.pages.signing_in import limited, onward, set_cookie
from app.console.show import PATH, done
from app.console.visit import KIND, address, found
from app.house import house
from office import sessions
from outbound.errors import SecretUnreadable

router = APIRouter()
_COOKIE: Final = "pennyrail_console_sso"
_SECONDS: Final = 600
_JUST_NOW: Final = timedelta(minutes=2)


@router.get("/sso/start", dependencies=[Depends(limited)])
def start(request: Request, on: str = "", again: bool = False) -> Response:
    """Send the browser to the issuer; `again` is to prove it anew, for what moves money."""
    at = desk(request)
    _check_on(request)
    question = sso.asked(on=onward(on), again=again)
    answer = RedirectResponse(sso.where(at.settings, question, callback=_callback(request)), 303)
    kept = base64.urlsafe_b64encode(at.vault.close(json.dumps(dataclasses.asdict(question)))).decode()
    secure = house(request).settings.base_url.startswith("https:")
    answer.set_cookie(
        _COOKIE, kept, max_age=_SECONDS, path=f"{PATH}/sso", httponly=True, secure=secure, samesite="lax"
    )
    return answer


@router.get("/sso/back", dependencies=[Depends(limited)])
def back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """Take the issuer's word for who it is, if that person is an operator here."""
    here, at = house(request), desk(request)
    _check_on(request)
    question = _question(request)
    if error or not code:
        raise sso.SsoFailed("single sign-on did not let you in")
    now = here.clock()
    who = sso.named(at.settings, question, code=code, state=state, callback=_callback(request), now=now)
    subject = sso.subject_at(at.settings, who)
    if question.again:
        return _confirmed(request, question, who, subject)
    token = tokens.make(KIND)
    token_hash = tokens.hashed(token, prefix=KIND)
    assert token_hash is not None
    came = sessions.From("console", address(request), request.headers.get("user-agent", ""))
    sessions.sign_in_named(
        here.sessions,
        email=who.email,
        subject=subject,
        token_hash=token_hash,
        came=came,
        settings=at.settings,
        now=now,
    )
    answer = done(request, question.on)
    set_cookie(request, answer, token)
    answer.delete_cookie(_COOKIE, path=f"{PATH}/sso")
    return answer


def _confirmed(request: Request, question: sso.Asked, who: sso.Named, subject: str) -> Response:
    """The session that is open is fresh again, if the same person has proved it just now."""
    visit = found(request)
    proved = who.auth_time
    if proved is None or abs(visit.now.timestamp() - proved) > _JUST_NOW.total_seconds():
        raise sso.SsoFailed("single sign-on did not ask you again: sign out there and confirm once more")
    sessions.confirm_named(visit.house.sessions, visit.signed_in, subject=subject, now=visit.now)
    return done(visit, question.on, "Confirmed. You can go on.")


def _question(request: Request) -> sso.Asked:
    try:
        kept = base64.urlsafe_b64decode(request.cookies.get(_COOKIE, "").encode())
        return sso.Asked(**json.loads(desk(request).vault.open(kept)))
    except (ValueError, TypeError, SecretUnreadable):
        raise sso.SsoFailed("this browser did not ask for it: start again") from None


def _callback(request: Request) -> str:
    return f"{house(request).settings.base_url}{PATH}/sso/back"


def _check_on(request: Request) -> None:
    if not desk(request).settings.sso_issuer:
        raise NoSuchPage("there is no single sign-on here")
