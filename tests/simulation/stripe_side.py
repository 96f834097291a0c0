"""Stripe and its twin's doors, in which nothing happens by itself: every move is one of the simulation's."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import uvicorn

from sandbox.stripe_twin import Control, TwinConfig, chain_watch, clockwork, server
from sandbox.stripe_twin.store import Document, Store
from sandbox.stripe_twin.world import World
from tests.waiting import eventually


@dataclass
class StripeSide:
    """The twin's own world, its doors, and its way of looking at the chain."""

    url: str
    world: World
    control: Control
    _loop: asyncio.AbstractEventLoop
    _told: int = 0
    _client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=5, trust_env=False))

    def look_at_chain(self) -> None:
        """Read the chain as it is now, and let whatever is due happen."""
        with suppress(httpx.HTTPError, chain_watch.ChainUnreadable):
            self._loop.run_until_complete(chain_watch.look(self.world, self._client, ""))
        clockwork.sweep(self.world)

    def new_events(self) -> list[Document]:
        """What happened since this was asked last, oldest first."""
        found = list(self.world.store.oldest_first("event", after=self._told))
        if found:
            place = self.world.store.position("event", found[-1]["id"])
            assert place is not None
            self._told = place
        return found

    def close(self) -> None:
        """Close the connection to the chain."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


@contextmanager
def running(config: TwinConfig, *, starts_at: float) -> Iterator[StripeSide]:
    """Serve a twin whose clock stands until it is moved."""
    world = World(config=config, store=Store(None), clock=lambda: starts_at)
    doors = server.application(world, loops=())
    settings = uvicorn.Config(doors, port=0, loop="asyncio", log_config=None, log_level="critical")
    process = uvicorn.Server(settings)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        eventually(lambda: process.started)
        port = process.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with Control(url) as control:
            side = StripeSide(url, world, control, asyncio.new_event_loop())
            yield side
            side.close()
    finally:
        process.should_exit = True
        thread.join()
