"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import (
    agent_actions,
    agents,
    operators,
    own_sessions,
    services,
    signing_in,
    single_sign_on,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    single_sign_on.router,
    own_sessions.router,
    operators.router,
    agents.router,
    agent_actions.router,
    services.router,
)
