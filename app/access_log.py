"""One line a request: what was asked, how it ended and how long it took. Never a query, an id or a token."""

import logging
import time
import traceback
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import envelope, http_errors

# Where a layer of our own that sends a request on leaves its name. Nobody outside can write a scope.
TRACE: Final = "pennyrail.trace_id"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logging.getLogger("pennyrail.http")


class AccessLog:
    """The outermost layer: names the request, logs it, and answers what nobody else could."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on. Whatever breaks inside still leaves as an envelope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.trace_id = scope.get(TRACE) or envelope.new_trace_id()
        # A stopwatch, not a date: the clock that is passed in stands still in tests.
        started = time.monotonic()
        answered: list[int] = []

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                _tell_exit_code(message)
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except ClientDisconnect:
            # Whoever asked left while asking: nothing of ours broke, and nobody waits for an answer.
            _log.info("%s was given up by its caller", request.state.trace_id)
        except Exception as error:
            _log_failure(request, error)
            if not answered:
                await http_errors.answer(request, "INTERNAL_ERROR")(scope, receive, seen)
        finally:
            _log_request(request, answered, time.monotonic() - started)


def _tell_exit_code(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers.setdefault(envelope.EXIT_CODE_HEADER, "0" if message["status"] < 400 else "1")


def _log_failure(request: Request, error: Exception) -> None:
    # Where it broke, not what it said: a database's message quotes the row that it refused.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s broke with %s\n%s", request.state.trace_id, type(error).__name__, frames)


def _log_request(request: Request, answered: list[int], seconds: float) -> None:
    _log.info(
        "%s %s %s %.0fms %s %s",
        request.method if request.method in _METHODS else "-",
        envelope.path_template(request) or "-",
        answered[0] if answered else "-",
        seconds * 1000,
        getattr(request.state, "error_code", "-"),
        request.state.trace_id,
    )
