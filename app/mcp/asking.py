"""Asking the HTTP doors: in this process or across the network, the same requests and the same replies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from app.client_cli import unanswered
from app.client_cli.unanswered import Unanswered
from app.mcp.replies import Arguments, Reply, failure


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors, as the caller of one tool reaches them."""

    http: httpx.AsyncClient
    trace_id: str

    async def get(self, path: str, query: Arguments) -> Reply:
        """The reply to a reading request."""
        return await self._ask(self.http.build_request("GET", path, params=_query(query)))

    async def post(self, path: str, body: Arguments) -> Reply:
        """The reply to a request with a body."""
        return await self._ask(self.http.build_request("POST", path, json=dict(body)))

    async def _ask(self, request: httpx.Request) -> Reply:
        try:
            answer = await self.http.send(request)
        except httpx.RequestError:
            # Not the error's own words: they may hold the address with a password in it.
            message = "the service was not reached; nothing is known of this call"
            return self._unanswered(unanswered.NOT_REACHED, message)
        try:
            reply = answer.json()
        except (ValueError, RecursionError):
            reply = None
        if not unanswered.is_envelope(reply):
            message = "something answered that is not this service"
            return self._unanswered(unanswered.no_envelope(answer.status_code), message)
        return reply

    def _unanswered(self, told: Unanswered, message: str) -> Reply:
        return failure(
            told.code, message, retryable=told.retryable, trace_id=self.trace_id, recovery=told.recovery
        )


def _query(asked: Arguments) -> Mapping[str, str | int | float | bool]:
    # Of what is no plain value the door says best that it does not fit.
    return {
        name: value if isinstance(value, str | int | float | bool) else json.dumps(value)
        for name, value in asked.items()
    }
