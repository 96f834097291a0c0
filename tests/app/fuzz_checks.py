"""What must hold for every reply, beside what Schemathesis looks for by itself."""

from typing import Any

import schemathesis
from schemathesis import HookContext
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case

PARTS = {"ok", "command", "trace_id", "actor", "data", "warnings", "error"}


@schemathesis.hook
def map_query(_context: HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Ask for short waits only: how long a reply is held back is tested elsewhere."""
    if query and isinstance(query.get("wait"), int) and query["wait"] > 1:
        return {**query, "wait": 1}
    return query


@schemathesis.check
def every_refusal_is_an_envelope(_ctx: CheckContext, response: Response, _case: Case[Any]) -> None:
    """Whatever was sent, a refusal can be read by a client."""
    assert "x-image-skill-exit-code" in response.headers
    if response.status_code >= 400:
        reply = response.json()
        assert set(reply) == PARTS
        assert (reply["ok"], reply["data"]) == (False, None)
        assert reply["error"]["code"] not in ("INTERNAL_ERROR", "SERVICE_UNAVAILABLE")
