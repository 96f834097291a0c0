"""An agent that has nothing but `pennyrail` and a wallet buys credits, and proves it."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import paying
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.waiting import eventually

Command = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the agent's token is saved."""
    return tmp_path / "agent" / "config.json"


@pytest.fixture
def pennyrail(home: House, config: Path) -> Command:
    """Runs a line of a shell as a process; what it has printed as JSON, once it exits as expected."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PENNYRAIL_")}
    told = {"PENNYRAIL_API_BASE_URL": home.addresses.api_url, "PENNYRAIL_CONFIG_PATH": str(config)}

    def run(line: str, *, exit_code: int = 0, **more: str) -> Any:
        program, *words = shlex.split(line)
        assert program == "pennyrail"
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            env=clean | told | more,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_an_agent_signs_up_buys_with_its_wallet_waits_and_verifies_its_receipt(
    home: House, pennyrail: Command, config: Path, tmp_path: Path
) -> None:
    signed_up = pennyrail("pennyrail signup --agent --agent-name painter --runtime tests --json")["data"]
    methods = pennyrail("pennyrail credits methods --json")["data"]
    quoted = pennyrail(methods["next_actions"]["recommended_quote"]["command"])["data"]
    bought = pennyrail(quoted["next_actions"]["recommended_buy"]["command"])["data"]
    replayed = pennyrail(quoted["next_actions"]["recommended_buy"]["command"])["data"]

    told = bought["stripe_x402"]["payable_instructions"]
    Wallet.create(home.addresses.rpc_url).send_usdc(told["deposit_address"], int(told["token_amount_atomic"]))
    waited = pennyrail(f"pennyrail credits wait {bought['payment_attempt_id']} --timeout-seconds 60")["data"]

    limits = pennyrail("pennyrail usage quota --json")["data"]["limits"]
    assert (signed_up["token"], stat.S_IMODE(config.stat().st_mode)) == (None, 0o600)
    assert replayed["payment_attempt_id"] == bought["payment_attempt_id"]
    assert (waited["state"], waited["receipt"]["credits_granted"]) == ("succeeded", 500)
    assert limits["payment_backed_remaining_credits"] == 500
    _verify(pennyrail, waited["receipt"]["receipt_id"], tmp_path)


def _verify(pennyrail: Command, receipt_id: str, folder: Path) -> None:
    answer, keys = folder / "receipt.json", folder / "keys.json"

    answer.write_text(json.dumps(pennyrail(f"pennyrail credits receipt {receipt_id} --save-keys {keys}")))
    code, told = _offline(answer, keys)
    assert (code, "the receipt is genuine" in told) == (0, True), told
    stripe, chain = re.findall(
        r"^witness +(\w+) says \w+, .*transaction_hash (0x[0-9a-f]{64})", told, re.MULTILINE
    )
    assert (stripe[0], chain[0], stripe[1] == chain[1]) == ("stripe", "chain", True)

    answer.write_text(answer.read_text().replace(chain[1], "0x" + "bad" * 21 + "b"))
    code, told = _offline(answer, keys)
    assert (code, "'witnesses' says" in told) == (1, True), told


WITNESS = re.compile(r"^witness +(\w+) says \w+, .*transaction_hash (0x[0-9a-f]{64})", re.MULTILINE)


def _offline(answer: Path, keys: Path) -> tuple[int, str]:
    """What `receipt verify` says where nothing of the service is but the two files."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "receipt", "verify", str(answer), "--key", str(keys)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_person_pays_the_page_while_the_agent_waits_and_the_api_is_restarted(
    home: House, pennyrail: Command
) -> None:
    pennyrail("pennyrail signup --agent --agent-name painter --runtime tests --json")
    quoted = pennyrail("pennyrail credits quote --credits 70 --payment-method stripe_checkout --json")["data"]
    bought = pennyrail(quoted["next_actions"]["recommended_buy"]["command"])["data"]
    attempt = bought["payment_attempt_id"]
    over = pennyrail(f"pennyrail credits wait {attempt} --timeout-seconds 5", exit_code=8)
    home.children["api"].stop()
    unreachable = pennyrail(f"pennyrail credits wait {attempt} --timeout-seconds 2", exit_code=8)

    home.start("api")
    eventually(lambda: pennyrail("pennyrail doctor --json")["data"]["hosted_api"]["reachable"])
    paying.press_pay(bought["checkout_url"])
    waited = pennyrail(f"pennyrail credits wait {attempt} --timeout-seconds 60")["data"]

    assert over["data"]["state"] == "action_required"
    assert "did not answer" in unreachable["error"]["message"]
    assert (waited["state"], waited["limits"]["payment_backed_remaining_credits"]) == ("succeeded", 70)
