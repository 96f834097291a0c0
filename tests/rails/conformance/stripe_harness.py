"""Plays the world around the two rails of Stripe: the twin, the devnet, a person and a wallet."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import httpx
import stripe
from pydantic import SecretStr
from stripe import WebhookSignature
from typing_extensions import override

from ledger.database import Sessions
from ledger.money import Amount
from rails import pricing
from rails.chain import scanner
from rails.chain.rpc import Rpc
from rails.chain.settings import ChainSettings
from rails.conformance.harness import Harness
from rails.notice import Incoming
from rails.rail import CryptoDeposit, Handle, HostedPage, Instructions, Rail, Source
from rails.stripe import client, webhooks
from rails.stripe.settings import StripeSettings
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import X402Settings
from sandbox import paying
from sandbox.devnet import Devnet
from sandbox.stripe_twin.models import Fault
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin
from workers.watching import StoryWatch

WEBHOOK_SECRET = "whsec_of_the_conformance_suite"
PAYER = "0x00000000000000000000000000000000000a9e18"
MANY = 1000


class StripeHarness(Harness):
    """What both rails share: the twin, broken and well again."""

    patience_seconds = 20

    def __init__(self, twin: LocalTwin) -> None:
        self.twin = twin.control
        self.settings = StripeSettings(
            secret_key=SecretStr(twin_world.LIVE_KEY),
            webhook_secrets=(SecretStr(WEBHOOK_SECRET),),
            api_base=twin.url,
            retries=0,
        )
        self.stripe = client.connect(self.settings)

    def secrets(self) -> Sequence[str]:
        """The key of the API and the secret of the webhooks."""
        return [twin_world.LIVE_KEY, WEBHOOK_SECRET]

    def unreachable(self) -> AbstractContextManager[None]:
        """The twin cuts every connection."""
        return self._failing(Fault(kind="drop", times=MANY))

    def losing_answers(self) -> AbstractContextManager[None]:
        """The twin does its work and cuts the connection."""
        return self._failing(Fault(kind="lost_answer", times=MANY))

    def refusing(self) -> AbstractContextManager[None]:
        """The twin answers every new payment with a definite no."""
        return self._failing(Fault(kind="status", status=400, method="POST", times=MANY))

    def notice(self, payment: Handle, kind: str, number: int) -> Incoming:
        """A signed event that mentions the payment."""
        body = self._event(payment, kind, number)
        now = datetime.now(UTC)
        signature = WebhookSignature.generate_signature_header(
            body.decode(), WEBHOOK_SECRET, int(now.timestamp())
        )
        return webhooks.verify(body, str(signature), settings=self.settings, now=now)

    def receive_unsigned(self, payment: Handle) -> None:
        """An event that somebody else signed."""
        body, now = self._event(payment, "payment succeeded", 1), datetime.now(UTC)
        signature = WebhookSignature.generate_signature_header(
            body.decode(), "whsec_of_somebody_else", int(now.timestamp())
        )
        webhooks.verify(body, str(signature), settings=self.settings, now=now)

    def _event(self, payment: Handle, kind: str, number: int) -> bytes:
        of_page = payment.reference.startswith("cs_")
        types = {
            "payment succeeded": "checkout.session.completed" if of_page else "payment_intent.succeeded",
            "payment failed": "checkout.session.expired" if of_page else "payment_intent.payment_failed",
        }
        event = {
            "id": f"evt_{payment.payment_attempt_id}_{number}",
            "object": "event",
            "type": types.get(kind, "payment_intent.processing"),
            "livemode": True,
            "data": {"object": {"id": payment.reference, "status": kind}},
        }
        return json.dumps(event).encode()

    @contextmanager
    def _failing(self, fault: Fault) -> Iterator[None]:
        self.twin.fail(fault)
        try:
            yield
        finally:
            self.twin.clear_faults()


class CheckoutHarness(StripeHarness):
    """A person on the twin's page."""

    def __init__(self, twin: LocalTwin) -> None:
        super().__init__(twin)
        self._page = CheckoutSettings(public_url="https://pennyrail.example")
        self._rail = StripeCheckout(self.stripe, self._page, live_money=self.settings.live)

    @property
    def rail(self) -> Rail:
        """The rail over the twin."""
        return self._rail

    def pay_as_agent(self, told: Instructions) -> None:
        """Read the page and send its form as it was served: without the page's script it is refused."""
        address = _page(told).partition("#")[0]
        with httpx.Client(trust_env=False, timeout=30) as program:
            program.get(address)
            program.post(address, data={"action": "pay"})

    def pay_as_person(self, told: Instructions) -> None:
        """Press Pay."""
        paying.press_pay(_page(told))

    def expire(self, payment: Handle) -> None:
        """Let an hour pass at the twin."""
        left = int(payment.expires_at.timestamp()) - self.twin.now()
        self.twin.advance_clock(seconds=left + 1)

    def decline(self, payment: Handle) -> None:
        """Let the card be declined."""
        self.twin.decline(payment.reference)

    def refund_there(self, payment: Handle, amount: Amount) -> None:
        """Refund on Stripe's dashboard."""
        session = self.stripe.v1.checkout.sessions.retrieve(payment.reference)
        self.twin.refund(str(session.payment_intent), amount.units)

    def payments_of(self, payment_attempt_id: str) -> Sequence[str]:
        """The sessions that Stripe holds for an attempt."""
        listed = self.stripe.v1.checkout.sessions.list({"limit": 100})
        return [each.id for each in listed.data if each.client_reference_id == payment_attempt_id]

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """The setting closes the rail."""
        self._page.stripe_checkout_closed = reason
        try:
            yield
        finally:
            self._page.stripe_checkout_closed = ""


