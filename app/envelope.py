"""The one shape of every reply, and the header that tells a client how to exit."""

import os
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import commands
from app.house import house
from app.models import Agent

Fields = Mapping[str, object]

EXIT_CODE_HEADER: Final = "x-image-skill-exit-code"
REPLAYED_HEADER: Final = "idempotent-replayed"


# Drawn many at a time: asking the system at every request cost more than reading the request.
_TRACES: Final[deque[str]] = deque()
_DRAWN: Final = 512
os.register_at_fork(after_in_child=_TRACES.clear)


def new_trace_id() -> str:
    """A fresh name for one request."""
    try:
        return _TRACES.popleft()
    except IndexError:
        drawn = secrets.token_hex(8 * _DRAWN)
        _TRACES.extend(f"trace_{drawn[at : at + 16]}" for at in range(0, len(drawn), 16))
        return _TRACES.popleft()


def actor(agent: Agent) -> Fields:
    """An agent as replies name it."""
    return {
        "actor_type": "agent",
        "actor_id": agent.agent_id,
        "organization_id": agent.organization_id,
        "claim_state": agent.claim_state,
    }


def success(
    request: Request,
    *,
    data: Fields,
    agent: Agent | None = None,
    warnings: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The reply to a request that was done. `agent` is whose token was shown, if one was asked for."""
    content = told(request, data=data, agent=agent, warnings=warnings)
    return JSONResponse(content, headers=_headers(0, headers))


def unchanged(headers: Mapping[str, str]) -> Response:
    """The reply to who has the latest already: no body."""
    return Response(status_code=304, headers=_headers(0, headers))


def told(
    request: Request, *, data: Fields, agent: Agent | None, warnings: Sequence[str] = ()
) -> dict[str, object]:
    """What a request that was done is answered."""
    return _envelope(request) | {
        "ok": True,
        "actor": actor(agent) if agent is not None else None,
        "data": data,
        "warnings": list(warnings),
    }


def failure(
    request: Request,
    *,
    http_status: int,
    exit_code: int,
    error: Fields,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The reply to a request that was refused, with what to do next in `error`."""
    request.state.error_code = error["code"]
    content = _envelope(request) | {"error": error}
    return JSONResponse(content, status_code=http_status, headers=_headers(exit_code, headers))


def tell(reply: Response, *, replayed: bool) -> Response:
    """The reply, saying so if an earlier request had the same effect."""
    if replayed:
        reply.headers[REPLAYED_HEADER] = "true"
    return reply


def path_template(request: Request) -> str | None:
    """The path as the route spells it: it holds no ids, so it may be logged. None if no route matched."""
    template = getattr(request.scope.get("route"), "path", None)
    return template if isinstance(template, str) else None


def _headers(exit_code: int, more: Mapping[str, str] | None) -> Mapping[str, str]:
    # A reply may hold a token or an address to pay to: nobody on the way may keep it.
    return {"cache-control": "no-store", EXIT_CODE_HEADER: str(exit_code), **(more or {})}


def _envelope(request: Request) -> dict[str, object]:
    return {
        "ok": False,
        "command": f"{house(request).settings.client_command} {commands.label(path_template(request))}",
        "trace_id": request.state.trace_id,
        "actor": None,
        "data": None,
        "warnings": [],
        "error": None,
    }
