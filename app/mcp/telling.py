"""What a tool answers: the door's own reply for programs, and the same in text for models."""

import json
from collections.abc import Mapping
from typing import Final

from mcp.types import CallToolResult, TextContent

from app.mcp import advice
from app.mcp.replies import Arguments, Reply, at
from app.mcp.tools import Tool

_CALL: Final[Mapping[str, object]] = {
    "type": ["object", "null"],
    "description": "The tool to call next, with these arguments, not before after_seconds have passed.",
    "properties": {
        "tool": {"type": "string"},
        "arguments": {"type": "object"},
        "after_seconds": {"type": "number"},
        "fill_in": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["tool", "arguments"],
}
OUTPUT: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "command": {"type": "string"},
        "trace_id": {"type": "string"},
        "actor": {"type": ["object", "null"]},
        "data": {"type": ["object", "null"]},
        "warnings": {"type": "array"},
        "error": {"type": ["object", "null"]},
        "next_tool_call": _CALL,
    },
    "required": ["ok", "trace_id", "data", "warnings", "error", "next_tool_call"],
}
_HOW_TO_SAY_WHO_YOU_ARE: Final = (
    "If you have a token, send it as the header `Authorization: Bearer TOKEN` of this MCP connection"
    " (PENNYRAIL_TOKEN for `pennyrail mcp`). If your client cannot set headers, pass it as the argument"
    " `token`. If you have none, call sign_up first."
)
_KEPT: Final = (
    "If you have a token, start this server with it as PENNYRAIL_TOKEN. If you have none, call sign_up: this"
    " server keeps the token and acts as that agent from then on."
)


def result(tool: Tool, given: Arguments, reply: Reply, *, token_is_kept: bool) -> CallToolResult:
    """The result of a call. `token_is_kept`: whoever signs up need not show the token."""
    call = advice.next_call(tool, given, reply)
    told = reply | {"next_tool_call": call}
    if not reply["ok"]:
        told["error"] = _with_call(reply["error"], call)
    return CallToolResult(
        content=[
            TextContent(
                type="text", text=_text(tool, told, _KEPT if token_is_kept else _HOW_TO_SAY_WHO_YOU_ARE)
            )
        ],
        structured_content=told,
        is_error=not reply["ok"],
    )


def _with_call(error: object, call: Reply | None) -> object:
    """The error with its recovery in the words of tools beside those of the command line."""
    if not isinstance(error, dict):
        return error
    recovery = error.get("recovery")
    known = recovery if isinstance(recovery, dict) else {}
    return {**error, "recovery": {**known, "suggested_tool_call": call}}


def _text(tool: Tool, told: Reply, who: str) -> str:
    lines = [*_outcome(tool, told, who), *_advised(told["next_tool_call"])]
    if (warnings := told["warnings"]) and isinstance(warnings, list):
        lines += [f"Warning: {warning}" for warning in warnings]
    # Some clients show a model the text alone.
    shown = told["data"] if told["ok"] else told["error"]
    return "\n".join([*lines, json.dumps(shown, ensure_ascii=False, separators=(",", ":"))])


def _outcome(tool: Tool, told: Reply, who: str) -> list[str]:
    if not told["ok"]:
        code = at(told, "error", "code")
        lines = [f"{tool.name} failed: {code}: {at(told, 'error', 'message')} ({told['trace_id']})"]
        return [*lines, who] if code == "AUTH_REQUIRED" else lines
    state, step = at(told, "data", "state"), at(told, "data", "next")
    lines = [f"{tool.name}: {state}" if isinstance(state, str) else f"{tool.name}: done"]
    for name, words in (("may_pay", "May you pay now"), ("message", "What it means")):
        if isinstance(said := at(step, name), str):
            lines.append(f"{words}: {said}")
    return lines


def _advised(call: object) -> list[str]:
    if call is None:
        return []
    seconds, blanks = at(call, "after_seconds"), at(call, "fill_in")
    line = f"Next: call {at(call, 'tool')} with {json.dumps(at(call, 'arguments'))}"
    if isinstance(blanks, list):
        line += f", and with your own {', '.join(map(str, blanks))}"
    return [line + (f", after {seconds} seconds" if seconds is not None else "")]
