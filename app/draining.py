"""Leaving politely: a process that was asked to end says so before it stops listening."""

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Draining:
    """Whether this process is about to end, and since when. Begun by a signal, read by whoever waits."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def under_way(self) -> bool:
        """Whether it was asked to end."""
        return self._since is not None

    @property
    def seconds(self) -> float:
        """For how long, 0 if it was not asked."""
        # A stopwatch, not a date.
        return time.monotonic() - self._since if self._since is not None else 0.0

    def begin(self) -> None:
        """Be about to end. The first time counts."""
        if self._since is None:
            self._since = time.monotonic()


class Leaving:
    """A layer that has every connection closed after its answer, once the process is about to end.

    A client that keeps its connection would else send its next request into a closed one.
    """

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def last(message: Message) -> None:
            # Asked when the answer begins: it may have waited for long.
            if message["type"] == "http.response.start" and self._draining.under_way:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await self._app(scope, receive, last if scope["type"] == "http" else send)
