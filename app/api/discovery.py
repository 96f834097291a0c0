"""How a client finds its way from the bare address: the document of every door."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.house import house
from app.openapi import document
from app.openapi.schemas import Schema

OPENAPI_PATH: Final = "/openapi.json"
# Nothing in these documents is secret, and what is for sale changes rarely.
_KEPT: Final = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}

router = APIRouter()


@router.get(OPENAPI_PATH)
def openapi(request: Request) -> Response:
    """This document."""
    return JSONResponse(_described(request), headers=_KEPT)


def _described(request: Request) -> Schema:
    """The document as it is now. It is made again only when a rail opened or closed."""
    closed = tuple(rail.unavailable_reason for rail in house(request).rails.values())
    kept = request.app.state.documents
    if closed not in kept:
        kept[closed] = document.describe(request.app)
    found: Schema = kept[closed]
    return found
