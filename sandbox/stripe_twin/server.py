"""The twin as a web application, and the loops that run beside it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from sandbox.stripe_twin import api, chain_watch, clockwork, control_api, deliveries, hosted_page
from sandbox.stripe_twin.errors import StripeError
from sandbox.stripe_twin.settings import TwinConfig
from sandbox.stripe_twin.store import Store
from sandbox.stripe_twin.world import World

RESTART_SECONDS = 0.5


def app(config: TwinConfig) -> FastAPI:
    """The twin; its loops run while the application does."""
    world = World(config=config, store=Store(config.state_file))
    deliveries.configure(world)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops = [
            asyncio.create_task(for_ever(loop, world))
            for loop in (deliveries.run, chain_watch.run, clockwork.run)
        ]
        yield
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        world.store.close()

    application = FastAPI(lifespan=lifespan, openapi_url=None)
    application.add_exception_handler(StripeError, refused)
    application.add_exception_handler(Exception, broken)
    control_api.add_endpoints(application, world)
    hosted_page.add_endpoints(application, world)
    api.add_endpoints(application, world)
    return application


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a verb of the control API that the object cannot do now."""
    return JSONResponse({"detail": str(error)}, 409)


async def broken(_: Request, error: Exception) -> Response:
    """The answer to a bug in the control API or on a page."""
    api.log_bug(error)
    return Response("the twin broke; its log says where", 500)


async def for_ever(loop: Callable[[World], Awaitable[None]], world: World) -> None:
    """Run a loop, and begin it again if it breaks."""
    while True:
        try:
            return await loop(world)
        except Exception as error:
            api.log_bug(error)
            await asyncio.sleep(RESTART_SECONDS)
