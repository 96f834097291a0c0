"""GET / and the documents that lead on from it: OpenAPI, llms.txt, a skill, the API catalogue."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app import envelope, errors, pages
from app.discovery import entry, texts
from app.doors import Here
from app.house import house
from app.openapi import document
from app.openapi.schemas import Schema

# Nothing in these documents is secret, pages of other origins may read them, and they change rarely.
_KEPT: Final = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}

router = APIRouter()


def root(request: Request, here: Here) -> Response:
    """Where everything is: JSON for programs, a page for people."""
    found = entry.entry(here, request.app)
    if _wants_page(request.headers):
        page: Response = pages.welcome(found)
    else:
        page = envelope.success(request, data=found)
    page.headers.update({**entry.LINKS, "vary": "accept"})
    return page


def openapi(request: Request) -> Response:
    """This document."""
    return JSONResponse(_described(request), headers=_KEPT)


def llms(request: Request, here: Here) -> Response:
    """The way to credits in one page for language models."""
    return PlainTextResponse(texts.llms(here, request.app), headers=_KEPT)


def skill(request: Request, here: Here) -> Response:
    """The way to credits as a skill, with whole requests."""
    return Response(texts.skill(here, request.app), media_type="text/markdown", headers=_KEPT)


def api_catalog(request: Request, here: Here) -> Response:
    """The APIs of this address as a linkset."""
    kind = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'
    return JSONResponse(entry.linkset(here, request.app), media_type=kind, headers={**_KEPT, **entry.LINKS})


def security_txt(here: Here) -> Response:
    """Whom to tell of a weakness; nobody is named where nobody was set."""
    if not here.settings.security_contact:
        raise errors.NothingHere("no contact is set")
    return PlainTextResponse(texts.security(here, now=here.clock()), headers=_KEPT)


def robots(here: Here) -> Response:
    """What crawlers may read."""
    return PlainTextResponse(texts.robots(here), headers=_KEPT)


_DOORS: Final[dict[str, Callable[..., Response]]] = {
    "/": root,
    entry.OPENAPI: openapi,
    entry.LLMS: llms,
    entry.SKILL: skill,
    entry.CATALOG: api_catalog,
    entry.SECURITY: security_txt,
    entry.ROBOTS: robots,
}
for _path, _door in _DOORS.items():
    router.add_api_route(_path, _door, methods=["GET"])
    # RFC 9727 asks for HEAD, and who looks for a document tries it first.
    router.add_api_route(_path, _door, methods=["HEAD"], include_in_schema=False)


def _described(request: Request) -> Schema:
    """The document as it is now. It is made again only when a rail opened or closed."""
    closed = tuple(rail.unavailable_reason for rail in house(request).rails.values())
    kept = request.app.state.documents
    if closed not in kept:
        kept[closed] = document.describe(request.app)
    found: Schema = kept[closed]
    return found


def _wants_page(headers: Headers) -> bool:
    """Whether a page is liked better than JSON. Only who names HTML gets it: that is a browser."""
    liked: dict[str, float] = {}
    for choice in headers.get("accept", "").split(","):
        kind, _, rest = choice.partition(";")
        liked[kind.strip().lower()] = _weight(rest)
    return liked.get("text/html", 0) > liked.get("application/json", 0)


def _weight(parameters: str) -> float:
    name, _, given = parameters.strip().partition("=")
    try:
        return float(given) if name.strip().lower() == "q" else 1
    except ValueError:
        return 0
