"""The application: every door, mounted once."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from anyio import to_thread
from fastapi import Depends, FastAPI

from app import access_log, doors, http_errors, live, rate_card
from app.addresses import Network
from app.admission import Admission
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
    readiness,
    receipts,
    signups,
    status,
    webhooks,
)
from app.console import mount as console
from app.console.desk import Desk
from app.draining import Draining, Leaving
from app.house import Clock, House
from app.internal import wiring
from app.internal.settings import InternalSettings
from app.limits import Limits
from app.mcp import mount
from app.migrations import schema
from app.polling.answers import Answers
from app.rate_card import RateCard
from app.scrape import HouseFigures, Pool, Queue
from app.settings import DoorSettings, LimitSettings, WorkSettings
from app.switchboard import Switchboard
from ledger import database
from ledger.database import Sessions
from ledger.keys import PublicKey, SigningKey
from ledger.settings import LedgerSettings, ReceiptSettings
from office.settings import ConsoleSettings
from rails import registry
from rails.rail import Rails
from rails.stripe.settings import stripe
from rails.telemetry import listener, spans
from rails.telemetry.settings import TelemetrySettings
from workers.settings import queue


def create_app(
    sessions: Sessions,
    rails: Rails,
    settings: DoorSettings,
    clock: Clock,
    *,
    receipt_key: SigningKey | None = None,
    other_keys: tuple[PublicKey, ...] = (),
    card: RateCard = rate_card.SAMPLE,
    limits: Limits | None = None,
    proxies: tuple[Network, ...] = (),
    desk: Desk | None = None,
    draining: Draining | None = None,
    work: WorkSettings | None = None,
) -> FastAPI:
    """The application over these rails. `clock` is the only source of the time, `card` of models.

    Without `limits` nobody is limited. `proxies` are the networks whose word on addresses is believed.
    Without `desk` there is no console. Without `work` everybody is let in at once.
    """
    board = Switchboard(sessions)
    here = House(
        sessions=sessions,
        rails=board.over(rails),
        settings=settings,
        clock=clock,
        receipt_key=receipt_key,
        other_keys=other_keys,
        rate_card=card,
        limits=limits or Limits(None),
        proxies=proxies,
        draining=draining or Draining(),
    )
    answers, ready = Answers(here), readiness.Readiness(sessions, here.draining)

    @asynccontextmanager
    async def alive(_app: FastAPI) -> AsyncIterator[None]:
        if work is not None:
            to_thread.current_default_thread_limiter().total_tokens = work.threads
        async with board.watched():
            yield
        await answers.close()
        await ready.close()
        await here.limits.close()

    # A redirect to the path with a slash would be the one reply without an envelope.
    app = FastAPI(
        title="Pennyrail",
        version=healthz.API_VERSION,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=access_log.TOLD_HERE,
        lifespan=alive,
    )
    app.state.house, app.state.answers = here, answers
    app.state.documents = {}
    # The last that is added is the outermost.
    if work is not None:
        app.add_middleware(Admission, settings=work)
    app.add_middleware(access_log.AccessLog)
    app.add_middleware(Leaving, here.draining)
    http_errors.install(app)
    _open_doors(app, rails)
    readiness.install(app, ready)
    mount.install(app)
    if desk is not None:
        console.install(app, desk)
    return app


def _open_doors(app: FastAPI, rails: Rails) -> None:
    for door in (healthz, claims, identity, quotes, status, activity, receipts):
        app.include_router(door.router)
    app.include_router(signups.router, dependencies=[Depends(doors.sign_up)])
    for public in (discovery, models, catalog, handoff):
        app.include_router(public.router, dependencies=[Depends(doors.visit)])
    app.include_router(purchases.router(rails))


def application(draining: Draining | None = None) -> FastAPI:
    """The application as the environment describes it, for `pennyrail api` to serve.

    raises: SettingsRefused, WrongSchema
    """
    live.require()
    # Only a process that serves has a queue: importing it reads the queue's settings.
    from workers import wakeups

    ledger, internal = LedgerSettings(), InternalSettings()
    engine = database.connect(
        ledger.database_url,
        pool_size=ledger.database_pool_size,
        pool_wait_seconds=ledger.database_pool_wait_seconds,
        application="pennyrail-api",
    )
    sessions = database.sessions(engine)
    schema.require(sessions)
    limits, signing = LimitSettings(), ReceiptSettings()
    app = create_app(
        sessions,
        registry.load(sessions),
        DoorSettings(),
        _now,
        receipt_key=signing.signing_key,
        other_keys=signing.other_keys,
        card=rate_card.load(internal.rate_card_file),
        limits=Limits(limits, redis_url=queue().redis_url),
        proxies=limits.proxies,
        work=WorkSettings(),
        desk=Desk(ConsoleSettings(), stripe().live, wake_exporters=wakeups.export_asked),
        draining=draining,
    )
    webhooks.install(app, stripe(), wake=wakeups.notices_came)
    writer = wiring.install(app, ledger.database_url, internal)
    here, telemetry = app.state.house, TelemetrySettings()
    figures = HouseFigures(sessions, tuple(here.rails), _now, telemetry.metrics_seconds)
    listener.count_problems()
    listener.open_to_prometheus(telemetry, (figures, Pool(engine), Queue(lambda: writer.waiting)))
    spans.start("pennyrail-api")
    # What is here stays: a full collection of all that was imported would halt every request for 0.2 s.
    gc.collect()
    gc.freeze()
    return app


def _now() -> datetime:
    return datetime.now(UTC)
