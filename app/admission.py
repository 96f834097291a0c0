"""Who may come in now: so much work at a time, a short queue for it, and a quick refusal beyond.

docs/decisions/0037: past the point where all is busy, more work at a time only makes each piece later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import http_errors, lanes
from app.api import status
from app.lanes import Full, Lane
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


class Admission:
    """A layer that lets requests in by lane. It reads their bodies first: no slow sender holds a place."""

    def __init__(self, app: ASGIApp, settings: WorkSettings) -> None:
        self._app = app
        queue = (settings.waiting_most, settings.wait_seconds)
        patient = (settings.waiting_most, settings.long_wait_seconds)
        self._doors = Lane(settings.at_once, *queue)
        self._status = Lane(_POLLS_AT_ONCE, *queue)
        self._purchases = Lane(settings.purchases_at_once, *patient)
        self._people = Lane(settings.console_at_once, *patient)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when there is room for it, and refuse it when there will be none."""
        lane = self._lane(scope) if scope["type"] == "http" else None
        if lane is None:
            await self._app(scope, receive, send)
            return
        read = await _read(receive)
        if read is None:
            return
        again, whole = read
        try:
            if whole:
                if not await _turn(lane, receive):
                    return
            else:
                # What comes next is more of the body: whether its sender is still there cannot be heard.
                await lane.enter()
        except Full:
            await _refuse(scope, again, send)
            return
        place = lanes.taken(lane, scope)
        try:
            await self._app(scope, again, send)
        finally:
            place.leave()

    def _lane(self, scope: Scope) -> Lane | None:
        path: str = scope["path"]
        if path.startswith(_OPEN):
            return None
        if path == status.PATH:
            # One purchase's status is read for all who ask in one statement.
            return self._status if _of_one(scope["query_string"]) else self._doors
        if path.startswith(_PURCHASES):
            return self._purchases
        return self._people if path.startswith("/console") else self._doors


def _of_one(query: bytes) -> bool:
    """Whether a status is asked of one purchase, as the door reads the query."""
    return any(name.endswith("_id") for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))


async def _read(receive: Receive) -> tuple[Callable[[], Coroutine[Any, Any, Message]], bool] | None:
    """The same request again, as much of its body read as any door would, and whether that is all of it.

    None if its sender has left.
    """
    read: deque[Message] = deque()
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        read.append(message)
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
        if not more or length > _BODY_MOST_BYTES:
            break

    async def again() -> Message:
        return read.popleft() if read else await receive()

    return again, not more


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
