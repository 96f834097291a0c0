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
    """The port of a server of this application, up for as long as the block."""
    port = _free_port()
    command = ["uvicorn", "--factory", application, "--port", str(port)]
    with _up(run, environment, name, [*command, "--no-access-log", "--log-level", "warning"], port):
        yield port


@contextmanager
def module(run: Run, environment: Mapping[str, str], name: str) -> Iterator[int]:
    """The port of a module that serves by itself on the port it is told, up for as long as the block."""
    port = _free_port()
    with _up(run, environment, name, [name, str(port)], port):
        yield port


@contextmanager
def _up(
    run: Run, environment: Mapping[str, str], name: str, arguments: list[str], port: int
) -> Iterator[None]:
    run.progress(f"starting the application, {name}")
    log = run.folder / f"{name}.log"
    server = child([sys.executable, "-m", *arguments], log=log, environment=environment)
    try:
        give_up_at = time.monotonic() + START_SECONDS
        while not _answers(port):
            if server.ended or time.monotonic() > give_up_at:
                raise RuntimeError(f"the application did not start\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield
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
