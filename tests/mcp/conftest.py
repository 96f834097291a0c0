"""A running house over fake rails, and the protocol's own client at its tools."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from starlette.types import ASGIApp

from app.main import create_app
from ledger.database import Sessions
from ledger.keys import SigningKey
from rails.conformance.fakes import crypto_deposit, hosted_page
from tests.app.conftest import Clock, Doors, settings
from tests.internal.conftest import served

Json = dict[str, Any]
Done = TypeVar("Done")
# The handshake of the years before, and the protocol without one.
MODES = ("legacy", "auto")


@dataclass
class Tools:
    """A running application, and a client at its tools."""

    doors: Doors
    app: FastAPI
    mode: str = "auto"

    @asynccontextmanager
    async def connected(self, token: str | None = None, **headers: str) -> AsyncIterator[Client]:
        """A connection, as the agent of a token or as nobody."""
        shown = {"authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(headers={**shown, **headers}, timeout=60) as http,
            Client(
                streamable_http_client(f"{self.doors.url}/mcp", http_client=http), mode=self.mode
            ) as client,
        ):
            yield client

    def with_client(
        self, use: Callable[[Client], Awaitable[Done]], token: str | None = None, **headers: str
    ) -> Done:
        """What `use` makes of one connection."""

        async def connect_and_use() -> Done:
            async with self.connected(token, **headers) as client:
                return await use(client)

        return asyncio.run(connect_and_use())

    def call(self, name: str, token: str | None = None, /, **arguments: object) -> CallToolResult:
        """The result of one call over a connection of its own."""

        async def use(client: Client) -> CallToolResult:
            return await client.call_tool(name, arguments)

        return self.with_client(use, token)

    def done(self, name: str, token: str | None = None, /, **arguments: object) -> Json:
        """The structured content of a call that succeeded."""
        return done(self.call(name, token, **arguments))

    def refused(self, name: str, token: str | None = None, /, **arguments: object) -> Json:
        """The error of a call that was refused."""
        return refused(self.call(name, token, **arguments))


def done(result: CallToolResult) -> Json:
    """The structured content of a call that succeeded: a reply of the doors, and the next call."""
    told: Json = result.structured_content
    assert not result.is_error, told
    assert (told["ok"], told["error"]) == (True, None)
    return told


def refused(result: CallToolResult) -> Json:
    """The error of a call that was refused, told to programs and to models alike."""
    told: Json = result.structured_content
    assert result.is_error
    assert (told["ok"], told["data"]) == (False, None)
    error: Json = told["error"]
    assert error["code"] in text(result)
    assert error["recovery"]["suggested_tool_call"] == told["next_tool_call"]
    return error


def text(result: CallToolResult) -> str:
    """What a model reads."""
    [block] = result.content
    assert block.type == "text"
    return block.text


@contextmanager
def opened(
    sessions: Sessions, *, mode: str = "auto", layers: Sequence[Callable[[ASGIApp], ASGIApp]] = ()
) -> Iterator[Tools]:
    """A house whose tools can be called. `layers` are put around its application."""
    clock, page, deposit = Clock(), hosted_page(), crypto_deposit()
    rails = {page.rail_id: page, deposit.rail_id: deposit}
    app = create_app(sessions, rails, settings(), clock, receipt_key=SigningKey.generate())
    for layer in layers:
        app.add_middleware(layer)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Tools(Doors(url, http, clock, sessions, page, deposit, app), app, mode)


@pytest.fixture(params=MODES)
def tools(sessions: Sessions, request: pytest.FixtureRequest) -> Iterator[Tools]:
    """A house whose tools can be called, by clients of either age."""
    with opened(sessions, mode=request.param) as found:
        yield found
