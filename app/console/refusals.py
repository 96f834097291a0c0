"""How the console says no: beside the form for htmx, on a page, or as JSON, always with what to do next."""

import logging
import secrets
import traceback
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from app.console import errors, headers
from app.console.desk import desk
from app.console.show import PATH, back, is_part, show, show_stranger, wants_json
from app.console.visit import Visit, found
from ledger.errors import BookError
from office.errors import OfficeError, SignInRefused
from outbound.errors import OutboundError
from rails import redaction
from rails.chain.errors import ChainError
from rails.errors import OperatorError, RailError, RailsError

_log = logging.getLogger("pennyrail.console")
_TITLES: Final = {
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    409: "Not done",
    422: "Something is missing",
    500: "Something broke",
    502: "The payment provider did not do it",
    503: "Not ready",
}


class TooLarge(Exception):
    """The body is larger than any form of ours."""


def too_large() -> Response:
    """What is said to a body that is too large."""
    return PlainTextResponse("what you sent is too large; nothing was done\n", 413)


def install(console: FastAPI) -> None:
    """Answer every failure."""
    for expected in (OperatorError, RailsError, BookError, OutboundError, ChainError):
        console.add_exception_handler(expected, _domain)
    console.add_exception_handler(errors.ConsoleError, _console)
    console.add_exception_handler(RequestValidationError, _fields)
    console.add_exception_handler(HTTPException, _routing)
    console.add_exception_handler(DataError, _unheard_of)
    console.add_exception_handler(OperationalError, _not_ready)
    console.add_exception_handler(InterfaceError, _not_ready)
    console.add_exception_handler(Exception, _broken)


def refuse(request: Request, status: int, code: str, message: str, **more: Any) -> Response:
    """Say no in the way the asker understands."""
    if wants_json(request):
        return JSONResponse({"error": {"code": code, "message": message, **more}}, status)
    if is_part(request):
        page = (
            desk(request).templates.get_template("_refusal.html").render(code=code, message=message, **more)
        )
        return Response(page, status, media_type="text/html")
    told = {
        "title": _TITLES.get(status, "Not done"),
        "message": message,
        "code": code,
        "back": back(request),
        "posted": request.method == "POST",
    }
    who = _visitor(request) if status < 500 else None
    if who is None:
        return show_stranger(request, "problem.html", status=status, **told)
    return show(who, "problem.html", status=status, **told)


def _visitor(request: Request) -> Visit | None:
    """Who is told no, so that the page keeps its menu."""
    try:
        return found(request)
    except (errors.SignInNeeded, SQLAlchemyError):
        return None


def _console(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ConsoleError)
    if isinstance(error, errors.SignInNeeded) and not wants_json(request):
        return _to_sign_in(request)
    return refuse(request, error.status, error.code, str(error))


def _domain(request: Request, error: Exception) -> Response:
    code: str = getattr(error, "code", "REFUSED")
    message = redaction.redact(str(error)) or code
    if isinstance(error, RailError):
        return refuse(request, 502, code, f"the payment provider did not do it: {message}; try again later")
    if isinstance(error, ChainError):
        return refuse(request, 502, code, f"the chain could not be read: {message}")
    status = 401 if isinstance(error, SignInRefused) else 409
    if code.endswith("NOT_FOUND"):
        status = 404
    if isinstance(error, OfficeError) and code == "BAD_CODE":
        status = 403
    if code.startswith("FORBIDDEN"):
        status = 403
    return refuse(request, status, code, message)


def _fields(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(
        f"{str(each['loc'][-1]).replace('_', ' ')}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    )
    return refuse(request, 422, "BAD_FORM", told[:500])


def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "nothing is at this address", 405: "this address is not for that"}
    message = said.get(error.status_code, str(error.detail))
    return refuse(request, error.status_code, "NOT_FOUND", message)


def _unheard_of(request: Request, _error: Exception) -> Response:
    # A number or a text that no column could hold names nothing that we know.
    if request.method == "GET":
        return refuse(request, 404, "NOT_FOUND", "nothing has this name or number")
    return refuse(request, 422, "BAD_FORM", "a field holds what no text or number of ours can be")


def _not_ready(request: Request, _error: Exception) -> Response:
    return refuse(request, 503, "NOT_READY", "the database does not answer; try again in a few seconds")


def _broken(request: Request, error: Exception) -> Response:
    trace = f"trace_{secrets.token_hex(8)}"
    # Where it broke, not what it said: a database's message quotes the row that it refused.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s broke with %s\n%s", trace, type(error).__name__, frames)
    answer = refuse(request, 500, "BROKEN", f"something broke on our side; the log knows it as {trace}")
    # Starlette answers what broke outside of the middleware that dresses every other answer.
    headers.of_page(answer.headers)
    return answer


def _to_sign_in(request: Request) -> Response:
    """To the sign-in, and afterwards on to where one wanted to go."""
    to = f"{PATH}/sign-in"
    if request.method == "GET" and not is_part(request):
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = f"{to}?on={quote(wanted)}"
    if is_part(request):
        return Response(status_code=200, headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)
