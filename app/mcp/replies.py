"""Replies of the HTTP doors as the tools pass them on, and the few that a tool makes itself."""

from collections.abc import Mapping

from app import http_errors

Reply = dict[str, object]
Arguments = Mapping[str, object]


def at(reply: object, *names: str) -> object:
    """What stands in nested objects under these names, None if one of them is missing."""
    for name in names:
        if not isinstance(reply, Mapping):
            return None
        reply = reply.get(name)
    return reply


def refusal(code: str, *, trace_id: str, message: str | None = None) -> Reply:
    """The reply to a call that never reached a door, in the words of the doors."""
    status = http_errors.STATUS[code]
    return failure(code, message or status.message, retryable=status.retryable, trace_id=trace_id)


def failure(
    code: str, message: str, *, retryable: bool, trace_id: str, recovery: Arguments | None = None
) -> Reply:
    """A reply that says no."""
    error = {"code": code, "message": message, "retryable": retryable, "recovery": dict(recovery or {})}
    return {
        "ok": False,
        "command": "mcp",
        "trace_id": trace_id,
        "actor": None,
        "data": None,
        "warnings": [],
        "error": error,
    }
