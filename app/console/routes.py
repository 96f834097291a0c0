"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import (
    deliveries,
    exceptions,
    inbox,
    notes,
    operators,
    own_sessions,
    papers,
    purchases,
    search,
    signing_in,
    single_sign_on,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    single_sign_on.router,
    deliveries.router,
    exceptions.router,
    inbox.router,
    notes.router,
    own_sessions.router,
    operators.router,
    search.router,
    purchases.router,
    papers.router,
)
