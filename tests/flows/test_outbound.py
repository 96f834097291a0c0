"""A purchase is told to a receiver on this machine by real processes, within seconds."""

import os
import subprocess
import sys
import time

from sandbox.agent import Agent
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.flows.buying import X402, buy, deposit_address, succeeded
from tests.outbound.conftest import receiving
from tests.waiting import eventually


def pennyrail(home: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments, "--folder", str(home.folder)],
        env={**os.environ, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_purchase_is_told_to_a_local_receiver_within_seconds(home: House, agent: Agent) -> None:
    with receiving() as receiver:
        made = pennyrail(home, "webhook-endpoint", "create", receiver.url, "--event", "credits.granted")
        secret, endpoint_id = made.stdout.strip(), made.stderr.partition(":")[0]
        attempt = buy(agent, X402)
        Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 5_000_000)
        settled = agent.wait(attempt["payment_attempt_id"], until=succeeded)
        since = time.monotonic()

        eventually(lambda: receiver.messages, seconds=20)
        took_seconds = time.monotonic() - since
        told = receiver.messages[0].verified(secret)
        pennyrail(home, "webhook-endpoint", "test", endpoint_id)
        eventually(lambda: len(receiver.messages) == 2, seconds=20)
        shown = eventually(
            lambda: (
                said
                if (said := pennyrail(home, "webhook", "deliveries", "--endpoint", endpoint_id).stdout).count(
                    "  delivered  "
                )
                == 2
                else None
            )
        )
        pennyrail(home, "webhook-endpoint", "disable", endpoint_id)

    assert told["type"] == "credits.granted"
    assert told["data"]["purchase"]["payment_attempt_id"] == attempt["payment_attempt_id"]
    assert told["data"]["purchase"]["receipt_id"] == settled["receipt"]["receipt_id"]
    assert (told["data"]["credits"], told["data"]["cents"]) == (500, 500)
    assert took_seconds < 10
    assert "204 ok" in shown
    assert secret not in (home.logs / "worker.log").read_text()
