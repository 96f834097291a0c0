"""One API process to measure, over a book, and what it is told. Nothing but the database is really there."""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from bench._run import Run
from sandbox.processes import child

START_SECONDS: Final = 180


def environment(database_url: str) -> dict[str, str]:
    """What the application wants to know; nothing but the database is there, and nothing else is asked."""
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{'b' * 32}",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:1",
    }


@contextmanager
def serving(
    run: Run,
    environment: Mapping[str, str],
    name: str,
    *,
    application: str = "bench._application:application",
) -> Iterator[int]:
    run.progress(f"starting the application, {name}")
    port = _free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "--factory", application),
        *("--port", str(port), "--no-access-log", "--log-level", "warning"),
    ]
    log = run.folder / f"{name}.log"
    server = child(command, log=log, environment=environment)
    try:
        give_up_at = time.monotonic() + START_SECONDS
        while not _answers(port):
            if server.ended or time.monotonic() > give_up_at:
                raise RuntimeError(f"the application did not start\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield port
    finally:
        server.stop()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
