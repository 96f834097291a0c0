"""The example rail, plugged in by one setting, at the application that `pennyrail api` serves.

Nothing outside its folder knows it: what is set here is the environment, and that is all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.main import application
from ledger import database
from ledger.database import Sessions
from rails import purchase, schedule
from rails.rail import HostedPage, Rails
from rails.stripe.settings import stripe
from tests.app.conftest import Client, Json, ok, served
from tests.app.promised import hold
from tests.example_rail.bank_transfer import sandbox
from tests.example_rail.bank_transfer.harness import BankTransferHarness
from tests.example_rail.bank_transfer.sandbox import Processor
from workers.settings import queue

RAIL = "bank_transfer"
PATH = "/v1/credit-purchases/bank-transfer-payments"
ROOT = Path(__file__).parents[2]
ROOMS = ("ledger", "rails", "outbound", "workers", "app", "sandbox")


@dataclass
class Running:
    """The doors, the processor behind the rail, and the workers' side of it."""

    agent: Client
    processor: Processor
    sessions: Sessions
    rails: Rails

    def quote(self) -> Json:
        """A quote of five dollars on the rail."""
        return ok(self.agent.post("/v1/credit-quotes", credits=500, payment_method=RAIL))

    def buy(self, quote: Json) -> Json:
        """The payment of a quote."""
        key = f"purchase:{quote['quote_id']}"
        return ok(self.agent.post(PATH, quote_id=quote["quote_id"], idempotency_key=key))

    def sweep(self) -> None:
        """What the workers do every few seconds, a minute later."""
        now = datetime.now(UTC)
        with self.sessions() as session:
            due = schedule.due(session, now=now.replace(year=now.year + 1))
        for attempt_id in due:
            purchase.settle(self.sessions, self.rails, payment_attempt_id=attempt_id, now=now)


@pytest.fixture
def processor() -> Iterator[Processor]:
    with sandbox.running() as running:
        yield running


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, processor: Processor
) -> Iterator[None]:
    """What an operator sets. The enabling setting is the first line; the next two are the rail's own."""
    for name, value in {
        "PENNYRAIL_RAILS": "tests.example_rail.bank_transfer:build",
        "BANK_TRANSFER_API_BASE": processor.url,
        "BANK_TRANSFER_API_KEY": sandbox.API_KEY,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PENNYRAIL_PUBLIC_URL": "https://pennyrail.example",
        "PENNYRAIL_PREVIEW_CREDITS": "0",
        "STRIPE_SECRET_KEY": "sk_test_example",
        "STRIPE_WEBHOOK_SECRETS": "whsec_of_the_example_rail",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    stripe.cache_clear()
    queue.cache_clear()
    yield
    stripe.cache_clear()
    queue.cache_clear()


@pytest.fixture
def running(environment: None, processor: Processor, database_url: str) -> Iterator[Running]:
    app = application()
    engine = database.connect(database_url, pool_size=5)
    with served(app) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        http.event_hooks = {"response": [lambda response: hold(http, response)]}
        visitor = Client(http)
        token = ok(
            visitor.post("/v1/agent-signups", agent_name="painter", runtime="tests", return_token=True)
        )["token"]
        yield Running(Client(http, token), processor, database.sessions(engine), app.state.house.rails)
    engine.dispose()


def test_a_third_rail_goes_from_quote_to_receipt_at_the_real_doors(running: Running) -> None:
    bought = running.buy(running.quote())
    person = BankTransferHarness(running.processor)
    person.pay_as_person(HostedPage(bought["checkout_url"]))
    person.close()
    running.sweep()

    status = running.agent.status(payment_attempt_id=bought["payment_attempt_id"])

    assert bought["checkout_url"].startswith(f"{running.processor.url}/pay/")
    assert "checkout_session_id" not in bought
    assert bought["next"]["actor"] == "human"
    assert (status["state"], status["terminal"]) == ("succeeded", True)
    assert status["receipt"]["received_cents"] == 500
    assert status["receipt"]["provider"] == RAIL
    said = [(each["source"], each["state"]) for each in status["receipt"]["witnesses"]]
    assert said == [(RAIL, "settled")]
    assert running.agent.balance() == 500


def test_a_third_rail_is_listed_and_documented_as_it_declares_itself(running: Running) -> None:
    methods = ok(running.agent.get("/v1/payment-methods"))["methods"]

    told = {each["method_id"]: each for each in methods}[RAIL]
    assert told["purchase_endpoint"] == PATH
    assert (told["agent_settleable"], told["requires_browser"]) == (False, True)
    assert told["settlement_blocker"] == "requires a person who confirms the payment on the processor's page"
    document = running.agent.http.get("/openapi.json").json()
    assert PATH in document["paths"]


def test_too_little_on_a_third_rail_waits_for_a_person(running: Running) -> None:
    bought = running.buy(running.quote())
    name = next(iter(running.processor.payments))
    running.processor.receive(name, 499)
    running.sweep()

    status = running.agent.status(payment_attempt_id=bought["payment_attempt_id"])

    assert status["state"] == "needs_review"
    assert status["payment_attempt"]["exception"]["kind"] == "underpaid"
    assert running.agent.balance() == 0


def test_nothing_outside_its_folder_knows_the_example_rail() -> None:
    # The template of new rails is its text, and the documents speak of it.
    knowing = [
        path.relative_to(ROOT)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "bank_transfer" in path.read_text() and "rail_kit" not in path.parts
    ]

    assert knowing == [Path("app/rail_cli.py")], "only as the example of a name in a help text"
