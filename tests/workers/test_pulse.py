"""Signs of life: written by the work, read by `pennyrail alive`, which knows what a restart cannot mend."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from sandbox.processes import Child, child
from tests.waiting import eventually


@pytest.fixture
def queue_url(redis_url: str) -> str:
    """A number of the shared Redis that is empty."""
    url = redis_url.rsplit("/", 1)[0] + "/7"
    with Redis.from_url(url) as emptied:
        emptied.flushdb()
    return url


@pytest.fixture
def environment(queue_url: str, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": queue_url,
        "STRIPE_SECRET_KEY": "sk_test_pulse",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{'k' * 32}",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:1",
    }


def alive(role: str, environment: dict[str, str]) -> tuple[int, str]:
    asked = subprocess.run(
        [sys.executable, "-m", "app.cli", "alive", role],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return asked.returncode, asked.stdout.strip() or asked.stderr


@pytest.fixture
def started(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, Child]]:
    """A worker and a clock, running."""
    commands = {
        "worker": ["worker", "--concurrency", "1"],
        "beat": ["beat", "--schedule", str(tmp_path / "b")],
    }
    running = {
        name: child(
            [sys.executable, "-m", "app.cli", *command], log=tmp_path / f"{name}.log", environment=environment
        )
        for name, command in commands.items()
    }
    yield running
    for each in running.values():
        each.kill()


@pytest.mark.timeout(600)
def test_processes_show_that_they_live_by_what_they_do_and_end_in_order(
    started: dict[str, Child], environment: dict[str, str], queue_url: str
) -> None:
    with Redis.from_url(queue_url) as pulses:
        eventually(lambda: pulses.exists("pennyrail:pulse:worker:any", "pennyrail:pulse:watcher:any") == 2)
        eventually(lambda: pulses.exists("pennyrail:pulse:beat:any"))
        told = {role: alive(role, environment) for role in ("worker", "watcher", "beat")}
        lasting = [pulses.ttl(key) for key in pulses.scan_iter("pennyrail:pulse:*")]
        # A second worker that hangs, beside another that works: its own signs have run out.
        pulses.delete(*pulses.keys("pennyrail:pulse:worker:[!a]*"))
        os.kill(started["worker"].pid, signal.SIGSTOP)
        pulses.delete(*[key for key in pulses.keys("pennyrail:pulse:worker:*") if not key.endswith(b":any")])
        hung = alive("worker", environment)
        os.kill(started["worker"].pid, signal.SIGCONT)
    for each in started.values():
        each.process.terminate()
    codes = {name: each.process.wait(60) for name, each in started.items()}

    assert {role: code for role, (code, _) in told.items()} == {"worker": 0, "watcher": 0, "beat": 0}
    assert all(" alive, worked " in f" {said}" for _, said in told.values()), told
    assert all(0 < seconds <= 1860 for seconds in lasting)
    assert hung == (1, "worker: not alive, it does nothing of what it is asked")
    assert codes == {"worker": 0, "beat": 0}


def test_what_a_restart_cannot_mend_is_unknown_and_not_dead(environment: dict[str, str]) -> None:
    nobody_asks = alive("worker", environment)
    no_queue = alive("worker", {**environment, "REDIS_URL": "redis://127.0.0.1:1/0"})
    no_clock = alive("beat", environment)

    assert nobody_asks == (0, "worker: unknown, nobody is asked anything: the clock does not strike")
    assert no_queue == (0, "worker: unknown, the queue does not answer")
    assert no_clock == (1, "beat: not alive, it does nothing of what it is asked")


def test_after_a_task_that_might_have_lasted_hours_a_sign_lasts_minutes_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    from workers import exporting, pulse

    monkeypatch.setattr(pulse, "_redis", lambda _pid: Redis.from_url(redis_url))
    monkeypatch.setattr(pulse, "_host", lambda: "one-alone")
    monkeypatch.setattr(pulse, "_written", {})

    def lasts() -> int:
        found: int = Redis.from_url(redis_url).ttl("pennyrail:pulse:worker:one-alone")
        return found

    pulse._ended(exporting.make_exports)
    before = lasts()
    pulse._began(exporting.make_exports)
    meanwhile = lasts()
    pulse._ended(exporting.make_exports)

    assert meanwhile > 20_000
    assert max(before, lasts()) <= 210


@pytest.mark.timeout(600)
def test_a_worker_whose_task_does_not_end_leaves_it_to_others_and_ends(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {
            **environment,
            "PENNYRAIL_BASE_RPC_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "PENNYRAIL_CHAIN_DEADLINE_SECONDS": "20",
            "PENNYRAIL_DRAIN_FINISH_SECONDS": "1",
        }
        command = [sys.executable, "-m", "app.cli", "worker", "--concurrency", "1"]
        worker = child(command, log=tmp_path / "worker.log", environment=settings)
        try:
            eventually(lambda: " ready." in worker.said())
            with Redis.from_url(environment["REDIS_URL"]) as queue:
                told = Celery(broker=environment["REDIS_URL"])
                told.send_task("workers.tasks.watch_deposits")
                told.close()
                # Begun, and the node that it asks says nothing.
                eventually(lambda: queue.exists("pennyrail:pulse:watcher:any"))
            worker.process.terminate()
            code = worker.process.wait(120)
        finally:
            worker.kill()

    assert code == 0
    assert "tasks were not done in time" in worker.said()
