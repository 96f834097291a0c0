"""The tools at /mcp: streamable HTTP, stateless, every call a request of this application to itself."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import access_log, credentials
from app.api.healthz import API_VERSION
from app.house import House
from app.mcp import server
from app.settings import DoorSettings

PATH: Final = "/mcp"
# What a message of the protocol may add to the body of a door.
_ROOM_BYTES: Final = 16_384
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
# Who asks, and through whom. What describes the message itself stays behind.
_PASSED_ON: Final = credentials.X402_HEADERS | {
    "authorization",
    "user-agent",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "traceparent",
}


def install(app: FastAPI) -> None:
    """Serve the tools for as long as the application runs."""
    here = app.state.house
    assert isinstance(here, House)
    # It tells of every message that it opened and closed a connection for it.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    tools = server.build(_Inside(app, here.settings.base_url), version=API_VERSION)
    mounted = _Mounted(tools, here.settings)
    app.router.routes.append(Route(PATH, mounted, methods=["POST"], name="the tools over MCP"))
    around = app.router.lifespan_context

    @asynccontextmanager
    async def alive(served: FastAPI) -> AsyncIterator[None]:
        async with around(served), mounted.open():
            yield

    app.router.lifespan_context = alive


@dataclass(frozen=True, slots=True)
class _Inside:
    """The doors of this process. A request goes through all of its layers, as one from outside does."""

    app: ASGIApp
    base_url: str

    def client(self, request: Request | None, token: str | None) -> httpx.AsyncClient:
        """A client that is whoever sent the message."""
        assert request is not None, "a message over HTTP has a request"
        # A list: a header may come in several lines.
        headers = [(name, value) for name, value in request.headers.items() if name in _PASSED_ON]
        if token is not None:
            headers.append(("authorization", f"Bearer {token}"))
        trace_id = self.trace_id(request)

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            await self.app({**scope, access_log.TRACE: trace_id}, receive, send)

        address = (request.client.host, request.client.port) if request.client else ("", 0)
        # What breaks inside is answered inside, as for everybody.
        inside = httpx.ASGITransport(traced, client=address)
        return httpx.AsyncClient(transport=inside, base_url=self.base_url, headers=headers, trust_env=False)

    def takes_token(self, request: Request | None) -> bool:
        """Whether the connection shows no token of its own."""
        assert request is not None, "a message over HTTP has a request"
        return "authorization" not in request.headers

    def keeps_token(self) -> bool:
        """Never: nothing is kept from one message to the next."""
        return False

    def trace_id(self, request: Request | None) -> str:
        """The name that the message has in the log: its calls share it."""
        assert request is not None, "a message over HTTP has a request"
        found = request.state.trace_id
        assert isinstance(found, str)
        return found


@dataclass(slots=True)
class _Mounted:
    """The ASGI application of the route. It keeps nothing from one message to the next."""

    tools: Server[dict[str, Any]]
    settings: DoorSettings
    _running: StreamableHTTPSessionManager | None = field(default=None, init=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Take messages for as long as the block."""
        running = StreamableHTTPSessionManager(
            self.tools,
            json_response=True,
            stateless=True,
            security_settings=_reached_as(self.settings.base_url),
            max_request_body_size=self.settings.body_max_bytes + _ROOM_BYTES,
        )
        async with running.run():
            self._running = running
            try:
                yield
            finally:
                self._running = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message."""
        assert self._running is not None, "the application is served without its lifespan"
        # For the access log: a plain route leaves no trace of itself.
        scope["route"] = _NAMED
        await self._running.handle_request(scope, receive, send)


def _reached_as(base_url: str) -> TransportSecuritySettings:
    """Only our own names: a page elsewhere must not reach a server on loopback under a name of its own."""
    public = urlsplit(base_url)
    return TransportSecuritySettings(
        allowed_hosts=[public.netloc, *_LOOPBACK, *(f"{host}:*" for host in _LOOPBACK)],
        allowed_origins=[
            f"{public.scheme}://{public.netloc}",
            *(f"http://{host}{port}" for host in _LOOPBACK for port in ("", ":*")),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Named:
    path: str


_NAMED: Final = _Named(PATH)
