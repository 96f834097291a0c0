"""The MCP server itself: lists the tools and answers their calls, whoever carries the messages."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool
from starlette.requests import Request

from app import credential_kinds, credentials
from app.agents import TOKEN_PREFIX
from app.mcp import telling
from app.mcp.asking import Doors
from app.mcp.replies import Arguments, Reply, refusal
from app.mcp.tools import TOOLS, Tool

Context = ServerRequestContext[dict[str, Any], Request]

INSTRUCTIONS: Final = (
    "Pennyrail sells prepaid credits to agents: one credit costs one US cent."
    " Call sign_up once if you have no token, then list_payment_methods and get_quote."
    " Call buy to open the payment; no tool moves money, so pay exactly what buy says, once, with your own"
    " wallet, or give the link to a person."
    " Then call get_status, waiting as next_tool_call says, until data.terminal is true, and never pay again"
    " while it is not."
    " Every result names the next step in next_tool_call, errors included; never send a private key, seed"
    " phrase or card to any tool."
)
_TOKEN: Final = re.compile(rf"{TOKEN_PREFIX}[\w-]{{20,100}}")
_TOKEN_FIELD: Final[Mapping[str, object]] = {
    "type": "string",
    "description": "Your token of sign_up. Only for clients that cannot send the header Authorization.",
}


class Entrance(Protocol):
    """How a call comes to the HTTP doors."""

    def client(self, request: Request | None, token: str | None) -> httpx.AsyncClient:
        """A client of the doors for one call."""

    def takes_token(self, request: Request | None) -> bool:
        """Whether a call may name its agent by an argument, because the connection does not."""

    def keeps_token(self) -> bool:
        """Whether it shows the token of a signup by itself from then on."""

    def trace_id(self, request: Request | None) -> str:
        """The name of this call in our logs."""


def build(entrance: Entrance, *, version: str) -> Server[dict[str, Any]]:
    """A server of the tools over these doors."""

    async def list_tools(context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        takes_token = entrance.takes_token(context.request)
        return ListToolsResult(tools=[_listed(tool, takes_token, entrance) for tool in TOOLS.values()])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, "no tool has this name; list the tools")
        # Models often send null for what they leave out.
        given = {name: value for name, value in (params.arguments or {}).items() if value is not None}
        token = _token(tool, given, taken=entrance.takes_token(context.request))
        reply = await _reply(entrance, context.request, tool, given, token)
        return telling.result(tool, given, reply, token_is_kept=entrance.keeps_token())

    return Server(
        "pennyrail",
        version=version,
        title="Pennyrail",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: _schema(TOOLS[name], takes_token=True) if name in TOOLS else None,
    )


async def _reply(
    entrance: Entrance, request: Request | None, tool: Tool, given: Arguments, token: str | None
) -> Reply:
    trace_id = entrance.trace_id(request)
    # Before any door is asked: what is a secret must not leave the agent's machine.
    if (found := credentials.found_in(dict(given))) is not None:
        place = f"the argument {found.field}" if found.field else "an argument"
        told = credential_kinds.refusal(place, found.kind)
        return refusal("PAYMENT_CREDENTIAL_REJECTED", trace_id=trace_id, message=told)
    if (problem := _misfit(tool, given)) is not None:
        return refusal("INVALID_ARGUMENTS", trace_id=trace_id, message=problem)
    async with entrance.client(request, token) as http:
        return await tool.ask(Doors(http, trace_id), given)


def _token(tool: Tool, given: dict[str, object], *, taken: bool) -> str | None:
    """The agent's token, taken out of the arguments where it may stand there.

    What looks like another credential stays, to be refused. What looks like nothing is no token: the doors
    ask for one. Tools that need no agent take it from whoever sends it with every call.
    """
    token = given.get("token")
    ours = isinstance(token, str) and _TOKEN.fullmatch(token) is not None
    if not isinstance(token, str) or not (ours or not credentials.looks_like_one(token)):
        return None
    if not (taken if tool.needs_agent else _ignores_token(tool)):
        return None
    del given["token"]
    return token if ours and tool.needs_agent else None


def _ignores_token(tool: Tool) -> bool:
    # Whoever shows a token to `sign_up` is an agent already: that is refused, not ignored.
    return not tool.needs_agent and tool.reads_only


def _misfit(tool: Tool, given: Arguments) -> str | None:
    """What keeps a call from being asked at all. What values may be is for the doors to say."""
    missing = [name for name in tool.required if name not in given]
    if missing:
        return f"missing: {', '.join(missing)}"
    if not given.keys() <= tool.fields.keys():
        return f"this tool takes {', '.join(tool.fields) or 'no arguments'}, and nothing else"
    return None


def _listed(tool: Tool, takes_token: bool, entrance: Entrance) -> ListedTool:
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.kept if tool.kept and entrance.keeps_token() else tool.description,
        input_schema=_schema(tool, takes_token=takes_token),
        output_schema=dict(telling.OUTPUT),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads_only,
            destructive_hint=False,
            idempotent_hint=tool.idempotent,
            open_world_hint=tool.open_world,
        ),
    )


def _schema(tool: Tool, *, takes_token: bool) -> dict[str, object]:
    token = {"token": _TOKEN_FIELD} if takes_token and (tool.needs_agent or _ignores_token(tool)) else {}
    return {
        "type": "object",
        "properties": {**tool.fields, **token},
        "required": list(tool.required),
        "additionalProperties": False,
    }
