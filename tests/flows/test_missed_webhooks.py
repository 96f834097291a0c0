"""The webhook endpoint is down for as long as it takes, and an agent gets what it paid for all the same."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import psycopg

from ledger.database import Sessions
from rails import inbox
from rails.rail import Rails
from rails.stripe import client
from rails.stripe.related import Related
from rails.stripe.settings import stripe
from sandbox.agent import Agent
from sandbox.house import House
from sandbox.stripe_twin import Switches
from tests.flows.buying import CHECKOUT, buy
from tests.waiting import eventually


def command(home: House, *words: str) -> Any:
    """What `pennyrail inbox` says in JSON, run by an operator beside the house."""
    line = [sys.executable, "-m", "app.cli", "inbox", *words, "--json", "--folder", str(home.folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_an_endpoint_that_was_down_while_an_agent_paid_loses_nothing(
    home: House,
    agent: Agent,
    book: psycopg.Connection[Any],
    flow_sessions: Sessions,
    flow_rails: Rails,
) -> None:
    for name in ("beat", "worker"):
        home.children[name].stop()
    home.twin.control.set_switches(Switches(drop_all=True))
    attempt = buy(agent, CHECKOUT)
    home.twin.control.pay(attempt["checkout_session_id"])
    before = agent.paid_credits()

    command(home, "recover", "--since", datetime.now(UTC).strftime("%Y-%m-%d"))
    waiting = command(home, "list", "--state", "waiting", "--limit", "1000")
    # What an earlier test was told, and nobody handled yet, was delivered.
    found = [row for row in waiting if row["deliveries"] == 0]
    now, ask = datetime.now(UTC), Related(client.connect(stripe()))
    for row in found:
        inbox.handle(flow_sessions, flow_rails, notice_id=row["notice"], now=now, ask=ask)
    again = command(home, "recover", "--since", datetime.now(UTC).strftime("%Y-%m-%d"))

    assert before == 0
    assert found
    assert eventually(agent.paid_credits) == 500
    assert again["kept"] == []
    assert book.execute(
        "SELECT count(*) FROM receipt WHERE payment_attempt_id = %s", (attempt["payment_attempt_id"],)
    ).fetchone() == (1,)
