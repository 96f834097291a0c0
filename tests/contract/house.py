"""A house with the real rails, over a Stripe twin and a devnet, and the agents that come to its doors."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app import rate_card, service_tokens
from app.api import webhooks
from app.house import Clock
from app.internal import wiring
from app.internal.settings import InternalSettings
from app.main import create_app
from ledger import database
from ledger.database import Sessions
from rails import inbox, purchase
from rails.chain import scanner
from rails.chain.rpc import Rpc
from rails.chain.scanner import Outcome
from rails.chain.settings import ChainSettings
from rails.models import PaymentAttempt
from rails.rail import Rails
from rails.stripe import client
from rails.stripe.settings import StripeSettings
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import X402Settings
from sandbox import paying
from sandbox.devnet import Devnet
from sandbox.stripe_twin import Control
from tests.app.conftest import Client, Json, ok, settings
from tests.internal.conftest import Service, served
from tests.sandbox import twin_world
from tests.waiting import eventually
from workers.watching import StoryWatch

CHECKOUT = "stripe_checkout"
X402 = "stripe_x402.exact.usdc"
PATHS = {
    CHECKOUT: "/v1/credit-purchases/stripe-checkout-sessions",
    X402: "/v1/credit-purchases/stripe-x402-deposits",
}
PUBLIC_URL = "https://pennyrail.example"
WEBHOOK_SECRET = "whsec_of_the_contract_tests"
PAYER = "0x00000000000000000000000000000000000a9e17"


@dataclass
class Time:
    """The time of this machine, moved on as a test likes."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Caller(Client):
    """An agent, or somebody without a token, who knows the real rails. Every reply must be an envelope."""

    def get_text(self, path: str, **query: str | int) -> str:
        """The reply to a GET as it was sent."""
        self.get(path, **query)
        return self.seen[-1].text

    def quote(self, **terms: object) -> Json:
        """The data of a quote."""
        body: Json = {"credits": 500, "payment_method": X402, **terms}
        if terms.get("pack_id"):
            body.pop("credits")
        return ok(self.post("/v1/credit-quotes", **body))

    def ask_to_buy(self, quote: Json, key: str | None = None, *, rail: str | None = None) -> Json:
        """The whole reply to a purchase."""
        path = PATHS[rail or quote["accepted_payment_method"]]
        key = key or f"purchase:{quote['quote_id']}"
        return self.post(path, quote_id=quote["quote_id"], idempotency_key=key)

    def buy(self, quote: Json, key: str | None = None) -> Json:
        """The data of a purchase."""
        return ok(self.ask_to_buy(quote, key))

    def quota(self) -> Json:
        """The data of the quota."""
        return ok(self.get("/v1/quota"))

    def events(self, **query: str | int) -> list[Json]:
        """The events of this agent's history, newest first."""
        found: list[Json] = ok(self.get("/v1/activity", **query))["events"]
        return found

    def actor_id(self) -> str:
        """The id behind the token."""
        found: str = self.get("/v1/whoami")["actor"]["actor_id"]
        return found


@dataclass
class House:
    """The running house, and what a test may move in it."""

    http: httpx.Client
    time: Time
    sessions: Sessions
    rails: Rails
    twin: Control
    devnet: Devnet
    chain: ChainSettings
    rpc: Rpc
    checkout: CheckoutSettings
    x402: X402Settings
    everything: list[httpx.Response] = field(default_factory=list)

    def visitor(self, token: str | None = None) -> Caller:
        """Somebody at the doors."""
        return Caller(self.http, token, seen=self.everything)

    def sign_up(self, **fields: object) -> Json:
        """The whole reply to a signup."""
        body = {"agent_name": "painter", "runtime": "tests", "return_token": True, **fields}
        return self.visitor().post("/v1/agent-signups", **body)

    def agent(self, **fields: object) -> Caller:
        """A fresh agent with its token."""
        return self.visitor(ok(self.sign_up(**fields))["token"])

    def service(self) -> Service:
        """The server that runs the jobs, at its own door."""
        with self.sessions() as session:
            _, token = service_tokens.make(
                session, name="api", scopes=service_tokens.SCOPES, expires_at=None, now=self.time()
            )
        return Service(self.http, token)

    def pay(self, attempt: Json) -> None:
        """Pay an attempt as its payer would."""
        if "checkout_url" in attempt:
            paying.press_pay(attempt["checkout_url"])
            return
        told = attempt["stripe_x402"]["payable_instructions"]
        units = int(told["token_amount_atomic"])
        self.devnet.mint(PAYER, units)
        self.devnet.mine()
        self.devnet.transfer(PAYER, told["deposit_address"], units)
        self.devnet.mine(4)

    def settle(self, agent: Caller, attempt: Json) -> Json:
        """The status of an attempt once it has succeeded: the chain is read and the rail is asked."""
        seen: list[Json] = []

        def succeeded() -> bool:
            self.look(attempt["payment_attempt_id"])
            seen.append(agent.status(payment_attempt_id=attempt["payment_attempt_id"]))
            return bool(seen[-1]["state"] == "succeeded")

        eventually(succeeded)
        return seen[-1]

    def look(self, payment_attempt_id: str) -> None:
        """Read the chain to its head and look at an attempt, as the workers do, until somebody answered.

        A pass that the chain overtook, or a processor that answers late, is no failure: workers ask again.
        """
        eventually(lambda: self._looked(payment_attempt_id))

    def _looked(self, payment_attempt_id: str) -> bool:
        now = self.time()
        report = scanner.scan(
            self.sessions,
            self.rpc,
            StoryWatch(now),
            token=self.chain.usdc_address,
            policy=self.chain.depth,
            now=now,
            limits=self.chain.limits,
        )
        purchase.settle(self.sessions, self.rails, payment_attempt_id=payment_attempt_id, now=now)
        with self.sessions() as session:
            attempt = session.get_one(PaymentAttempt, payment_attempt_id)
            return report.outcome is Outcome.KEPT and report.behind == 0 and attempt.looked_at == now

    def paid(self, agent: Caller, rail: str = X402, **terms: object) -> tuple[Json, Json]:
        """A purchase that was paid: its reply, and its status afterwards."""
        attempt = agent.buy(agent.quote(payment_method=rail, **terms))
        self.pay(attempt)
        return attempt, self.settle(agent, attempt)


