"""Who may call a tool, from where, and with what."""

import json
import logging

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ListToolsResult
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.mcp.tools import TOOLS
from ledger.database import Sessions
from tests.mcp.conftest import Tools, opened, refused, text

READING = {
    "list_payment_methods",
    "list_packs",
    "get_status",
    "get_balance",
    "get_receipt",
    "list_activity",
}
FOR_EVERYBODY = {"sign_up", "list_payment_methods", "list_packs"}
PRIVATE_KEY = "0x" + "ab" * 32
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "list_packs", "arguments": {}},
}
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


async def listed(client: Client) -> ListToolsResult:
    return await client.list_tools()


def test_every_tool_says_what_it_may_do(tools: Tools) -> None:
    found = {tool.name: tool for tool in tools.with_client(listed).tools}

    assert found.keys() == READING | {"sign_up", "get_quote", "buy"}
    for name, tool in found.items():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (name in READING)
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.idempotent_hint is (name not in {"sign_up", "get_quote"})
        assert tool.annotations.open_world_hint is (name == "buy")
        assert tool.output_schema is not None
        assert "money" in str(tool.description)


def test_a_connection_with_a_token_is_offered_no_field_for_one(tools: Tools) -> None:
    agent = tools.doors.agent()

    known = tools.with_client(listed, agent.token).tools
    unknown = tools.with_client(listed).tools

    assert [tool.name for tool in known if "token" in tool.input_schema["properties"]] == []
    asked = {tool.name for tool in unknown if "token" in tool.input_schema["properties"]}
    assert asked == TOOLS.keys() - {"sign_up"}


@pytest.mark.parametrize("name", sorted(TOOLS.keys() - FOR_EVERYBODY))
def test_a_stranger_is_told_how_to_become_an_agent(tools: Tools, name: str) -> None:
    arguments = dict.fromkeys(TOOLS[name].required, "unknown")

    answer = tools.call(name, **arguments)

    error = refused(answer)
    assert error["code"] == "AUTH_REQUIRED"
    assert "suggested_command" in error["recovery"]
    call = error["recovery"]["suggested_tool_call"]
    assert call == {"tool": "sign_up", "arguments": {"agent_name": "my-agent", "runtime": "my-runtime"}}
    assert "Authorization: Bearer TOKEN" in text(answer)


def test_a_client_without_headers_names_its_agent_by_an_argument(tools: Tools) -> None:
    agent = tools.doors.agent()

    told = tools.call("get_balance", token=agent.token)

    assert not told.is_error
    assert str(agent.token) not in json.dumps(told.structured_content) + text(told)


@pytest.mark.parametrize("token", [PRIVATE_KEY, "sk_live_abcdefgh1234"])
def test_only_a_token_of_ours_is_taken_as_one(tools: Tools, token: str) -> None:
    error = tools.refused("get_balance", token=token)

    assert error["code"] == "PAYMENT_CREDENTIAL_REJECTED"


@pytest.mark.parametrize("token", ["abc", ""])
def test_what_is_no_token_at_all_leads_to_a_signup(tools: Tools, token: str) -> None:
    error = tools.refused("get_balance", token=token)

    assert error["code"] == "AUTH_REQUIRED"
    assert error["recovery"]["suggested_tool_call"]["tool"] == "sign_up"


@pytest.mark.parametrize("name", ["list_payment_methods", "list_packs"])
def test_who_sends_the_token_with_every_call_may_send_it_to_everybody_s_tools(
    tools: Tools, name: str
) -> None:
    agent = tools.doors.agent()

    told = tools.done(name, token=agent.token)

    assert (told["actor"], told["next_tool_call"] is None) == (None, False)
    assert str(agent.token) not in json.dumps(told)


@pytest.mark.parametrize("name", sorted(TOOLS))
@pytest.mark.parametrize(
    "secret", [{"wallet_private_key": "x"}, {"receipt_id": PRIVATE_KEY}, {"seed": 1}, {"note": [{"cvc": 1}]}]
)
def test_no_tool_takes_a_credential(
    tools: Tools, name: str, secret: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    agent = tools.doors.agent()
    caplog.set_level(logging.DEBUG)

    answer = tools.call(name, agent.token, **secret)

    assert refused(answer)["code"] == "PAYMENT_CREDENTIAL_REJECTED"
    assert PRIVATE_KEY not in json.dumps(answer.structured_content) + text(answer)


def test_an_x402_header_of_the_connection_is_refused_as_at_the_doors(tools: Tools) -> None:
    async def use(client: Client) -> dict[str, object]:
        return refused(await client.call_tool("list_packs", {}))

    error = tools.with_client(use, None, **{"x-payment": "abc"})

    assert error["code"] == "PAYMENT_CREDENTIAL_REJECTED"


@pytest.mark.parametrize(
    ("name", "arguments", "call"),
    [
        ("buy", {}, {"tool": "buy", "arguments": {}, "fill_in": ["quote_id"]}),
        ("get_quote", {"amount": 5}, {"tool": "get_quote", "arguments": {}, "fill_in": ["credits"]}),
        ("get_balance", {"x": 1}, {"tool": "get_balance", "arguments": {}}),
        (
            "buy",
            {"quote_id": "quote_1", "idempotency_key": PRIVATE_KEY},
            {"tool": "buy", "arguments": {"quote_id": "quote_1"}},
        ),
    ],
)
def test_a_call_that_does_not_fit_leads_to_itself_with_what_it_lacks(
    tools: Tools, name: str, arguments: dict[str, object], call: dict[str, object]
) -> None:
    error = tools.refused(name, tools.doors.agent().token, **arguments)

    assert error["recovery"]["suggested_tool_call"] == call


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("buy", {}, "missing: quote_id"),
        ("get_quote", {"credits": "five"}, "credits: input should be a valid integer"),
        ("get_quote", {"amount": 5}, "this tool takes credits"),
        ("list_payment_methods", {"x": 1}, "this tool takes no arguments"),
        ("get_status", {"quote_id": "a", "receipt_id": "b"}, "give at most one reference"),
        ("list_activity", {"limit": {"a": 1}}, "limit"),
    ],
)
def test_a_call_that_does_not_fit_is_told_why(
    tools: Tools, name: str, arguments: dict[str, object], says: str
) -> None:
    error = tools.refused(name, tools.doors.agent().token, **arguments)

    assert error["code"] == "INVALID_ARGUMENTS"
    assert says in error["message"]


