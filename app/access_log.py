"""One line a request: what was asked, how it ended and how long it took. Never a query, an id or a token."""

import logging
import time
import traceback
from typing import Final

from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import envelope, http_errors
from rails.telemetry import lines, measures, spans, trace

# Where a layer of our own that sends a request on leaves its name. Nobody outside can write a scope.
TRACE: Final = "pennyrail.trace_id"
# What FastAPI would tell by itself, with queries and ids: what is told of a request is told below.
TOLD_HERE: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
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
        # A caller's story goes on here; that of a layer of our own does anyway.
        story = trace.read(request.headers.get(trace.HEADER)) or trace.current() or trace.fresh()
        with trace.within(story, request_id=request.state.trace_id), spans.span("request", "server") as tell:
            tell(await self._pass_on(request, scope, receive, send))

    async def _pass_on(
        self, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> dict[str, str | int]:
        # A stopwatch, not a date: the clock that is passed in stands still in tests.
        started = time.monotonic()
        answered: list[int] = []

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                _tell_headers(message)
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
            told = _told(request, status=answered[0] if answered else 0)
            _tell_of(request, told, seconds=time.monotonic() - started)
        return told


def _tell_headers(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in trace.headers().items():
        headers.setdefault(name, value)
    headers.setdefault(envelope.EXIT_CODE_HEADER, "0" if message["status"] < 400 else "1")


def _log_failure(request: Request, error: Exception) -> None:
    # Where it broke, not what it said: a database's message quotes the row that it refused.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s broke with %s", request.state.trace_id, type(error).__name__, extra={"frames": frames})


def _told(request: Request, *, status: int) -> dict[str, str | int]:
    """What is told of a request: no query, no id."""
    told: dict[str, str | int] = {
        "method": request.method if request.method in _METHODS else "-",
        "route": envelope.path_template(request) or "-",
        "status": status,
    }
    state = request.scope["state"]
    told.update((name, state[name]) for name in ("error_code", "agent_id") if name in state)
    return told


def _tell_of(request: Request, told: dict[str, str | int], *, seconds: float) -> None:
    method, route, status = str(told["method"]), str(told["route"]), str(told["status"] or "-")
    measures.REQUESTS.labels(method, route, status).inc()
    measures.REQUEST_SECONDS.labels(method, route).observe(seconds)
    if "error_code" in told:
        measures.REFUSALS.labels(str(told["error_code"])).inc()
    _log.info(
        "%s %s %s %.0fms %s %s",
        method,
        route,
        status,
        seconds * 1000,
        told.get("error_code", "-"),
        request.state.trace_id,
        extra={"fields": {**told, "milliseconds": round(seconds * 1000, 1)}, lines.CLOSED: True},
    )
