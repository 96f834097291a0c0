"""What to call next: the commands that the doors suggest, said as calls of tools."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from app import credentials
from app.commands import FLAGS
from app.mcp.replies import Arguments, Reply, at
from app.mcp.tools import TOOLS, Tool

_COMMANDS: Final[Mapping[tuple[str, ...], str]] = {
    ("credits", "packs", "list"): "list_packs",
    ("credits", "methods"): "list_payment_methods",
    ("credits", "quote"): "get_quote",
    ("credits", "buy"): "buy",
    ("credits", "status"): "get_status",
    ("usage", "quota"): "get_balance",
    ("activity", "list"): "list_activity",
    ("signup",): "sign_up",
}
_FIELDS: Final = {flag: field for field, flag in FLAGS.items()}
_MISFITS: Final = ("INVALID_ARGUMENTS", "PAYMENT_CREDENTIAL_REJECTED")
# What commands leave for the agent to fill in.
_BLANK: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)*")


def tool_call(command: str) -> Reply | None:
    """The call that does what a command does, None if no tool does that.

    `fill_in` names what the call needs and the command leaves open.
    """
    words = shlex.split(command)
    for start in range(len(words)):
        for spelled, name in _COMMANDS.items():
            if tuple(words[start : start + len(spelled)]) == spelled:
                tool = TOOLS[name]
                arguments = dict(_arguments(tool, words[start + len(spelled) :]))
                open_fields = [field for field in tool.required if field not in arguments]
                return {
                    "tool": name,
                    "arguments": arguments,
                    **({"fill_in": open_fields} if open_fields else {}),
                }
    return None


def next_call(tool: Tool, given: Arguments, reply: Reply) -> Reply | None:
    """The call to make after this reply, and after how many seconds; None if there is nothing to do."""
    if reply["ok"]:
        seconds = at(reply, "data", "next", "retry_after_seconds")
        call = _receipt(reply) or next(_suggested(reply), None) or (_bare(tool.then) if tool.then else None)
    else:
        seconds = at(reply, "error", "recovery", "retry_after_seconds")
        call = next(_suggested_after_error(reply), None)
        if call is None and (at(reply, "error", "retryable") or seconds is not None):
            call = {"tool": tool.name, "arguments": dict(given)}
        if call is None and at(reply, "error", "code") in _MISFITS:
            call = _repaired(tool, given)
    return call if call is None or seconds is None else {**call, "after_seconds": seconds}


def _repaired(tool: Tool, given: Arguments) -> Reply:
    """The same call with those of its arguments that can stay, and the names of what it lacks."""
    kept = {
        name: value
        for name, value in given.items()
        if name in tool.fields and not credentials.anywhere_in({name: value})
    }
    lacks = [name for name in tool.required if name not in kept]
    if tool.one_of and not any(name in kept for name in tool.one_of):
        lacks.append(tool.one_of[0])
    return {"tool": tool.name, "arguments": kept, **({"fill_in": lacks} if lacks else {})}


def _receipt(reply: Reply) -> Reply | None:
    """The proof of a purchase that succeeded, where receipts are signed."""
    receipt = at(reply, "data", "receipt")
    if at(reply, "data", "state") != "succeeded" or at(receipt, "signed_receipt_url") is None:
        return None
    return {"tool": "get_receipt", "arguments": {"receipt_id": at(receipt, "receipt_id")}}


def _bare(name: str) -> Reply:
    return {"tool": name, "arguments": {}}


def _suggested(reply: Reply) -> Iterator[Reply]:
    commands = at(reply, "data", "next", "suggested_commands")
    yield from _translated(*(commands if isinstance(commands, list) else ()))
    if at(reply, "data", "next") is None:
        actions = at(reply, "data", "next_actions")
        yield from _translated(at(actions, "recommended_buy", "command"))
        yield from _translated(at(actions, "recommended_quote", "command"))
        instead = at(actions, "quotes_instead")
        yield from _translated(*(instead if isinstance(instead, list) else ()))
    # What is on its way comes before what could be bought.
    if at(reply, "data", "top_up", "recommended") is True or at(reply, "data", "top_up", "pending_purchases"):
        yield from _translated(at(reply, "data", "top_up", "first_command"))


def _suggested_after_error(reply: Reply) -> Iterator[Reply]:
    recovery = at(reply, "error", "recovery")
    several = at(recovery, "suggested_commands")
    yield from _translated(at(recovery, "suggested_command"))
    yield from _translated(*(several if isinstance(several, list) else ()))


def _translated(*commands: object) -> Iterator[Reply]:
    for command in commands:
        if isinstance(command, str) and (call := tool_call(command)) is not None:
            yield call


def _arguments(tool: Tool, words: list[str]) -> Iterator[tuple[str, object]]:
    for flag, value in pairwise(words):
        field = _FIELDS.get(flag)
        if field is None or field not in tool.fields or _BLANK.fullmatch(value):
            continue
        is_number = tool.fields[field]["type"] == "integer"
        yield field, int(value) if is_number and value.isdecimal() else value
