"""How the console answers: a page, the same as JSON, or where to go on."""

import base64
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app.console import navigation
from app.console.desk import desk
from app.console.plain import plain
from app.console.visit import Visit
from app.house import house

SAID = "pennyrail_console_said"
PATH = "/console"


def wants_json(request: Request) -> bool:
    """Whether a machine asks."""
    return "application/json" in request.headers.get("accept", "")


def is_part(request: Request) -> bool:
    """Whether htmx asks for a part of a page that is open."""
    return request.headers.get("hx-request") == "true"


def show(visit: Visit, template: str, *, status: int = 200, **data: Any) -> Response:
    """A page over this data, or the data itself for a machine."""
    request = visit.request
    if wants_json(request):
        return JSONResponse(plain(data), status)
    said = _said(request)
    page = visit.desk.templates.get_template(template).render(
        **data,
        visit=visit,
        path=request.url.path,
        query=dict(request.query_params),
        menu=navigation.menu(visit, request.url.path),
        mode=visit.desk.mode,
        said=said,
    )
    answer = HTMLResponse(page, status)
    if said:
        answer.delete_cookie(SAID, path=PATH)
    return answer


def show_stranger(request: Request, template: str, *, status: int = 200, **data: Any) -> Response:
    """A page for who is not signed in."""
    if wants_json(request):
        return JSONResponse(plain(data), status)
    at = desk(request)
    said = _said(request)
    told = {"path": request.url.path, "mode": at.mode, "said": said, "visit": None, "menu": ()}
    answer = HTMLResponse(at.templates.get_template(template).render(**data, **told), status)
    if said:
        answer.delete_cookie(SAID, path=PATH)
    return answer


def done(request: Visit | Request, to: str, said: str = "", **data: Any) -> Response:
    """After an action: the page to go on with, and what is said there once."""
    asked = request.request if isinstance(request, Visit) else request
    if wants_json(asked):
        return JSONResponse(plain({"said": said, "location": to, **data}))
    answer: Response
    if is_part(asked):
        answer = Response(status_code=200, headers={"HX-Redirect": to})
    else:
        answer = RedirectResponse(to, 303)
    if said:
        carried = base64.urlsafe_b64encode(said[:600].encode()).decode()
        secure = house(asked).settings.base_url.startswith("https:")
        answer.set_cookie(SAID, carried, max_age=60, path=PATH, httponly=True, samesite="lax", secure=secure)
    return answer


def back(request: Request, otherwise: str = PATH) -> str:
    """The page of ours that a form came from."""
    came = urlsplit(request.headers.get("referer", ""))
    ours = came.netloc == request.headers.get("host") and came.path.startswith(PATH)
    return (came.path + (f"?{came.query}" if came.query else "")) if ours else otherwise


def _said(request: Request) -> str:
    try:
        return base64.urlsafe_b64decode(request.cookies.get(SAID, "").encode()).decode()
    except ValueError:
        return ""
