"""GET /healthz: whether this service can work, which means whether it reaches its database."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import Response

from app import boundary, envelope
from app.discovery import entry
from app.doors import Here

API_VERSION: Final = "v1"

router = APIRouter(route_class=boundary.GuardedRoute)


@router.get("/healthz")
def healthz(request: Request, here: Here) -> Response:
    """Ready, or SERVICE_UNAVAILABLE."""
    with here.sessions() as session:
        session.execute(text("SELECT 1"))
    return envelope.success(request, data={"status": "ok", "api_version": API_VERSION}, headers=entry.LINKS)
