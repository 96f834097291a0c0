"""The twin as a process: what survives it, what it must not say, and that it goes when its parent goes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import stripe_twin
from sandbox.stripe_twin import Switches, TwinDidNotStart
from tests.sandbox import twin_world

SECRET = "whsec_process"
PARENT = """
import pathlib, sys, time
from sandbox import stripe_twin
with stripe_twin.start(pathlib.Path(sys.argv[1])) as twin:
    print(twin.pid, flush=True)
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be reaped."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_given_a_state_file_when_started_again_then_it_goes_on_where_it_was(tmp_path: Path) -> None:
    with twin_world.receiver() as receiver:
        with stripe_twin.start(tmp_path, webhook_url=receiver.url, webhook_secret=SECRET) as twin:
            client = twin_world.sdk(twin.url, twin.secret_key)
            twin.control.set_switches(Switches(delay_seconds=1))
            session = twin_world.session(client)
            twin.control.pay(session.id)
            twin.process.kill()

        with stripe_twin.start(tmp_path, port=twin.port, secret_key=twin.secret_key) as again:
            twin_world.until(lambda: len(receiver.received) == 4)
            kept = client.v1.checkout.sessions.retrieve(session.id)

    assert again.url == twin.url
    assert kept.payment_status == "paid"
    assert "checkout.session.completed" in receiver.types(SECRET)


def test_given_a_receiver_that_moved_when_started_again_then_what_waits_goes_to_its_new_place(
    tmp_path: Path,
) -> None:
    with stripe_twin.start(tmp_path, webhook_url="http://127.0.0.1:9/", webhook_secret=SECRET) as twin:
        twin_world.deposit(twin_world.sdk(twin.url, twin.secret_key))

    with (
        twin_world.receiver() as receiver,
        stripe_twin.start(tmp_path, webhook_url=receiver.url, webhook_secret=SECRET) as again,
    ):
        twin_world.until(lambda: len(receiver.received) == 2)
        endpoints = again.control.endpoints()

    assert [endpoint.url for endpoint in endpoints] == [receiver.url]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_given_its_parent_ends_then_the_twin_ends_too(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)

        os.kill(parent.pid, ending)

        twin_world.until(lambda: not is_running(pid))


def test_the_log_and_the_command_line_name_no_secret_and_no_payment(tmp_path: Path) -> None:
    with (
        twin_world.receiver() as receiver,
        stripe_twin.start(tmp_path, webhook_url=receiver.url, webhook_secret=SECRET) as twin,
    ):
        command_line = Path(f"/proc/{twin.pid}/cmdline").read_text()
        client = twin_world.sdk(twin.url, twin.secret_key)
        intent = twin_world.deposit(client)
        client.v1.payment_intents.retrieve(intent.id)
        twin_world.until(lambda: len(receiver.received) == 2)

    log = (tmp_path / "stripe_twin.log").read_text()
    assert "GET /v1/payment_intents/{intent} 200" in log
    for secret in (twin.secret_key, twin.live_secret_key, SECRET, "pi_", "_secret_", "Traceback"):
        assert secret not in log + command_line
    assert (tmp_path / "stripe_twin.sqlite").stat().st_mode & 0o077 == 0


def test_an_endpoint_without_a_secret_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(TwinDidNotStart),
        stripe_twin.start(tmp_path, webhook_url="http://127.0.0.1:9/", webhook_secret=""),
    ):
        pass


def test_given_a_clock_that_was_moved_when_started_again_then_time_does_not_go_back(tmp_path: Path) -> None:
    with stripe_twin.start(tmp_path) as twin:
        later = twin.control.advance_clock(seconds=100_000)
        twin.process.kill()
        twin.process.wait()

    with stripe_twin.start(tmp_path) as twin:
        again = twin.control.now()

    assert again >= later