class X402Harness(StripeHarness):
    """A wallet on the devnet, and the watcher of the house."""

    def __init__(self, twin: LocalTwin, devnet: Devnet, sessions: Sessions) -> None:
        super().__init__(twin)
        self._devnet, self._sessions = devnet, sessions
        self._chain = ChainSettings(base_rpc_url=SecretStr(devnet.rpc_url), chain_depth="latest+2")
        self._x402 = X402Settings()
        self._rpc = Rpc(devnet.rpc_url, expect_chain_id=self._chain.base_chain_id, deadline_seconds=10)
        self._reading, self._blind = threading.Lock(), False
        self._rail = StripeX402(
            self.stripe,
            sessions,
            stripe_settings=self.settings,
            chain_settings=self._chain,
            settings=self._x402,
        )

    @property
    def rail(self) -> Rail:
        """The rail over the twin and the devnet."""
        return self._rail

    def close(self) -> None:
        """Close the connection to the node."""
        self._rpc.close()

    def catch_up(self, now: datetime) -> None:
        """Read the chain, as the watcher does."""
        if self._blind:
            return
        with self._reading:
            scanner.scan(
                self._sessions,
                self._rpc,
                StoryWatch(now),
                token=self._chain.usdc_address,
                policy=self._chain.depth,
                now=now,
                limits=self._chain.limits,
            )

    def pay_as_agent(self, told: Instructions) -> None:
        """Send the exact amount from a wallet, and let blocks come."""
        self._send(told, _deposit(told).amount, blocks=5)

    def pay_as_person(self, told: Instructions) -> None:
        """A person's wallet sends the same transfer."""
        self.pay_as_agent(told)

    def pay_another_sum(self, told: Instructions, dollars: Amount) -> None:
        """Send another amount."""
        self._send(told, pricing.in_usdc(dollars), blocks=5)

    def begin_to_pay(self, told: Instructions) -> None:
        """Send the exact amount, and let no block follow it."""
        self._send(told, _deposit(told).amount, blocks=1)

    @override
    def settle(self, payment: Handle) -> None:
        """Let blocks come."""
        self._devnet.mine(4)

    def expire(self, payment: Handle) -> None:
        """Let Stripe close the payment: the end of its address alone closes nothing."""
        self.twin.expire_deposit(payment.reference)
        self.stripe.v1.payment_intents.cancel(
            payment.reference, options={"stripe_version": self.settings.crypto_version}
        )

    def refund_there(self, payment: Handle, amount: Amount) -> None:
        """Refund on Stripe's dashboard."""
        self.twin.refund(payment.reference, amount.units)

    def payments_of(self, payment_attempt_id: str) -> Sequence[str]:
        """The PaymentIntents that Stripe holds for an attempt."""
        listed = self.stripe.v1.payment_intents.list({"limit": 100})
        return [each.id for each in listed.data if _attempt(each) == payment_attempt_id]

    @contextmanager
    def silent(self, witness: Source) -> Iterator[None]:
        """Stripe does not answer, or nobody reads the chain."""
        if witness == "stripe":
            with self.unreachable():
                yield
            return
        self._blind = True
        try:
            yield
        finally:
            self._blind = False

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """The setting closes the rail."""
        self._x402.stripe_x402_closed = reason
        try:
            yield
        finally:
            self._x402.stripe_x402_closed = ""

    def _send(self, told: Instructions, amount: Amount, *, blocks: int) -> None:
        self._devnet.mint(PAYER, amount.units)
        self._devnet.mine()
        self._devnet.transfer(PAYER, _deposit(told).address, amount.units)
        self._devnet.mine(blocks)


def _page(told: Instructions) -> str:
    assert isinstance(told, HostedPage)
    return told.url


def _deposit(told: Instructions) -> CryptoDeposit:
    assert isinstance(told, CryptoDeposit)
    return told


def _attempt(intent: stripe.PaymentIntent) -> str | None:
    metadata = intent.metadata.to_dict()
    found = metadata.get("payment_attempt_id")
    return str(found) if found is not None else None