def test_an_unknown_quote_leads_back_to_the_methods(tools: Tools) -> None:
    error = tools.refused("buy", tools.doors.agent().token, quote_id="quote_unknown")

    assert error["code"] == "CREDIT_QUOTE_NOT_FOUND"
    assert error["recovery"]["suggested_tool_call"]["tool"] == "list_payment_methods"


def test_a_taken_key_comes_with_a_call_that_works(tools: Tools) -> None:
    agent = tools.doors.agent()
    tools.done("get_quote", agent.token, credits=5, payment_method="fake_page", idempotency_key="mine")

    error = tools.refused(
        "get_quote", agent.token, credits=6, payment_method="fake_page", idempotency_key="mine"
    )
    call = error["recovery"]["suggested_tool_call"]

    assert error["code"] == "CREDIT_QUOTE_CONFLICT"
    assert tools.done(call["tool"], agent.token, **call["arguments"])["data"]["credits"] == 6


def test_while_the_processor_is_silent_the_same_call_is_suggested(tools: Tools) -> None:
    agent = tools.doors.agent()
    quote_id = agent.quote()["quote_id"]
    tools.doors.deposit.unreachable = True

    error = tools.refused("buy", agent.token, quote_id=quote_id)

    call = error["recovery"]["suggested_tool_call"]
    assert (call["tool"], call["arguments"]["quote_id"]) == ("buy", quote_id)
    assert call["after_seconds"] == error["recovery"]["retry_after_seconds"]


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(tools: Tools) -> None:
    async def use(client: Client) -> str:
        with pytest.raises(MCPError) as refusal:
            await client.call_tool("transfer_funds", {})
        return refusal.value.message

    assert tools.with_client(use) == "no tool has this name; list the tools"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://pennyrail.example"}, 200),
        ({"host": "pennyrail.example"}, 200),
        ({"origin": "http://localhost:3000"}, 200),
    ],
)
def test_only_our_own_names_reach_the_tools(tools: Tools, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{tools.doors.url}/mcp", json=CALL, headers={**HEADERS, **headers})

    assert answer.status_code == status


def test_a_long_message_is_not_read(tools: Tools) -> None:
    long = {**CALL, "params": {"name": "list_packs", "arguments": {"note": "x" * 40_000}}}

    answer = httpx.post(f"{tools.doors.url}/mcp", json=long, headers=HEADERS)

    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_stream_to_hold_open(tools: Tools, method: str) -> None:
    answer = httpx.request(method, f"{tools.doors.url}/mcp", headers={"accept": "text/event-stream"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")


def test_the_log_shows_who_asked_for_what_under_one_trace(
    tools: Tools, caplog: pytest.LogCaptureFixture
) -> None:
    agent = tools.doors.agent()
    quote_id = agent.quote()["quote_id"]
    caplog.set_level(logging.DEBUG, logger="pennyrail")
    caplog.clear()

    bought = tools.done("buy", agent.token, quote_id=quote_id)

    lines = [record.getMessage() for record in caplog.records if record.name == "pennyrail.http"]
    ours = [line for line in lines if bought["trace_id"] in line]
    assert [line.split()[1] for line in ours] == [
        "/v1/credit-purchases/status",
        "/v1/payment-methods",
        "/v1/credit-purchases/fake-deposits",
        "/mcp",
    ]
    assert not [line for line in caplog.messages if quote_id in line or str(agent.token) in line]


def test_the_doors_see_the_address_and_the_client_of_the_caller(sessions: Sessions) -> None:
    callers: list[tuple[str, str, object]] = []

    class Watching:
        """Writes down who asks for what."""

        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                callers.append((scope["path"], Headers(scope=scope)["user-agent"], scope["client"]))
            await self.app(scope, receive, send)

    async def use(client: Client) -> CallToolResult:
        return await client.call_tool("list_packs", {})

    with opened(sessions, layers=(Watching,)) as tools:
        tools.with_client(use, None, **{"user-agent": "painter/1"})

    [inner] = [caller for caller in callers if caller[0] == "/v1/credit-packs"]
    assert inner[1] == "painter/1"
    assert ("/mcp", *inner[1:]) in callers