def as_body(command: str) -> Json:
    """What a client sends for a command of quoting or buying, flag by flag."""
    words = shlex.split(command)
    flags = dict(zip(words[3:-1:2], words[4:-1:2], strict=True))
    names = {
        "--pack": "pack_id",
        "--credits": "credits",
        "--payment-method": "payment_method",
        "--idempotency-key": "idempotency_key",
        "--quote-id": "quote_id",
        "--provider": "provider",
    }
    body: Json = {names[flag]: word for flag, word in flags.items()}
    return body | ({"credits": int(body["credits"])} if "credits" in body else {})


@contextmanager
def opened(database_url: str, devnet: Devnet) -> Iterator[House]:
    """The house with its doors open; the twin's webhooks reach it."""
    with ExitStack() as stack:
        engine = database.connect(database_url, pool_size=20)
        stack.callback(engine.dispose)
        sessions, time = database.sessions(engine), Time()
        twin = stack.enter_context(
            twin_world.running(twin_world.config(rpc_url=devnet.rpc_url, retry_delays_seconds=(0.1,)))
        )
        stripe = StripeSettings(
            secret_key=SecretStr(twin_world.LIVE_KEY),
            webhook_secrets=(SecretStr(WEBHOOK_SECRET),),
            api_base=twin.url,
        )
        chain = ChainSettings(base_rpc_url=SecretStr(devnet.rpc_url), chain_depth="latest+1")
        checkout, x402 = CheckoutSettings(public_url=PUBLIC_URL), X402Settings()
        rails: Rails = {
            CHECKOUT: StripeCheckout(client.connect(stripe), checkout, live_money=stripe.live),
            X402: StripeX402(
                client.connect(stripe),
                sessions,
                stripe_settings=stripe,
                chain_settings=chain,
                settings=x402,
            ),
        }
        url = stack.enter_context(served(_application(sessions, rails, stripe, time, database_url)))
        twin.control.register_endpoint(f"{url}/webhooks/stripe", secrets=[WEBHOOK_SECRET])
        http = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
        rpc = Rpc(devnet.rpc_url, expect_chain_id=chain.base_chain_id, deadline_seconds=10)
        stack.callback(rpc.close)
        yield House(http, time, sessions, rails, twin.control, devnet, chain, rpc, checkout, x402)


def _application(
    sessions: Sessions, rails: Rails, stripe: StripeSettings, time: Clock, database_url: str
) -> FastAPI:
    doors = settings(
        public_url=PUBLIC_URL,
        default_rail="stripe_checkout",
        client_command="image-skill",
        preview_credits=20,
        preview_daily_jobs=4,
    )
    app = create_app(sessions, rails, doors, time, card=rate_card.SAMPLE)

    def wake(notice_ids: Sequence[int]) -> None:
        for notice_id in notice_ids:
            inbox.handle(sessions, rails, notice_id=notice_id, now=time())

    webhooks.install(app, stripe, wake=wake)
    wiring.install(app, database_url, InternalSettings(token_cache_seconds=0))
    return app


def commands_in(value: object) -> Sequence[str]:
    """Every command that a reply holds, wherever it stands."""
    match value:
        case str() if value.startswith("image-skill "):
            return [value]
        case dict():
            return [found for each in value.values() for found in commands_in(each)]
        case list():
            return [found for each in value for found in commands_in(each)]
        case _:
            return []
