"""A real receiver on this machine, and a house that tells it things."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlmodel import col, select
from standardwebhooks import Webhook, WebhookVerificationError

from ledger import credits, seals
from ledger.database import Sessions
from ledger.operations import Operation
from outbound import delivery, endpoints, telling, vault
from outbound.addresses import Rules
from outbound.delivery import Courier
from outbound.models import Attempt, Delivery, Endpoint
from outbound.post import Post
from outbound.vault import Vault
from tests.ledger.make import NOON

Json = dict[str, Any]
LOOPBACK = Rules(loopback=True)
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Message:
    """What came to a receiver."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        """The webhook-id."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Json:
        """The payload, whose signature is good.

        Whatever its age is: receivers look at that too, and long runs of tests grow older than they allow.
        """
        signed_at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = Webhook(secret).sign(self.event_id, signed_at, self.body.decode())
        if signature not in self.headers["webhook-signature"].split(" "):
            raise WebhookVerificationError("no signature is of this secret")
        payload: Json = json.loads(self.body)
        return payload


@dataclass
class Receiver:
    """A server that keeps what comes, and answers as it is told to."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    before: Callable[[BaseHTTPRequestHandler], object] = lambda _: None

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Keep a message, and answer it."""
        body = request.rfile.read(int(request.headers["content-length"]))
        self.messages.append(Message({name.lower(): value for name, value in request.headers.items()}, body))
        self.before(request)
        request.send_response(self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        if self.status != 204:
            request.send_header("content-length", str(len(self.answer)))
        request.end_headers()
        if self.status != 204:
            request.wfile.write(self.answer)


class Quiet(ThreadingHTTPServer):
    """A server that says nothing when somebody hangs up."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Whoever hung up was meant to."""


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver, for as long as the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.handle(self)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class House:
    """A house that tells others, at a time that the test chooses."""

    sessions: Sessions
    now: datetime
    vault: Vault
    post: Post
    patience: timedelta = timedelta(hours=120)
    at_once: int = 8
    at_once_each: int = 4

    @property
    def courier(self) -> Courier:
        """What it takes to deliver at that time."""
        return Courier(
            self.sessions,
            self.post,
            self.vault,
            lambda: self.now,
            self.patience,
            self.at_once,
            self.at_once_each,
        )

    def endpoint(self, url: str, *types: str) -> tuple[str, str]:
        """A new endpoint and its secret."""
        with self.sessions() as session:
            made, secret = endpoints.create(
                session, url=url, event_types=types, rules=LOOPBACK, vault=self.vault, now=NOON
            )
            return made.endpoint_id, secret

    def do(self, *wanted: Operation, now: datetime = NOON) -> None:
        """Have things happen in the book."""
        outcomes = credits.perform(self.sessions, wanted, now=now)
        assert {outcome.code for outcome in outcomes} <= {"done"}

    def tell(self) -> int:
        """Seal what happened and make events of it; how many."""
        seals.seal_all(self.sessions, now=self.now)
        return telling.tell_all(self.sessions, now=self.now)

    def deliver(self, *, after_seconds: float = 0) -> dict[str, int]:
        """Deliver what is due, some time later than before."""
        self.now += timedelta(seconds=after_seconds)
        return dict(delivery.deliver(self.courier))

    def found(self, endpoint_id: str) -> Endpoint:
        """An endpoint as it is now."""
        with self.sessions() as session:
            return endpoints.get(session, endpoint_id)

    def deliveries(self) -> list[Delivery]:
        """Every delivery, in the order in which it was asked for."""
        with self.sessions() as session:
            return list(session.exec(select(Delivery).order_by(col(Delivery.created_at))))

    def attempts(self) -> list[Attempt]:
        """The log of tries."""
        with self.sessions() as session:
            return list(session.exec(select(Attempt).order_by(col(Attempt.attempt_id))))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on this machine."""
    with receiving() as found:
        yield found


@pytest.fixture
def house(sessions: Sessions) -> House:
    """A house of a sandbox: it may send to this machine."""
    return House(sessions, NOW, Vault.of([vault.new_key()]), Post(LOOPBACK, timeout_seconds=2))


def payloads(receiver: Receiver, secret: str) -> list[Json]:
    """What came, verified, in the order in which it happened."""
    told = [message.verified(secret) for message in receiver.messages]
    return sorted(told, key=lambda payload: json.dumps(payload["timestamp"]))


def drip(request: BaseHTTPRequestHandler, *, every_seconds: float = 0.1, seconds: float = 20) -> None:
    """Answer with one byte of a header at a time."""
    give_up_at = time.monotonic() + seconds
    request.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while time.monotonic() < give_up_at:
        request.wfile.write(b"a")
        request.wfile.flush()
        time.sleep(every_seconds)
