"""What README and the pages for agents tell to type, typed as it stands against the whole house."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from sandbox.agent import Agent
from sandbox.house import House
from tests.flows.buying import CHECKOUT, X402, buy, succeeded
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8402"
"""Where the pages say that `make dev` answers: the one thing that is another here."""
PROGRAM = f'#!/bin/sh\nPYTHONPATH="{ROOT}:$PYTHONPATH" exec {sys.executable} -m app.cli "$@"\n'


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(home: House, tmp_path: Path) -> Path:
    """A folder as a newcomer has it once `make dev` runs: the program in .venv, the data in .pennyrail."""
    program = tmp_path / ".venv" / "bin" / "pennyrail"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / ".pennyrail").mkdir()
    (tmp_path / ".pennyrail" / "dev").symlink_to(home.folder)
    return tmp_path


def typed(script: str, *, home: House, folder: Path, known: Mapping[str, str] | None = None) -> str:
    """What a shell has printed that stops at the first command that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, home.addresses.api_url)],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "COLUMNS": "300",
            # The command line looks at the sandbox's address by itself; the test's house has another.
            "PENNYRAIL_API_BASE_URL": home.addresses.api_url,
            **(known or {}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readmes_commands_end_with_credits_and_a_genuine_receipt(home: House, checkout: Path) -> None:
    shown = typed("\n".join(blocks("README.md", "sh")), home=home, folder=checkout)

    assert re.search(r'"payment_backed_remaining_credits": ?500\b', shown)
    assert "the receipt is genuine" in shown


def test_the_pages_curl_commands_end_with_credits_a_genuine_receipt_and_a_page_to_pay(
    home: House, checkout: Path
) -> None:
    shown = typed("\n".join(blocks("docs/agents.md", "sh")), home=home, folder=checkout)

    assert '"payment_backed_remaining_credits":500' in shown
    assert "the receipt is genuine" in shown
    assert shown.splitlines()[-1].startswith(home.addresses.api_url)


def test_the_pages_mcp_configuration_starts_the_tools_it_names(home: House, checkout: Path) -> None:
    (block,) = blocks("docs/agents.md", "json")
    configured = json.loads(block.replace(ADDRESS, home.addresses.api_url))["mcpServers"]["pennyrail"]
    program = StdioServerParameters(
        command=str(checkout / ".venv" / "bin" / configured["command"]),
        args=configured["args"],
        env={**os.environ, "HOME": str(checkout), **configured["env"]},
    )

    async def named() -> set[str]:
        async with Client(program) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    told = (
        (ROOT / "docs" / "agents.md")
        .read_text()
        .partition("The same service as tools: ")[2]
        .partition(". ")[0]
    )
    assert asyncio.run(named()) == set(re.findall(r"`(\w+)`", told))


def test_every_call_of_the_reference_is_answered(home: House, agent: Agent, checkout: Path) -> None:
    bought = buy(agent, X402)
    typed(f".venv/bin/pennyrail sandbox pay {bought['payment_attempt_id']}", home=home, folder=checkout)
    settled = agent.wait(bought["payment_attempt_id"], until=succeeded)
    eventually(lambda: _is_sealed(home, agent, settled["receipt"]["receipt_id"]))
    fresh = {
        rail: agent.quote(pack_id="starter-500", method=rail[0], key=f"fresh-{rail[0]}")["quote_id"]
        for rail in (CHECKOUT, X402)
    }
    known = {
        "BASE": home.addresses.api_url,
        "TOKEN": agent.token,
        "QUOTE": settled["quote"]["quote_id"],
        "ATTEMPT": bought["payment_attempt_id"],
        "RECEIPT": settled["receipt"]["receipt_id"],
    }
    refused: dict[str, Any] = {}

    for call in blocks("docs/api.md", "bash"):
        quoted = next((quote for rail, quote in fresh.items() if rail[1] in call), known["QUOTE"])
        told = typed(call, home=home, folder=checkout, known={**known, "QUOTE": quoted})
        if told.startswith('{"ok":') and not json.loads(told)["ok"]:
            refused[call] = json.loads(told)["error"]["code"]

    # A house that names nobody to write to has no such page.
    assert list(refused.values()) == ["NOT_FOUND"]
    assert "security.txt" in next(iter(refused))


def _is_sealed(home: House, agent: Agent, receipt_id: str) -> bool:
    answer = httpx.get(
        f"{home.addresses.api_url}/v1/receipts/{receipt_id}",
        headers={"authorization": f"Bearer {agent.token}"},
        trust_env=False,
    )
    return answer.status_code == 200
