"""Every part of the console, named once."""

from typing import Final

from fastapi import APIRouter

from app.console.pages import (
    agent_actions,
    agents,
    audit,
    deliveries,
    exceptions,
    exports,
    inbox,
    notes,
    operators,
    overview,
    own_sessions,
    papers,
    periods,
    proposals,
    purchases,
    rails,
    reconciliation,
    search,
    services,
    signing_in,
    single_sign_on,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    signing_in.router,
    single_sign_on.router,
    agent_actions.router,
    agents.router,
    audit.router,
    deliveries.router,
    exceptions.router,
    exports.router,
    inbox.router,
    notes.router,
    overview.router,
    papers.router,
    periods.router,
    proposals.router,
    purchases.router,
    rails.router,
    reconciliation.router,
    search.router,
    services.router,
    own_sessions.router,
    operators.router,
)
