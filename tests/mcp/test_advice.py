"""Commands of the doors, said as calls of tools."""

import pytest

from app.commands import Commands
from app.mcp import advice

COMMANDS = Commands("npx -y pennyrail@latest")


@pytest.mark.parametrize(
    ("command", "tool", "arguments"),
    [
        (COMMANDS.methods(), "list_payment_methods", {}),
        (COMMANDS.packs(), "list_packs", {}),
        (COMMANDS.quota(), "get_balance", {}),
        (COMMANDS.activity(), "list_activity", {"limit": 20}),
        (
            COMMANDS.quote(rail_id="stripe_checkout", credits=7, key="a key"),
            "get_quote",
            {"credits": 7, "payment_method": "stripe_checkout", "idempotency_key": "a key"},
        ),
        (
            COMMANDS.quote(rail_id="stripe_checkout", pack_id="starter-500"),
            "get_quote",
            {"pack_id": "starter-500", "payment_method": "stripe_checkout"},
        ),
        (
            COMMANDS.buy(provider="stripe", quote_id="quote_1", key="purchase:quote_1"),
            "buy",
            {"quote_id": "quote_1", "idempotency_key": "purchase:quote_1"},
        ),
        (COMMANDS.status_of_attempt("payatt_1"), "get_status", {"payment_attempt_id": "payatt_1"}),
        (COMMANDS.status_of_quote("quote_1"), "get_status", {"quote_id": "quote_1"}),
    ],
)
def test_every_command_is_a_call(command: str, tool: str, arguments: dict[str, object]) -> None:
    call = advice.tool_call(command)

    assert call == {"tool": tool, "arguments": arguments}


def test_what_a_command_leaves_open_is_named() -> None:
    signup, buy = advice.tool_call(COMMANDS.signup()), advice.tool_call(COMMANDS.buy(provider="stripe"))

    assert signup == {"tool": "sign_up", "arguments": {"agent_name": "my-agent", "runtime": "my-runtime"}}
    assert buy == {"tool": "buy", "arguments": {}, "fill_in": ["quote_id"]}


@pytest.mark.parametrize("command", ["", "npx pennyrail doctor --json", "rm -rf credits"])
def test_what_no_tool_does_is_no_call(command: str) -> None:
    assert advice.tool_call(command) is None
