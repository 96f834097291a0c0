"""The commands a newcomer types: demo, dev, sandbox pay; and what refuses to start."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import house
from sandbox.agent import Agent
from sandbox.house import House
from tests.flows.buying import CHECKOUT, X402, buy, succeeded
from tests.waiting import eventually

PENNYRAIL = [sys.executable, "-m", "app.cli"]
SECRETS = re.compile(
    rb"isk_r_[A-Za-z0-9_-]{4}|[sr]k_(test|live)_|whsec_[A-Za-z0-9]|_secret_[A-Za-z0-9]|\bpi_[A-Za-z0-9]{6}"
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PENNYRAIL, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@contextmanager
def dev(folder: Path, *options: str) -> Iterator[str]:
    """`pennyrail dev` over a folder; yields the API's address, and ends it with Ctrl-C."""
    log = folder.with_suffix(".out")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PENNYRAIL, "dev", "--folder", str(folder), "--port", "0", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            ready = eventually(
                lambda: re.search(r"^ready (\S+)$", log.read_text(), re.MULTILINE), seconds=240
            )
            yield ready[1]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, log.read_text()


def test_the_demo_ends_with_two_grants_and_no_secret_in_any_log(tmp_path: Path) -> None:
    done = run("demo", "--keep", str(tmp_path / "demo"), COLUMNS="120")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 credits granted in 2 grants" in done.stdout
    assert "each at least 3 times" in done.stdout
    assert "1 transfers seen, 0 of them new" in done.stdout
    assert "the book agrees with its entries" in done.stdout
    logs = [*(tmp_path / "demo").rglob("*.log"), *(tmp_path / "demo").rglob("log")]
    assert {"api.log", "worker.log", "beat.log", "anvil.log", "stripe_twin.log"} <= {log.name for log in logs}
    for log in logs:
        assert not SECRETS.search(log.read_bytes()), log
    assert not SECRETS.search((done.stdout + done.stderr).encode())


def test_dev_keeps_its_data_over_a_restart_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    with dev(tmp_path / "dev", "--live-like") as api_url:
        agent = Agent(api_url, name="keeper")
        live = {row["live_money"] for row in agent.methods()}
        attempt = buy(agent, CHECKOUT)
        token = agent.token
        agent.close()
    with dev(tmp_path / "dev", "--live-like") as api_url:
        again = Agent.known(api_url, token=token)
        paid = run("sandbox", "pay", attempt["payment_attempt_id"], "--folder", str(tmp_path / "dev"))
        settled = again.wait(attempt["payment_attempt_id"], until=succeeded)
        again.close()

    assert live == {True}
    assert (paid.returncode, paid.stderr) == (0, "")
    assert settled["receipt"]["credits_granted"] == 500


def test_sandbox_pay_settles_a_deposit_and_twice_is_granted_once(home: House, agent: Agent) -> None:
    attempt = buy(agent, X402)
    folder = str(home.folder)

    paid = run("sandbox", "pay", attempt["payment_attempt_id"], "--times", "2", "--folder", folder)
    agent.wait(attempt["payment_attempt_id"], until=succeeded)

    assert (paid.returncode, paid.stdout.count("sent 5000000")) == (0, 2), paid.stderr
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_sandbox_pay_warns_before_it_pays_a_settled_deposit_again(home: House, agent: Agent) -> None:
    attempt_id = buy(agent, X402)["payment_attempt_id"]
    pay = ("sandbox", "pay", attempt_id, "--folder", str(home.folder))
    first = run(*pay)
    agent.wait(attempt_id, until=succeeded)

    again = run(*pay)

    assert (first.stderr, again.returncode) == ("", 0)
    assert again.stderr.startswith("warning: the attempt is succeeded already")


@pytest.mark.parametrize("options", [("--times", "2"), ("--amount-atomic", "1")])
def test_sandbox_pay_presses_pay_once_and_for_its_price_only(
    home: House, agent: Agent, options: tuple[str, str]
) -> None:
    attempt_id = buy(agent, CHECKOUT)["payment_attempt_id"]

    refused = run("sandbox", "pay", attempt_id, "--folder", str(home.folder), *options)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"pennyrail: {options[0]} is for USDC deposits")


def test_sandbox_pay_refuses_a_page_that_was_paid(home: House, agent: Agent) -> None:
    attempt_id = buy(agent, CHECKOUT)["payment_attempt_id"]
    pay = ("sandbox", "pay", attempt_id, "--folder", str(home.folder))
    first = run(*pay)
    at_once = run(*pay)
    agent.wait(attempt_id, until=succeeded)

    later = run(*pay)

    assert first.returncode == 0, first.stderr
    for refused in (at_once, later):
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
        assert "paid" in refused.stderr or "succeeded" in refused.stderr


def test_the_operators_commands_find_a_running_house_by_its_folder(home: House) -> None:
    folder = ("--folder", str(home.folder))

    verified = run("ledger", "verify", *folder)
    rescanned = run("chain", "rescan", "0", "1", *folder)
    alive = {role: run("alive", role, *folder) for role in ("worker", "watcher", "beat")}
    connections = run("connections", "--task-processes", "2", *folder)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert rescanned.stdout.startswith("blocks 0 to 1: "), rescanned.stderr
    for role, told in alive.items():
        assert (told.returncode, told.stdout.startswith(f"{role}: alive, ")) == (0, True), told
    assert (connections.returncode, connections.stderr) == (0, ""), connections.stdout


