"""Hang the API server's door into the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.house import House
from app.internal.callers import Callers
from app.internal.door import Door
from app.internal.pricing import PricingDoor
from app.internal.reading import Reading
from app.internal.settings import InternalSettings
from app.internal.writer import Writer


def install(app: FastAPI, database_url: str, settings: InternalSettings) -> Writer:
    """Serve /internal/v1 for as long as the application runs; who writes for it."""
    here = app.state.house
    assert isinstance(here, House)
    writer = Writer(database_url, settings)
    callers = Callers(here.sessions, here.clock, seconds=settings.token_cache_seconds)
    door = Door(callers, writer, settings)
    priced = PricingDoor(door, settings, here.rate_card)
    app.router.routes.extend((*door.routes(), *Reading(door).routes(), *priced.routes()))
    around = app.router.lifespan_context

    @asynccontextmanager
    async def alive(served: FastAPI) -> AsyncIterator[None]:
        async with around(served):
            writer.start()
            try:
                yield
            finally:
                await writer.stop()

    app.router.lifespan_context = alive
    return writer
