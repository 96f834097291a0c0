"""An agent that has an MCP client, a wallet and no shell ends with credits."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from sandbox.house import House
from sandbox.wallet import Wallet

Json = dict[str, Any]


class Caller:
    """Makes the calls that results name, and remembers them. Polls are not counted."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.calls: list[str] = []
        self.token = ""

    async def call(self, name: str, **arguments: object) -> Json:
        """The structured content of a call."""
        if name != "get_status":
            self.calls.append(name)
        if self.token and await self._takes_token(name):
            arguments["token"] = self.token
        result = await self.client.call_tool(name, arguments)
        told: Json = result.structured_content
        assert not result.is_error or told["error"]["code"] == "RECEIPT_NOT_SEALED_YET", told
        return told

    async def follow(self, told: Json) -> Json:
        """The call that a result names, after the time it names."""
        call = told["next_tool_call"]
        await asyncio.sleep(call.get("after_seconds", 0))
        return await self.call(call["tool"], **call["arguments"])

    async def _takes_token(self, name: str) -> bool:
        listed = await self.client.list_tools()
        return any("token" in tool.input_schema["properties"] for tool in listed.tools if tool.name == name)


async def end_with_credits(caller: Caller, wallet: Wallet) -> Json:
    """What the balance says after a purchase and its signed receipt, from the methods on."""
    quoted = await caller.follow(await caller.call("list_payment_methods"))
    told = await caller.follow(quoted)
    pay = told["data"]["stripe_x402"]["payable_instructions"]
    await asyncio.to_thread(wallet.send_usdc, pay["deposit_address"], int(pay["token_amount_atomic"]))
    while told["data"]["state"] != "succeeded":
        assert told["next_tool_call"]["tool"] == "get_status", told
        told = await caller.follow(told)
    while told["next_tool_call"]["tool"] == "get_receipt":
        told = await caller.follow(told)
    assert told["data"]["jws"]
    return await caller.follow(told)


@asynccontextmanager
async def over_http(home: House, token: str | None = None) -> AsyncIterator[Client]:
    """A connection to the service's own tools."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{home.addresses.api_url}/mcp", http_client=http)) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(home: House) -> AsyncIterator[Client]:
    """A connection to a process on the agent's own machine."""
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "app.cli", "mcp", "--api-base-url", home.addresses.api_url],
        env=dict(os.environ),
    )
    async with Client(program) as client:
        yield client


async def with_a_header(home: House, wallet: Wallet) -> tuple[Json, Caller]:
    async with over_http(home) as client:
        stranger = Caller(client)
        signed_up = await stranger.call("sign_up", agent_name="painter", runtime="tests")
    async with over_http(home, signed_up["data"]["token"]) as client:
        caller = Caller(client)
        caller.calls += stranger.calls
        return await end_with_credits(caller, wallet), caller


async def with_an_argument(home: House, wallet: Wallet) -> tuple[Json, Caller]:
    async with over_http(home) as client:
        caller = Caller(client)
        signed_up = await caller.call("sign_up", agent_name="painter", runtime="tests")
        caller.token = signed_up["data"]["token"]
        return await end_with_credits(caller, wallet), caller


async def with_a_process(home: House, wallet: Wallet) -> tuple[Json, Caller]:
    async with over_stdio(home) as client:
        caller = Caller(client)
        await caller.call("sign_up", agent_name="painter", runtime="tests")
        return await end_with_credits(caller, wallet), caller


@pytest.mark.parametrize("connected", [with_a_header, with_an_argument, with_a_process])
def test_an_agent_with_nothing_but_tools_ends_with_credits(home: House, connected: Any) -> None:
    wallet = Wallet.create(home.addresses.rpc_url)
    before = wallet.usdc_units()

    balance, caller = asyncio.run(connected(home, wallet))

    assert balance["data"]["limits"]["payment_backed_remaining_credits"] == 500
    steps = ["sign_up", "list_payment_methods", "get_quote", "buy", "get_receipt", "get_balance"]
    # A receipt can be asked for again until it is sealed, seconds later.
    assert list(dict.fromkeys(caller.calls)) == steps
    assert len(caller.calls) <= 7
    assert before - wallet.usdc_units() == 5_000_000
