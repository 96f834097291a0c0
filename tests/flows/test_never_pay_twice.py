"""After the money was sent, no answer invites to send it again: whatever is late, slow or broken."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from sandbox import paying, stripe_twin
from sandbox.agent import Agent
from sandbox.house import House, answers
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402
from tests.waiting import eventually

Json = dict[str, Any]
INVITING_ACTIONS = {"buy", "request_new_quote"}
INVITING_COMMAND = re.compile(r"\bcredits (?:quote|buy)\b")
WARNING = re.compile(
    r"\b(?:not|nobody|never)\b[^.;]*\bagain\b|nothing (?:more )?needs to be paid", re.IGNORECASE
)
LATE = stripe_twin.Switches(delay_seconds=6)


@dataclass
class Transcript:
    """Every request of one purchase and its answer, in order; `after_paying` are those that count."""

    agent: Agent
    base_url: str
    file: Path
    paid: bool = False
    after_paying: list[tuple[str, Json]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def ask(
        self, name: str, method: str, path: str, *, body: Json | None = None, **query: str
    ) -> Json | None:
        """The envelope of an answer, None if the connection broke."""
        headers = {"authorization": f"Bearer {self.agent.token}"}
        url = f"{self.base_url}{path}"
        try:
            answer = httpx.request(
                method, url, json=body, params=query, headers=headers, timeout=30, trust_env=False
            )
        except httpx.TransportError as error:
            self.note(name, f"no answer: {type(error).__name__}")
            return None
        envelope: Json = answer.json()
        self.note(name, *_told(envelope))
        if self.paid:
            self.after_paying.append((name, envelope))
        return envelope

    def note(self, name: str, *told: str) -> None:
        """Write a line into the file."""
        moment = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        self._lines.append("  ".join([moment, f"{name:<20}", *told]))
        self.file.write_text("\n".join(self._lines) + "\n")


@dataclass
class Purchase:
    """One purchase, each of its requests as the agent first sent it."""

    transcript: Transcript
    rail: tuple[str, str]
    quote_id: str = ""
    attempt: Json = field(default_factory=dict)

    def quote(self, name: str = "quote") -> Json | None:
        """Ask for the price, under the same key every time."""
        body = {"pack_id": "starter-500", "payment_method": self.rail[0], "idempotency_key": "quote-1"}
        return self.transcript.ask(name, "POST", "/v1/credit-quotes", body=body)

    def buy(self, name: str = "buy") -> Json | None:
        """Open the payment, under the same key every time."""
        body = {"quote_id": self.quote_id, "idempotency_key": "buy-1"}
        return self.transcript.ask(name, "POST", self.rail[1], body=body)

    def begin(self) -> None:
        """Quote and buy."""
        quoted = self.quote()
        assert quoted is not None
        self.quote_id = quoted["data"]["quote_id"]
        opened = self.buy()
        assert opened is not None
        self.attempt = opened["data"]
        self.status()

    def status(self, name: str = "status") -> str | None:
        """The state of the purchase, None if the connection broke."""
        seen = self.transcript.ask(
            name,
            "GET",
            "/v1/credit-purchases/status",
            payment_attempt_id=self.attempt["payment_attempt_id"],
        )
        return str(seen["data"]["state"]) if seen is not None else None

    def ask_everything(self) -> str | None:
        """Every question that an agent may ask of a purchase. Returns its state."""
        self.quote("quote replay")
        self.buy("buy replay")
        self.transcript.ask("status of quote", "GET", "/v1/credit-purchases/status", quote_id=self.quote_id)
        self.transcript.ask("activity", "GET", "/v1/activity")
        return self.status()

    def ask_everything_until_succeeded(self) -> None:
        """Ask and ask again until the credits are there."""
        give_up_at = time.monotonic() + 60
        while self.ask_everything() != "succeeded":
            assert time.monotonic() < give_up_at, self.transcript.file.read_text()
            time.sleep(0.5)


def pay_with_a_wallet(home: House, bought: Purchase) -> None:
    told = bought.attempt["stripe_x402"]["payable_instructions"]
    wallet = Wallet.create(home.addresses.rpc_url)
    home.devnet.set_block_seconds(0)
    wallet.submit_usdc(told["deposit_address"], int(told["token_amount_atomic"]))


def pay_on_the_page(home: House, bought: Purchase) -> None:
    paying.press_pay(bought.attempt["checkout_url"])


@pytest.fixture
def transcript(home: House, agent: Agent, tmp_path: Path) -> Transcript:
    """An empty transcript of this agent."""
    return Transcript(agent, home.addresses.api_url, tmp_path / "transcript.txt")


@pytest.mark.parametrize(
    ("rail", "pay"), [(X402, pay_with_a_wallet), (CHECKOUT, pay_on_the_page)], ids=["wallet", "page"]
)
def test_while_everything_is_late_and_the_connection_breaks_nobody_is_told_to_pay_again(
    home: House,
    transcript: Transcript,
    rail: tuple[str, str],
    pay: Callable[[House, Purchase], None],
) -> None:
    home.twin.control.set_switches(LATE)
    bought = Purchase(transcript, rail)
    bought.begin()

    with sent(transcript):
        pay(home, bought)
    bought.ask_everything()
    home.children["api"].stop()
    bought.status("status, cut off")
    home.start("api")
    eventually(lambda: answers(home.addresses.api_url))
    for _ in range(3):
        bought.ask_everything()
        time.sleep(1)
    home.devnet.set_block_seconds(1)
    bought.ask_everything_until_succeeded()
    bought.ask_everything()

    assert invitations(transcript) == []
    assert transcript.agent.paid_credits() == 500


def test_a_transfer_that_lands_after_the_attempt_has_expired_is_granted_and_never_asked_for_again(
    home: House, transcript: Transcript, book: psycopg.Connection[tuple[int]]
) -> None:
    home.twin.control.set_switches(LATE)
    bought = Purchase(transcript, X402)
    bought.begin()

    with sent(transcript):
        pay_with_a_wallet(home, bought)
    let_expire(book, bought)
    eventually(lambda: bought.ask_everything() == "expired")
    home.devnet.set_block_seconds(1)
    bought.ask_everything_until_succeeded()
    bought.ask_everything()

    assert invitations(transcript) == []
    assert transcript.agent.paid_credits() == 500


def let_expire(book: psycopg.Connection[tuple[int]], bought: Purchase) -> None:
    """Have the attempt made so much earlier that its time ended two minutes ago."""
    book.execute(
        "UPDATE payment_attempt SET created_at = created_at - (expires_at - now()) - interval '2 minutes',"
        " expires_at = now() - interval '2 minutes', look_at = now() WHERE payment_attempt_id = %s",
        (bought.attempt["payment_attempt_id"],),
    )


@contextmanager
def sent(transcript: Transcript) -> Iterator[None]:
    """From the end of the block on the money is on its way."""
    yield
    transcript.paid = True
    transcript.note("-- the money is sent", "from here on nothing may invite to pay")


def invitations(transcript: Transcript) -> list[str]:
    """What was said after paying that a second payment could follow from."""
    assert transcript.after_paying
    return [
        f"{name}: {problem}"
        for name, envelope in transcript.after_paying
        for problem in _invitations(name, envelope)
    ]


def _invitations(name: str, envelope: Json) -> Iterator[str]:
    assert envelope["ok"], envelope["error"]
    for command in _texts(envelope["data"]):
        if INVITING_COMMAND.search(command):
            yield f"suggests {command}"
    step = envelope["data"].get("next")
    if step is None:
        return
    if step.get("may_pay") not in ("no", "once_unless_sent"):
        yield f"may_pay is {step.get('may_pay')}"
    for told in ("action", "agent_action"):
        if step.get(told) in INVITING_ACTIONS:
            yield f"{told} is {step[told]}"
    if not WARNING.search(step.get("message", "")):
        yield f"message is {step.get('message')}"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _told(envelope: Json) -> list[str]:
    if not envelope["ok"]:
        return [envelope["error"]["code"], envelope["error"]["message"]]
    data = envelope["data"]
    step = data.get("next") or {}
    words = [f"state={data.get('state', '-')}", f"may_pay={step.get('may_pay', '-')}"]
    action = step.get("action") or step.get("agent_action") or step.get("human_action") or "-"
    return [*words, f"action={action}", str(step.get("message", "-"))]
