"""The server of the API process, which ends in order: unready, then deaf, then done, and exits with 0."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from app.draining import Draining
from workers.settings import DrainSettings


def run(application: Callable[[Draining], FastAPI], drain: DrainSettings, **options: Any) -> None:
    """Serve until a signal, and then until what is under way has ended or its time is over.

    `options` are uvicorn's. Exits with 3 if the application did not start.
    """
    draining = Draining()
    config = uvicorn.Config(
        lambda: application(draining),
        factory=True,
        timeout_graceful_shutdown=drain.finish_seconds,
        **options,
    )
    server = _Server(config, draining, linger_seconds=drain.linger_seconds)
    # Ctrl-C is raised once more after everything has ended.
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, draining: Draining, *, linger_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._linger_seconds = linger_seconds

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end. Ctrl-C and a second signal do not linger."""
        again = self._draining.under_way
        self._draining.begin()
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif again:
            self.should_exit = True

    @override
    async def on_tick(self, counter: int) -> bool:
        """Whether to stop listening: only after balancers had the time to see that we are not ready."""
        lingered = self._draining.under_way and self._draining.seconds >= self._linger_seconds
        return await super().on_tick(counter) or lingered
