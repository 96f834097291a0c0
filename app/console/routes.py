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
    periods,
    reconciliation,
    signing_in,
    single_sign_on,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    single_sign_on.router,
    own_sessions.router,
    operators.router,
    exceptions.router,
    inbox.router,
    deliveries.router,
    notes.router,
    reconciliation.router,
    periods.router,
)
