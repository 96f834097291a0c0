"""A purchase from beginning to end by tools alone."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from mcp import Client
from mcp.types import CallToolResult

from app.mcp.tools import TOOLS
from ledger import seals
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails.rail import Limits
from tests.app.conftest import NOON
from tests.mcp.conftest import Json, Tools, done, opened, text


def follow(tools: Tools, told: Json, token: str) -> Json:
    """The call that the last result names, as it stands."""
    call = told["next_tool_call"]
    assert "fill_in" not in call
    return tools.done(call["tool"], token, **call["arguments"])


def test_every_result_leads_to_the_next_until_the_credits_are_there(tools: Tools) -> None:
    signed_up = tools.done("sign_up", agent_name="painter", runtime="tests")
    token = signed_up["data"]["token"]

    listed = follow(tools, signed_up, token)
    quoted = follow(tools, listed, token)
    opened_attempt = follow(tools, quoted, token)
    attempt_id = opened_attempt["data"]["payment_attempt_id"]
    waiting = follow(tools, opened_attempt, token)
    tools.doors.deposit.pay(tools.doors.reference(attempt_id))
    tools.doors.settle(attempt_id)
    settled = follow(tools, waiting, token)
    seals.seal_all(tools.doors.sessions, now=NOON)
    receipt = follow(tools, settled, token)
    balance = follow(tools, receipt, token)

    assert receipt["data"]["receipt"]["payment_attempt_id"] == attempt_id
    assert opened_attempt["next_tool_call"]["tool"] == "get_status"
    assert waiting["next_tool_call"]["after_seconds"] == waiting["data"]["next"]["retry_after_seconds"]
    assert settled["data"]["state"] == "succeeded"
    assert balance["data"]["limits"]["payment_backed_remaining_credits"] == 500


def test_a_tool_tells_what_the_door_tells(tools: Tools) -> None:
    agent = tools.doors.agent()
    quote = agent.quote()

    by_tool = tools.done("get_status", agent.token, quote_id=quote["quote_id"])
    by_door = agent.get("/v1/credit-purchases/status", quote_id=quote["quote_id"])

    del by_tool["next_tool_call"]
    assert by_tool | {"trace_id": None} == by_door | {"trace_id": None}


def test_buying_twice_is_one_attempt(tools: Tools) -> None:
    agent = tools.doors.agent()
    quote_id = agent.quote()["quote_id"]

    first = tools.done("buy", agent.token, quote_id=quote_id)
    again = tools.done("buy", agent.token, quote_id=quote_id, idempotency_key="another")

    assert first["data"]["payment_attempt_id"] == again["data"]["payment_attempt_id"]
    assert len(tools.doors.deposit.opened) == 1


def test_a_page_for_a_person_comes_as_a_link(tools: Tools) -> None:
    agent = tools.doors.agent()
    quote_id = agent.quote(payment_method="fake_page")["quote_id"]

    shown = tools.call("buy", agent.token, quote_id=quote_id)

    assert done(shown)["data"]["checkout_handoff_url"].startswith("https://pennyrail.example/pay/")
    assert done(shown)["data"]["checkout_handoff_url"] in text(shown)


def test_a_receipt_comes_signed_and_is_asked_for_again_until_it_is_sealed(tools: Tools) -> None:
    agent = tools.doors.agent()
    attempt_id = agent.buy(agent.quote())["payment_attempt_id"]
    tools.doors.deposit.pay(tools.doors.reference(attempt_id))
    tools.doors.settle(attempt_id)
    receipt_id = agent.status(payment_attempt_id=attempt_id)["receipt"]["receipt_id"]

    early = tools.refused("get_receipt", agent.token, receipt_id=receipt_id)
    seals.seal_all(tools.doors.sessions, now=NOON + timedelta(minutes=1))
    again = early["recovery"]["suggested_tool_call"]
    signed = tools.done(again["tool"], agent.token, **again["arguments"])

    assert early["code"] == "RECEIPT_NOT_SEALED_YET"
    assert again["after_seconds"] > 0
    assert signed["data"]["jws"].count(".") == 2


def test_history_names_the_attempts(tools: Tools) -> None:
    agent = tools.doors.agent()
    attempt_id = agent.buy(agent.quote(payment_method="fake_page"))["payment_attempt_id"]

    told = tools.done("list_activity", agent.token, limit=1)

    assert [event["subject"]["id"] for event in told["data"]["events"]] == [attempt_id]


@pytest.mark.parametrize("kind", ["payment", "credit", "usage"])
def test_history_is_narrowed_by_the_kinds_that_the_tool_names(tools: Tools, kind: str) -> None:
    agent = tools.doors.agent()
    agent.buy(agent.quote(payment_method="fake_page"))

    told = tools.done("list_activity", agent.token, subject=kind)

    assert TOOLS["list_activity"].fields["subject"]["enum"] == ["payment", "credit", "usage"]
    assert len(told["data"]["events"]) == (1 if kind == "payment" else 0)


def test_a_lost_attempt_is_found_again_by_the_balance(tools: Tools) -> None:
    agent = tools.doors.agent()
    attempt_id = agent.buy(agent.quote())["payment_attempt_id"]

    lost = tools.refused("get_status", agent.token, payment_attempt_id="payatt_lost")
    asked = lost["recovery"]["suggested_tool_call"]
    told = tools.done(asked["tool"], agent.token, **asked["arguments"])

    assert asked == {"tool": "get_balance", "arguments": {}}
    assert told["next_tool_call"] == {"tool": "get_status", "arguments": {"payment_attempt_id": attempt_id}}
    assert "pending_purchases" in TOOLS["get_balance"].description
    assert "get_balance" in TOOLS["list_activity"].description


def test_a_quote_that_cannot_be_bought_leads_to_one_that_can(tools: Tools) -> None:
    agent = tools.doors.agent()
    tools.doors.page.limits = Limits(Amount(50, USD), tools.doors.page.limits.maximum)

    small = tools.done("get_quote", agent.token, credits=10, payment_method="fake_page")
    quoted = follow(tools, small, str(agent.token))

    assert quoted["data"]["credits"] == 50
    assert quoted["next_tool_call"]["tool"] == "buy"


def test_packs_lead_to_a_quote(tools: Tools) -> None:
    agent = tools.doors.agent()

    packs = tools.done("list_packs")
    quoted = tools.done("get_quote", agent.token, pack_id=packs["data"]["packs"][1]["pack_id"])

    assert quoted["data"]["credits"] == packs["data"]["packs"][1]["credits"]


def test_waiting_for_a_change_ends_when_it_comes(tools: Tools) -> None:
    agent = tools.doors.agent()
    attempt_id = agent.buy(agent.quote())["payment_attempt_id"]
    tools.doors.deposit.pay(tools.doors.reference(attempt_id))
    soon = threading.Timer(1, tools.doors.settle, [attempt_id])

    soon.start()
    started = time.monotonic()
    seen = tools.done("get_status", agent.token, payment_attempt_id=attempt_id, wait=20)
    soon.join()

    assert seen["data"]["state"] == "succeeded"
    assert 1 <= time.monotonic() - started < 10


def test_twenty_calls_at_once_are_all_answered(tools: Tools) -> None:
    agent = tools.doors.agent()

    async def use(client: Client) -> list[CallToolResult]:
        calls = [
            client.call_tool("get_quote", {"credits": number, "payment_method": "fake_deposit"})
            for number in range(1, 21)
        ]
        return await asyncio.gather(*calls)

    results = tools.with_client(use, agent.token)

    assert [done(result)["data"]["credits"] for result in results] == list(range(1, 21))


def test_two_processes_serve_one_agent_by_turns(sessions: Sessions) -> None:
    with opened(sessions) as one, opened(sessions) as other:
        token = one.done("sign_up", agent_name="painter", runtime="tests")["data"]["token"]
        quoted = other.done("get_quote", token, credits=7, payment_method="fake_deposit")

        seen = one.done("get_status", token, quote_id=quoted["data"]["quote_id"])

    assert seen["data"]["quote"]["credits"] == 7
