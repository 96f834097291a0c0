"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import operators, own_sessions, signing_in, single_sign_on

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    single_sign_on.router,
    own_sessions.router,
    operators.router,
)
