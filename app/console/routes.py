"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import audit, exports, operators, own_sessions, signing_in

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    own_sessions.router,
    operators.router,
    exports.router,
    audit.router,
)
