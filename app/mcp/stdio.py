"""The tools on standard input and output, for an agent's own machine: they ask a service over HTTP."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import anyio
import httpx
from mcp.server.stdio import stdio_server
from starlette.requests import Request
from typing_extensions import override

from app import envelope
from app.api.healthz import API_VERSION
from app.mcp import server
from app.mcp.replies import at

# Longer than the longest wait that a door grants.
_SECONDS: Final = 60


def run(*, base_url: str, token: str) -> None:
    """Answer until standard input ends. `token` may be empty: signing up gives one."""
    anyio.run(_serve, _Outside(base_url, _Shown(token)))


async def _serve(entrance: server.Entrance) -> None:
    tools = server.build(entrance, version=API_VERSION)
    async with stdio_server() as (reading, writing):
        await tools.run(reading, writing, tools.create_initialization_options())


class _Shown(httpx.Auth):
    """The agent's token in every request; the one that a signup returns, from then on.

    It is kept in this process alone, so that a model need not repeat it.
    """

    requires_response_body = True

    def __init__(self, token: str) -> None:
        self._token = token

    @override
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Show the token, and look whether the answer holds a new one."""
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        answer = yield request
        if request.url.path == "/v1/agent-signups" and answer.status_code == 200:
            self._token = _fresh_token(answer) or self._token


def _fresh_token(answer: httpx.Response) -> str | None:
    # What is no JSON is told by whoever asked.
    try:
        fresh = at(answer.json(), "data", "token")
    except (ValueError, RecursionError):
        return None
    return fresh if isinstance(fresh, str) else None


@dataclass(frozen=True, slots=True)
class _Outside:
    """The doors of a service somewhere else."""

    base_url: str
    shown: _Shown

    def client(self, _request: Request | None, _token: str | None) -> httpx.AsyncClient:
        """A client that is the agent of this process."""
        return httpx.AsyncClient(base_url=self.base_url, auth=self.shown, timeout=_SECONDS)

    def takes_token(self, _request: Request | None) -> bool:
        """Never: this process has it, and no model needs to see it."""
        return False

    def keeps_token(self) -> bool:
        """Always: whoever signs up here is that agent until the process ends."""
        return True

    def trace_id(self, _request: Request | None) -> str:
        """A name for a call that no request carries."""
        return envelope.new_trace_id()
