"""Who may come in now: so much work at a time, a short queue for it, and a quick refusal beyond.

docs/decisions/0037: past the point where all is busy, more work at a time only makes each piece later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import http_errors
from app.api import status
from app.settings import WorkSettings

BUSY: Final = "too much is asked at once, and nothing of this was done; repeat it, with the same key"
# A second is enough for a queue that is worked off in less; clients that come back spread by themselves.
RETRY_AFTER_SECONDS: Final = 1
# Each of these has a queue of its own that is bounded, or costs nothing: the webhooks' in app/ingest.py, the
# operations' in app/internal/writer.py. What comes over MCP is counted at the door that it asks.
_OPEN: Final = ("/healthz", "/livez", "/readyz", "/webhooks/", "/internal/", "/mcp")
# More than any of these doors reads; who sends more is refused there, unread.
_BODY_MOST_BYTES: Final = 131_072
# They take no thread each: as many as are worth reading in one statement.
_POLLS_AT_ONCE: Final = 8
_PURCHASES: Final = status.PATH.rpartition("/")[0] + "/"


class Full(Exception):
    """As much is done, and as many wait, as may."""


@dataclass(slots=True)
class Lane:
    """Work of one kind: `at_once` pieces of it, and so many more that wait their turn, each so long."""

    at_once: int
    waiting_most: int
    wait_seconds: float
    busy: int = field(default=0, init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)

    def take(self) -> bool:
        """Take a place if one is free, and tell whether it was."""
        if self.busy < self.at_once:
            self.busy += 1
            return True
        return False

    async def enter(self) -> None:
        """Take a place, in order of arrival. Whoever has one calls `leave`.

        raises: Full
        """
        if self.take():
            return
        if len(self._waiting) >= self.waiting_most:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The place came at the moment of giving up: it is the next one's.
                self.leave()
            elif turn in self._waiting:
                # Not there any more if a place was offered after it had given up and before it could say so.
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise Full from None
            raise

    def leave(self) -> None:
        """Give the place to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Admission:
    """A layer that lets requests in by lane. It reads their bodies first: no slow sender holds a place."""

    def __init__(self, app: ASGIApp, settings: WorkSettings) -> None:
        self._app = app
        queue = (settings.waiting_most, settings.wait_seconds)
        self._doors = Lane(settings.at_once, *queue)
        self._purchases = Lane(settings.purchases_at_once, *queue)
        self._people = Lane(settings.console_at_once, *queue)
        self._status = Lane(_POLLS_AT_ONCE, *queue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when there is room for it, and refuse it when there will be none."""
        lane = self._lane(scope) if scope["type"] == "http" else None
        if lane is None:
            await self._app(scope, receive, send)
            return
        whole = await _read(receive)
        if whole is None:
            return
        try:
            if not await _turn(lane, receive):
                return
        except Full:
            await _refuse(scope, whole, send)
            return
        try:
            await self._app(scope, whole, send)
        finally:
            lane.leave()

    def _lane(self, scope: Scope) -> Lane | None:
        path: str = scope["path"]
        if path.startswith(_OPEN):
            return None
        if path == status.PATH:
            return self._polls(scope)
        if path.startswith(_PURCHASES):
            return self._purchases
        return self._people if path.startswith("/console") else self._doors

    def _polls(self, scope: Scope) -> Lane | None:
        """One purchase's status is read for all who ask in one statement, and many may wait for a change."""
        if b"_id=" not in scope["query_string"]:
            return self._doors
        waits = b"wait=" in scope["query_string"] or (b"accept", b"text/event-stream") in scope["headers"]
        return None if waits else self._status


async def _read(receive: Receive) -> Callable[[], Coroutine[Any, Any, Message]] | None:
    """The same request again, as much of its body read as any door would; None if its sender has left."""
    read: deque[Message] = deque()
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        read.append(message)
        length += len(message.get("body", b""))
        if not message.get("more_body", False) or length > _BODY_MOST_BYTES:
            break

    async def again() -> Message:
        return read.popleft() if read else await receive()

    return again


async def _turn(lane: Lane, receive: Receive) -> bool:
    """Wait for a place, and tell whether there still is somebody to take it for.

    raises: Full
    """
    if lane.take():
        return True
    place, left = asyncio.ensure_future(lane.enter()), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({place, left}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        _give_back(lane, place)
        raise
    finally:
        left.cancel()
    if place.done():
        place.result()
        return True
    _give_back(lane, place)
    return False


def _give_back(lane: Lane, place: asyncio.Future[None]) -> None:
    if not place.done():
        place.cancel()
    elif place.exception() is None:
        lane.leave()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    recovery = {"retry_after_seconds": RETRY_AFTER_SECONDS}
    reply = http_errors.answer(request, "SERVICE_UNAVAILABLE", message=BUSY, recovery=recovery)
    await reply(scope, receive, send)
