"""Sign in, enrol, sign out."""

import base64
import json
from typing import Annotated, Any, Final

import segno
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app import tokens
from app.console import crossing
from app.console.desk import desk
from app.console.errors import BadForm
from app.console.show import PATH, done, show_stranger, wants_json
from app.console.visit import KIND, Visit, address, allowed, cookie_name
from app.house import house
from office import operators, proofs, sessions
from outbound.errors import SecretUnreadable

router = APIRouter()
_ENROLMENT_SECONDS: Final = 900
_ISSUER: Final = "Pennyrail"


def same_origin(request: Request) -> None:
    """Let nobody sign a person in from another site."""
    crossing.check_origin(request)


def limited(request: Request) -> None:
    """Let one address try only so often."""
    house(request).limits.hit_from_thread("stranger", address(request))


@router.get("/sign-in")
def sign_in_page(request: Request, on: str = "") -> Response:
    """The form."""
    single = bool(desk(request).settings.sso_issuer)
    return show_stranger(request, "signing_in/sign_in.html", on=onward(on), single_sign_on=single)


@router.post("/sign-in", dependencies=[Depends(same_origin), Depends(limited)])
def sign_in(
    request: Request,
    email: Annotated[str, Form()],
    password: Annotated[str, Form()],
    code: Annotated[str, Form()],
    on: Annotated[str, Form()] = "",
) -> Response:
    """Open a session for who shows password and code. A machine is told the token, once."""
    here, at = house(request), desk(request)
    token = tokens.make(KIND)
    token_hash = tokens.hashed(token, prefix=KIND)
    assert token_hash is not None
    machine = wants_json(request)
    came = sessions.From(
        "ops" if machine else "console", address(request), request.headers.get("user-agent", "")
    )
    sessions.sign_in(
        here.sessions,
        email=email,
        password=password,
        code=code,
        token_hash=token_hash,
        came=came,
        settings=at.settings,
        now=here.clock(),
    )
    if machine:
        return done(request, PATH, token=token)
    answer = done(request, onward(on))
    set_cookie(request, answer, token)
    return answer


def set_cookie(request: Request, answer: Response, token: str) -> None:
    """Give the browser its session: no script reads it, no other site sends it with a form."""
    name = cookie_name(request)
    secure = name.startswith("__Host-")
    # The prefix wants the whole host as its path.
    answer.set_cookie(name, token, path="/", httponly=True, secure=secure, samesite="lax")


@router.post("/sign-out")
def sign_out(request: Request, visit: Annotated[Visit, allowed("read")]) -> Response:
    """End this session."""
    with visit.house.sessions() as session:
        sessions.end(session, visit.signed_in.session_id, by=visit.actor, now=visit.now)
    answer = done(visit, f"{PATH}/sign-in", "You are signed out.")
    answer.delete_cookie(cookie_name(request), path="/")
    return answer


@router.get("/enrol")
def enrol_page(request: Request, email: str = "") -> Response:
    """The first step: who one is, and the invitation. The second follows on the same form."""
    secret = proofs.new_secret()
    return _enrolment(request, secret, email=email)


@router.post("/enrol", dependencies=[Depends(same_origin), Depends(limited)])
def enrol(
    request: Request,
    email: Annotated[str, Form()],
    invitation: Annotated[str, Form()],
    password: Annotated[str, Form()],
    again: Annotated[str, Form()],
    sealed: Annotated[str, Form()],
    code: Annotated[str, Form()],
) -> Response:
    """Use an invitation with a password and a second factor of one's own."""
    here, at = house(request), desk(request)
    if password != again:
        raise BadForm("the two passwords are not the same")
    with here.sessions() as session:
        enrolled = operators.enrol(
            session,
            email=email,
            invitation=invitation,
            password=password,
            secret=_opened(request, sealed),
            code=code,
            vault=at.vault,
            now=here.clock(),
        )
        # Whoever lost a password may have lost it to somebody who is signed in with it.
        myself = operators.actor(enrolled)
        sessions.end_all(session, enrolled.operator_id, by=myself, now=here.clock())
    return done(request, f"{PATH}/sign-in", "You are enrolled. Sign in with your next code.")


def _enrolment(request: Request, secret: str, **data: Any) -> Response:
    # The page keeps the secret until the form comes back, in a form that only we can read.
    kept = json.dumps({"secret": secret, "at": house(request).clock().timestamp()})
    sealed = base64.urlsafe_b64encode(desk(request).vault.close(kept)).decode()
    code = segno.make(proofs.address_of(secret, email=data.get("email") or "operator", issuer=_ISSUER))
    picture = code.svg_data_uri(scale=4, border=3, dark="#000", light="#fff")
    return show_stranger(
        request, "signing_in/enrol.html", secret=secret, sealed=sealed, picture=picture, **data
    )


def _opened(request: Request, sealed: str) -> str:
    try:
        kept = json.loads(desk(request).vault.open(base64.urlsafe_b64decode(sealed.encode())))
    except (ValueError, SecretUnreadable, InvalidToken):
        raise BadForm("this form is broken: load the page again") from None
    if house(request).clock().timestamp() - kept["at"] > _ENROLMENT_SECONDS:
        raise BadForm("this page was open for too long: load it again and scan the new picture")
    secret: str = kept["secret"]
    return secret


def onward(on: str) -> str:
    """Where to go after signing in: only into the console."""
    ours = on.startswith(f"{PATH}/") and "\\" not in on and "//" not in on and is_printable(on)
    return on if ours else f"{PATH}/"


def is_printable(text: str) -> bool:
    """Whether a text can stand in a header."""
    return text.isascii() and text.isprintable()
