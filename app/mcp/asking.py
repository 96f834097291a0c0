"""Asking the HTTP doors: in this process or across the network, the same requests and the same replies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from app.mcp.replies import Arguments, Reply, failure

# What clients of the contract say when they reach nobody; no service sends these.
NOT_REACHED: Final = "HOSTED_API_REQUEST_FAILED"
NOT_JSON: Final = "HOSTED_API_NON_JSON_RESPONSE"
RETRY_AFTER_SECONDS: Final = 5


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
        except httpx.TransportError:
            # Not the error's own words: they may hold the address with a password in it.
            return self._not_reached(
                NOT_REACHED, "the service was not reached; nothing is known of this call"
            )
        try:
            reply = answer.json()
        except ValueError:
            reply = None
        if not isinstance(reply, dict) or "ok" not in reply:
            return self._not_reached(NOT_JSON, "something answered that is not this service")
        return reply

    def _not_reached(self, code: str, message: str) -> Reply:
        again = {"retry_after_seconds": RETRY_AFTER_SECONDS}
        return failure(code, message, retryable=True, trace_id=self.trace_id, recovery=again)


def _query(asked: Arguments) -> Mapping[str, str | int | float | bool]:
    # Of what is no plain value the door says best that it does not fit.
    return {
        name: value if isinstance(value, str | int | float | bool) else json.dumps(value)
        for name, value in asked.items()
    }
