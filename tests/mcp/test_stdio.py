"""`pennyrail mcp`: the same tools from a process of its own that knows an address and no database."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult

from app.mcp.tools import TOOLS
from ledger.database import Sessions
from tests.client_cli.conftest import Shell
from tests.mcp.conftest import MODES, done, opened, refused, text
from tests.scripted import Script, scripted

OURS = ("DATABASE_URL", "REDIS_URL", "STRIPE_", "PENNYRAIL_")


def bare(**settings: str) -> dict[str, str]:
    """An environment that knows nothing of a service but `settings`."""
    nowhere = {"PENNYRAIL_CONFIG_PATH": os.path.join("no", "such", "config.json")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | nowhere | settings


@asynccontextmanager
async def process(*options: str, mode: str = "auto", **settings: str) -> AsyncIterator[Client]:
    """A client at a process of its own."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "app.cli", "mcp", *options],
        env=bare(**settings),
        cwd=os.getcwd(),
    )
    async with Client(command, mode=mode) as client:
        yield client


@pytest.mark.parametrize("mode", MODES)
def test_whoever_signs_up_is_that_agent_until_the_process_ends(sessions: Sessions, mode: str) -> None:
    async def use(url: str) -> list[CallToolResult]:
        async with process("--api-base-url", url, mode=mode) as client:
            stranger = await client.call_tool("get_balance", {})
            signed_up = await client.call_tool("sign_up", {"agent_name": "painter", "runtime": "tests"})
            quoted = await client.call_tool("get_quote", {"credits": 5, "payment_method": "fake_deposit"})
            quote_id = done(quoted)["data"]["quote_id"]
            return [stranger, signed_up, quoted, await client.call_tool("buy", {"quote_id": quote_id})]

    with opened(sessions) as tools:
        stranger, signed_up, quoted, bought = asyncio.run(use(tools.doors.url))

        seen = tools.done(
            "get_status", done(signed_up)["data"]["token"], **done(bought)["next_tool_call"]["arguments"]
        )

    assert refused(stranger)["code"] == "AUTH_REQUIRED"
    assert "header" not in text(stranger)
    assert done(quoted)["actor"] == done(signed_up)["data"]["actor"]
    assert seen["data"]["state"] == "action_required"


def test_the_environment_says_which_agent_and_which_service(sessions: Sessions) -> None:
    async def use(url: str, token: str) -> tuple[set[str], set[str], str, CallToolResult]:
        async with process(PENNYRAIL_API_BASE_URL=url, PENNYRAIL_TOKEN=token) as client:
            listed = (await client.list_tools()).tools
            fields = {field for tool in listed for field in tool.input_schema["properties"]}
            [said] = [str(tool.description) for tool in listed if tool.name == "sign_up"]
            return {tool.name for tool in listed}, fields, said, await client.call_tool("get_balance", {})

    with opened(sessions) as tools:
        agent = tools.doors.agent()
        names, fields, said, balance = asyncio.run(use(tools.doors.url, str(agent.token)))

        whoami = agent.get("/v1/whoami")

    assert names == TOOLS.keys()
    assert "token" not in fields
    assert "header" not in said
    assert done(balance)["actor"] == whoami["actor"]


def test_a_secret_does_not_leave_the_machine_and_a_missing_service_is_told() -> None:
    async def use() -> tuple[CallToolResult, CallToolResult]:
        async with process("--api-base-url", "http://127.0.0.1:1") as client:
            secret = await client.call_tool("get_status", {"quote_id": "0x" + "ab" * 32})
            return secret, await client.call_tool("list_packs", {})

    secret, nobody = asyncio.run(use())

    assert refused(secret)["code"] == "PAYMENT_CREDENTIAL_REJECTED"
    assert refused(nobody)["code"] == "HOSTED_API_REQUEST_FAILED"
    assert refused(nobody)["recovery"]["suggested_tool_call"] == {
        "tool": "list_packs",
        "arguments": {},
        "after_seconds": 30,
    }


@pytest.mark.parametrize(
    ("status", "after_seconds"), [(200, None), (307, None), (404, None), (502, 30), (503, 30)]
)
def test_what_is_no_reply_is_told_as_the_commands_tell_it(
    tmp_path: Path, status: int, after_seconds: int | None
) -> None:
    async def use(url: str) -> CallToolResult:
        async with process("--api-base-url", url) as client:
            return await client.call_tool("list_packs", {})

    with scripted(Script([(status, "<html>", {})])) as script:
        told = refused(asyncio.run(use(script.url)))
        typed = Shell(tmp_path / "config.json", script.url).run("credits", "packs").error

    recovery = told["recovery"]
    assert (told["code"], told["retryable"]) == (typed["code"], typed["retryable"])
    assert recovery["http_status"] == typed["recovery"]["http_status"] == status
    for each in (recovery, typed["recovery"]):
        assert each.get("retry_after_seconds") == after_seconds
    assert (recovery["suggested_tool_call"] or {}).get("after_seconds") == after_seconds


def test_a_signup_that_something_else_answers_is_told_and_the_tools_go_on() -> None:
    async def use(url: str) -> tuple[CallToolResult, CallToolResult]:
        async with process("--api-base-url", url) as client:
            signed_up = await client.call_tool("sign_up", {"agent_name": "painter", "runtime": "tests"})
            return signed_up, await client.call_tool("list_packs", {})

    with scripted(Script([(200, "<html>", {})])) as script:
        both = asyncio.run(use(script.url))

    assert [refused(each)["code"] for each in both] == ["HOSTED_API_NON_JSON_RESPONSE"] * 2


def test_the_process_ends_when_its_input_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "mcp"],
        input="",
        capture_output=True,
        text=True,
        env=bare(),
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_whoever_signed_up_at_the_command_line_is_that_agent_in_its_tools(
    sessions: Sessions, tmp_path: Path
) -> None:
    config = {"PENNYRAIL_CONFIG_PATH": str(tmp_path / "config.json")}

    async def whoami() -> CallToolResult:
        async with process(**config) as client:
            return await client.call_tool("get_balance", {})

    with opened(sessions) as tools:
        command = [sys.executable, "-m", "app.cli", "signup", "--agent", "--agent-name", "painter"]
        signed_up = subprocess.run(
            [*command, "--runtime", "tests", "--api-base-url", tools.doors.url],
            env=bare(**config),
            capture_output=True,
            check=True,
        )
        seen = asyncio.run(whoami())

    assert done(seen)["actor"] == json.loads(signed_up.stdout)["data"]["actor"]


def test_a_saved_token_is_not_shown_to_another_service(sessions: Sessions, tmp_path: Path) -> None:
    saved = {"api_base_url": "http://127.0.0.1:1", "token": "isk_r_saved", "saved_at": "", "actor": None}
    (tmp_path / "config.json").write_text(json.dumps(saved))

    with opened(sessions) as tools:
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli", "mcp", "--api-base-url", tools.doors.url],
            env=bare(PENNYRAIL_CONFIG_PATH=str(tmp_path / "config.json")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode != 0
    assert "http://127.0.0.1:1" in ended.stderr
    assert "isk_r_saved" not in ended.stderr + ended.stdout
