"""Reconciliation in the whole house: a person and an agent pay, and every side says the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox import paying
from sandbox.agent import Agent
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, buy, deposit_address, succeeded


def typed(home: House, *words: str) -> str:
    command = [sys.executable, "-m", "app.cli", "reconcile", *words, "--folder", str(home.folder)]
    done = subprocess.run(
        command,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # What other flows leave open in this house is no failure of the command.
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def matters(home: House, attempt: dict[str, Any]) -> dict[str, str]:
    """How the witnesses of an attempt stand."""
    told = json.loads(typed(home, "show", attempt["payment_attempt_id"], "--json"))
    return {each["item"]["matter"]: each["item"]["state"] for each in told["items"]}


def test_what_was_paid_on_both_rails_is_found_at_stripe_to_the_cent(
    home: House, agent: Agent, tmp_path: Path
) -> None:
    by_card, by_wallet = buy(agent, CHECKOUT), None
    paying.press_pay(by_card["checkout_url"])
    agent.wait(by_card["payment_attempt_id"], until=succeeded)
    other = Agent(home.addresses.api_url, name="wallet-owner")
    by_wallet = buy(other, X402)
    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(by_wallet), 5_000_000)
    other.wait(by_wallet["payment_attempt_id"], until=succeeded)
    other.close()

    first = json.loads(typed(home, "run", "--json"))
    again = json.loads(typed(home, "run", "--json"))
    typed(home, "report", "--markdown", str(tmp_path / "today.md"))

    assert first["processor_cents"] == first["book_cents"]
    assert (again["kept"], again["booked"]) == (0, 0)
    assert matters(home, by_card)["payment"] == "matched"
    assert matters(home, by_wallet)["payment"] == "matched"
    assert "| clearing:stripe_checkout |" in (tmp_path / "today.md").read_text()
