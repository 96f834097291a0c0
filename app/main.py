"""The application: every door, mounted once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from app import http_errors, rate_card
from app.access_log import AccessLog
from app.api import (
    activity,
    catalog,
    claims,
    discovery,
    handoff,
    healthz,
    identity,
    models,
    purchases,
    quotes,
    receipts,
    signups,
    status,
    webhooks,
)
from app.house import Clock, House
from app.internal import wiring
from app.internal.settings import InternalSettings
from app.mcp import mount
from app.polling.answers import Answers
from app.rate_card import RateCard
from app.settings import OF_A_PROCESS, DoorSettings, require
from ledger import database
from ledger.database import Sessions
from ledger.keys import SigningKey
from ledger.settings import LedgerSettings, ReceiptSettings
from rails import registry
from rails.rail import Rails
from rails.stripe.settings import stripe


def create_app(
    sessions: Sessions,
    rails: Rails,
    settings: DoorSettings,
    clock: Clock,
    *,
    receipt_key: SigningKey | None = None,
    card: RateCard = rate_card.SAMPLE,
) -> FastAPI:
    """The application over these rails. `clock` is the only source of the time, `card` of models."""
    here = House(
        sessions=sessions,
        rails=rails,
        settings=settings,
        clock=clock,
        receipt_key=receipt_key,
        rate_card=card,
    )
    answers = Answers(here)

    @asynccontextmanager
    async def alive(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await answers.close()

    # A redirect to the path with a slash would be the one reply without an envelope.
    app = FastAPI(
        title="Pennyrail",
        version=healthz.API_VERSION,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=alive,
    )
    app.state.house, app.state.answers = here, answers
    app.state.documents = {}
    app.add_middleware(AccessLog)
    http_errors.install(app)
    for doors in (
        discovery,
        healthz,
        signups,
        claims,
        identity,
        models,
        catalog,
        quotes,
        status,
        activity,
        receipts,
    ):
        app.include_router(doors.router)
    app.include_router(handoff.router)
    app.include_router(purchases.router(rails))
    mount.install(app)
    return app


def application() -> FastAPI:
    """The application as the environment describes it: `uvicorn --factory app.main:application`."""
    require(*OF_A_PROCESS)
    # Only a process that serves has a queue: importing it reads the queue's settings.
    from workers import wakeups

    ledger, internal = LedgerSettings(), InternalSettings()
    sessions = database.sessions(
        database.connect(
            ledger.database_url, pool_size=ledger.database_pool_size, application="pennyrail-api"
        )
    )
    app = create_app(
        sessions,
        registry.load(sessions),
        DoorSettings(),
        _now,
        receipt_key=ReceiptSettings().signing_key,
        card=rate_card.load(internal.rate_card_file),
    )
    app.include_router(webhooks.router(stripe(), wake=wakeups.notice_came))
    wiring.install(app, ledger.database_url, internal)
    return app


def _now() -> datetime:
    return datetime.now(UTC)