def test_two_houses_never_share_a_folder(home: House) -> None:
    second = run("dev", "--folder", str(home.folder), "--port", "0")

    assert second.returncode == 1
    assert second.stderr.startswith(f"pennyrail: another house runs over {home.folder} (process ")
    assert house.answers(home.addresses.api_url)


def test_dev_says_how_to_pay_and_breaks_no_address_and_leaves_nothing_when_killed(tmp_path: Path) -> None:
    log = tmp_path / "dev.out"
    # A short name: the database's socket lies in it.
    with tempfile.TemporaryDirectory() as scratch, log.open("wb") as output:
        process = subprocess.Popen(
            [*PENNYRAIL, "dev", "--folder", str(tmp_path / "dev"), "--port", "0"],
            stdout=output,
            env={**os.environ, "COLUMNS": "60", "TMPDIR": scratch},
        )
        try:
            eventually(lambda: "Ctrl-C" in log.read_text(), seconds=60)
        finally:
            process.kill()
            process.wait()
        left = list(Path(scratch).glob("pennyrail-devnet-*"))

    nobody = run("sandbox", "pay", "payatt_x", "--folder", str(tmp_path / "dev"))

    said = log.read_text()
    assert re.search(r"^  USDC +0x[0-9a-fA-F]{40}$", said, re.MULTILINE), said
    assert f"-m app.cli sandbox pay PAYMENT_ATTEMPT_ID --folder {tmp_path / 'dev'}\n" in said
    assert left == []
    assert (nobody.returncode, "pennyrail dev" in nobody.stderr) == (2, True), nobody.stderr


def test_dev_tells_why_a_process_of_its_house_refused_to_start(tmp_path: Path) -> None:
    folder = str(tmp_path / "dev")

    refused = run("dev", "--folder", folder, "--port", "0", PENNYRAIL_QUOTE_LIFETIME_SECONDS="5")

    assert refused.returncode == 1
    assert "ended at its start" in refused.stderr
    assert "PENNYRAIL_QUOTE_LIFETIME_SECONDS: input should be greater than or equal to 60" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_sandbox_pay_says_what_is_missing(tmp_path: Path, home: House) -> None:
    nobody = run("sandbox", "pay", "payatt_x", "--folder", str(tmp_path))
    unknown = run("sandbox", "pay", "payatt_x", "--folder", str(home.folder))

    assert (nobody.returncode, unknown.returncode) == (2, 2)
    assert "pennyrail dev" in nobody.stderr
    assert "payatt_x" in unknown.stderr


@pytest.mark.parametrize("command", [("api", "--port", "1"), ("worker",), ("watcher",), ("beat",)])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENNYRAIL_QUOTE_LIFETIME_SECONDS", "59"),
        ("PENNYRAIL_ATTEMPT_LIFETIME_SECONDS", "1859"),
        ("PENNYRAIL_WATCH_DAYS", "soon"),
        ("PENNYRAIL_DEFAULT_RAIL", "bitcoin"),
    ],
)
def test_a_process_refuses_settings_that_would_break_every_quote(
    home: House, command: tuple[str, ...], name: str, value: str
) -> None:
    refused = run(*command, **{**home.environment, name: value})

    assert refused.returncode == 1
    assert f"\n  {name}: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert value not in refused.stderr


@pytest.mark.parametrize("command", [("api", "--port", "1"), ("worker",), ("watcher",)])
@pytest.mark.parametrize(
    ("name", "value"),
    [("STRIPE_WEBHOOK_SECRETS", ""), ("STRIPE_SECRET_KEY", "pk_test_not_secret"), ("DATABASE_URL", "")],
)
def test_a_process_with_a_missing_or_wrong_secret_refuses_to_start(
    home: House, command: tuple[str, ...], name: str, value: str
) -> None:
    refused = run(*command, **{**home.environment, name: value})

    assert refused.returncode != 0
    assert "cannot start" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert value not in refused.stderr or not value


def test_verify_fails_on_a_book_that_has_drifted(home: House) -> None:
    import psycopg

    with psycopg.connect(home.addresses.database_url) as book:
        book.execute(
            "UPDATE balance SET posted = posted + 1 WHERE account_id = (SELECT max(id) FROM account)"
        )
        book.commit()
        drifted = run("ledger", "verify", **home.environment)
        book.execute(
            "UPDATE balance SET posted = posted - 1 WHERE account_id = (SELECT max(id) FROM account)"
        )
        book.commit()
    clean = run("ledger", "verify", **home.environment)

    assert (drifted.returncode, clean.returncode) == (1, 0), drifted.stdout + clean.stdout
    assert "DRIFT" in drifted.stdout


def test_every_command_explains_itself() -> None:
    services = (("api",), ("worker",), ("watcher",), ("beat",))
    for command in ((), ("ledger",), ("chain",), ("sandbox",), ("dev",), ("demo",), *services):
        helped = run(*command, "--help")
        assert (helped.returncode, "Usage" in helped.stdout) == (0, True), command
