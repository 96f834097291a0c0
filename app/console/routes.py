"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import operators, own_sessions, signing_in

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    own_sessions.router,
    operators.router,
)
