"""GET /healthz: whether this service can work, which means whether it reaches its database."""

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import Response

from app import boundary, envelope
from app.discovery import entry
from app.doors import Here
from app.house import House

API_VERSION: Final = "v1"

router = APIRouter(route_class=boundary.GuardedRoute)


@router.get("/healthz")
async def healthz(request: Request, here: Here) -> Response:
    """Ready, or SERVICE_UNAVAILABLE."""
    # Not in the threads of the doors: when all of those are busy, this is still answered.
    await asyncio.to_thread(_reach, here)
    return envelope.success(request, data={"status": "ok", "api_version": API_VERSION}, headers=entry.LINKS)


def _reach(here: House) -> None:
    with here.sessions() as session:
        session.execute(text("SELECT 1"))
