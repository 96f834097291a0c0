"""A real API process that is killed under load, and one whose queue is away: no webhook is lost."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
import stripe

from bench._load import content_length
from ledger.database import Sessions
from rails import inbox
from sandbox.processes import Child, child
from tests.waiting import eventually

SECRET = f"whsec_{'k' * 32}"
CONNECTIONS = 64
KILLED_AFTER = 250


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def api(database_url: str, port: int, log: Path) -> Iterator[Child]:
    """An API process as production runs it. Nothing but the database is really there: Redis is away too."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "STRIPE_SECRET_KEY": "sk_test_killed",
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-m", "app.cli", "api", "--port", str(port)]
    running = child(command, log=log, environment=environment)
    try:
        eventually(lambda: _answers(port), seconds=240)
        yield running
    finally:
        running.kill()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def body(event_id: str) -> bytes:
    about = {"id": f"pi_of_{event_id}", "object": "payment_intent", "padding": "x" * 2000}
    told = {"id": event_id, "object": "event", "type": "payment_intent.succeeded", "livemode": False}
    return json.dumps({**told, "data": {"object": about}}).encode()


def request(event: bytes) -> bytes:
    at = int(time.time())
    signature = stripe.WebhookSignature.generate_signature_header(event.decode(), SECRET, at)
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"content-length: {len(event)}\r\nstripe-signature: {signature}\r\n\r\n"
    )
    return head.encode() + event


class Sender:
    """Stripe, in this respect: sends each event again and again until it is answered with 2xx."""

    def __init__(self, port: int, events: list[str]) -> None:
        self._port = port
        self._events = events
        self.answered: set[str] = set()

    async def send(self, *, until: int, running: Child | None = None) -> None:
        """Send what is not answered yet, at 64 connections; kill the process after so many answers."""
        left = [name for name in self._events if name not in self.answered]
        await asyncio.gather(*(self._one_after_the_other(left, until, running) for _ in range(CONNECTIONS)))

    async def _one_after_the_other(self, left: list[str], until: int, running: Child | None) -> None:
        # No answer says nothing: it is sent again.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                while left:
                    await self._one(left.pop(), reader, writer)
                    if running is not None and len(self.answered) >= until:
                        os.kill(running.pid, signal.SIGKILL)
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def _one(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request(body(name)))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(content_length(head))
        if head.startswith(b"HTTP/1.1 200"):
            self.answered.add(name)


def kept(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute("SELECT external_id FROM notice")]


@pytest.mark.timeout(600)
def test_every_answered_event_is_kept_exactly_once_though_the_process_is_killed_under_load(
    database_url: str, tmp_path: Path
) -> None:
    port, events = free_port(), [f"evt_{number}" for number in range(900)]
    stripe_sends = Sender(port, events)
    for kills in (1, 2):
        with api(database_url, port, tmp_path / "api.log") as running:
            asyncio.run(stripe_sends.send(until=KILLED_AFTER * kills, running=running))
            eventually(lambda: running.ended)
        assert KILLED_AFTER * kills <= len(stripe_sends.answered) < len(events)
        assert stripe_sends.answered <= set(kept(database_url))

    with api(database_url, port, tmp_path / "api.log"):
        asyncio.run(stripe_sends.send(until=len(events)))

    assert stripe_sends.answered == set(events)
    assert sorted(kept(database_url)) == sorted(events)


@pytest.mark.timeout(600)
def test_given_redis_is_away_then_events_are_answered_at_once_and_the_sweeper_finds_them(
    database_url: str, sessions: Sessions, tmp_path: Path
) -> None:
    port, events = free_port(), [f"evt_{number}" for number in range(30)]
    stripe_sends = Sender(port, events)

    with api(database_url, port, tmp_path / "api.log"):
        began_at = time.monotonic()
        asyncio.run(stripe_sends.send(until=len(events)))
        took_seconds = time.monotonic() - began_at
        eventually(lambda: "wait for the sweeper" in (tmp_path / "api.log").read_text())

    later = datetime.now(UTC) + timedelta(seconds=11)
    with sessions() as session:
        due = inbox.due(session, now=later)
    states = {inbox.handle(sessions, {}, notice_id=notice_id, now=later) for notice_id in due}
    assert stripe_sends.answered == set(events)
    assert took_seconds < 10
    assert (len(due), states) == (30, {"ignored"})
