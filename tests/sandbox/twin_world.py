"""What the tests of the Stripe twin share: a twin in this process, the official SDK, a webhook receiver."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import stripe
import uvicorn

from sandbox import stripe_twin
from sandbox.stripe_twin import Control, TwinConfig
from sandbox.stripe_twin.store import Document

ROOT = Path(__file__).parents[2]
KEY = "sk_test_twin"
LIVE_KEY = "sk_live_twin"
DEPOSIT_VERSION = "2026-03-04.preview"
ENDIVE = "2026-10-28.endive"
MAGIC_SUCCESS = "0x00000000000000000000000000000000000000000000000000000testsuccess"
MAGIC_FAILURE = "0x000000000000000000000000000000000000000000000000000000testfailed"
WAIT_SECONDS = 60

stripe.enable_telemetry = False


@dataclass(frozen=True)
class LocalTwin:
    """A twin that runs in this process."""

    url: str
    control: Control


def config(**changes: object) -> TwinConfig:
    """A quick and patient twin, changed where a test needs it."""
    quick: dict[str, object] = {
        "secret_key": KEY,
        "live_secret_key": LIVE_KEY,
        "simulate_delay_seconds": 0.1,
        "poll_seconds": 0.05,
        "retry_delays_seconds": (0.1, 0.1, 0.1),
    }
    return TwinConfig(**cast("dict[str, str]", quick | changes))  # type: ignore[arg-type]


@contextmanager
def running(settings: TwinConfig) -> Iterator[LocalTwin]:
    """Serve a twin on a free port of loopback."""
    server = uvicorn.Server(
        uvicorn.Config(
            stripe_twin.app(settings), port=0, loop="asyncio", log_config=None, log_level="critical"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with Control(url) as control:
            yield LocalTwin(url, control)
    finally:
        server.should_exit = True
        thread.join()


def sdk(url: str, key: str = KEY) -> stripe.StripeClient:
    """The official SDK, pointed at a twin."""
    return stripe.StripeClient(key, base_addresses={"api": url})


def deposit_parameters(**changes: object) -> Document:
    """The documented request of a deposit of five dollars."""
    return {
        "amount": 500,
        "currency": "usd",
        "payment_method_types": ["crypto"],
        "payment_method_data": {"type": "crypto"},
        "payment_method_options": {"crypto": {"mode": "deposit", "deposit_options": {"networks": ["base"]}}},
        "confirm": True,
        **changes,
    }


def deposit(client: stripe.StripeClient, **changes: object) -> stripe.PaymentIntent:
    """A new PaymentIntent that waits for tokens."""
    parameters = cast("stripe.params.PaymentIntentCreateParams", deposit_parameters(**changes))
    return client.v1.payment_intents.create(parameters, {"stripe_version": DEPOSIT_VERSION})


def address(intent: stripe.PaymentIntent) -> str:
    """Where the tokens are expected."""
    shown: Document = intent.to_dict(for_json=True)
    return str(shown["next_action"]["crypto_display_details"]["deposit_addresses"]["base"]["address"])


def simulate(
    client: stripe.StripeClient, intent: str, *, transaction_hash: str = MAGIC_SUCCESS
) -> stripe.StripeResponse:
    """Stripe's test helper for a deposit."""
    return cast(
        "stripe.StripeResponse",
        client.raw_request(
            "post",
            f"/v1/test_helpers/payment_intents/{intent}/simulate_crypto_deposit",
            buyer_wallet="0x0000000000000000000000000000000000000000",
            network="base",
            token_currency="usdc",
            transaction_hash=transaction_hash,
            stripe_version=DEPOSIT_VERSION,
        ),
    )


def session_parameters(**changes: object) -> Document:
    """A Checkout Session over five dollars."""
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "500 credits"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "http://127.0.0.1:9/done?session_id={CHECKOUT_SESSION_ID}",
        "allowed_payment_method_types": ["card"],
        **changes,
    }


def session(client: stripe.StripeClient, **changes: object) -> stripe.checkout.Session:
    """A new Checkout Session."""
    parameters = cast("stripe.params.checkout.SessionCreateParams", session_parameters(**changes))
    return client.v1.checkout.sessions.create(parameters)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens by itself; fails if it does not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass(frozen=True)
class Received:
    """A webhook as it came."""

    body: bytes
    signature: str

    def event(self, secret: str) -> stripe.Event:
        """The event, if the signature is right."""
        verify = cast("Callable[[bytes, str, str], stripe.Event]", stripe.Webhook.construct_event)
        return verify(self.body, self.signature, secret)


@dataclass
class Receiver:
    """A webhook endpoint that answers with `statuses` one after the other, then with 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def types(self, secret: str) -> list[str]:
        """The types of what came, in that order."""
        return [received.event(secret).type for received in list(self.received)]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen for webhooks on a free port of loopback."""
    listening = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listening.received.append(Received(body, self.headers["Stripe-Signature"]))
            self.send_response(listening.statuses.pop(0) if listening.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's name)
            """Tests do not need its log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listening
        finally:
            server.shutdown()
            thread.join()
