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
Loop = Callable[[World], Awaitable[None]]
LOOPS: tuple[Loop, ...] = (deliveries.run, chain_watch.run, clockwork.run)


def app(config: TwinConfig) -> FastAPI:
    """The twin; its loops run while the application does."""
    world = World(config=config, store=Store(config.state_file))
    deliveries.configure(world)
    return application(world, loops=LOOPS)


def application(world: World, *, loops: tuple[Loop, ...]) -> FastAPI:
    """The doors of a twin. Without loops nothing happens in it by itself."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(for_ever(loop, world)) for loop in loops]
        yield
        for loop in running:
            loop.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        world.store.close()

    doors = FastAPI(lifespan=lifespan, openapi_url=None)
    doors.add_exception_handler(StripeError, refused)
    doors.add_exception_handler(Exception, broken)
    control_api.add_endpoints(doors, world)
    hosted_page.add_endpoints(doors, world)
    api.add_endpoints(doors, world)
    return doors


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a verb of the control API that the object cannot do now."""
    return JSONResponse({"detail": str(error)}, 409)


async def broken(_: Request, error: Exception) -> Response:
    """The answer to a bug in the control API or on a page."""
    api.log_bug(error)
    return Response("the twin broke; its log says where", 500)


async def for_ever(loop: Loop, world: World) -> None:
    """Run a loop, and begin it again if it breaks."""
    while True:
        try:
            return await loop(world)
        except Exception as error:
            api.log_bug(error)
            await asyncio.sleep(RESTART_SECONDS)
