"""A running house over fake rails: real HTTP, real PostgreSQL, no processor."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.addresses import Network
from app.limits import Limits
from app.main import create_app
from app.settings import DoorSettings, WorkSettings
from ledger.database import Sessions
from rails import purchase, status
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from tests.app.promised import hold, promised_by

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Json = dict[str, Any]


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Client:
    """An agent, or somebody without a token, at the doors. Every reply is held against the document."""

    http: httpx.Client
    token: str | None = None
    seen: list[httpx.Response] = field(default_factory=list)

    def get(self, path: str, **query: str | int) -> Json:
        """The envelope of a GET."""
        return self.envelope(self.http.get(path, params=query, headers=self._headers()))

    def post(self, path: str, **body: object) -> Json:
        """The envelope of a POST."""
        return self.envelope(self.http.post(path, json=body, headers=self._headers()))

    def quote(self, **terms: object) -> Json:
        """The data of a quote."""
        body = {"credits": 500, "payment_method": "fake_deposit", **terms}
        return ok(self.post("/v1/credit-quotes", **body))

    def buy(self, quote: Json, key: str | None = None) -> Json:
        """The data of a purchase."""
        path = {"fake_page": "fake-pages", "fake_deposit": "fake-deposits"}[quote["accepted_payment_method"]]
        key = key or f"purchase:{quote['quote_id']}"
        opened = self.post(f"/v1/credit-purchases/{path}", quote_id=quote["quote_id"], idempotency_key=key)
        return ok(opened)

    def status(self, **reference: str) -> Json:
        """The data of a purchase's status."""
        return ok(self.get("/v1/credit-purchases/status", **reference))

    def balance(self) -> int:
        """The credits this agent may spend."""
        found = ok(self.get("/v1/quota"))["limits"]["payment_backed_remaining_credits"]
        assert isinstance(found, int)
        return found

    def envelope(self, response: httpx.Response) -> Json:
        """The reply as JSON, having the seven parts and the header that every reply has."""
        self.seen.append(response)
        reply: Json = response.json()
        assert set(reply) == {"ok", "command", "trace_id", "actor", "data", "warnings", "error"}
        assert reply["trace_id"].startswith("trace_")
        assert len(reply["trace_id"]) == len("trace_") + 16
        assert isinstance(reply["warnings"], list)
        exit_code = int(response.headers["x-image-skill-exit-code"])
        assert (exit_code == 0) is reply["ok"] is (reply["error"] is None) is (response.status_code == 200)
        promised_by(self.http).check(response)
        return reply

    def _headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def ok(reply: Json) -> Json:
    """The data of a reply that succeeded."""
    assert reply["ok"], reply["error"]
    data: Json = reply["data"]
    return data


@dataclass
class Doors:
    """A running application and the handles behind it."""

    url: str
    http: httpx.Client
    clock: Clock
    sessions: Sessions
    page: FakeRail
    deposit: FakeRail
    app: FastAPI

    def visitor(self, token: str | None = None) -> Client:
        """Somebody at the doors."""
        return Client(self.http, token)

    def agent(self, name: str = "painter") -> Client:
        """A fresh agent with its token."""
        signed_up = ok(
            self.visitor().post("/v1/agent-signups", agent_name=name, runtime="tests", return_token=True)
        )
        return self.visitor(signed_up["token"])

    def reference(self, payment_attempt_id: str) -> str:
        """What the processor calls an attempt: never shown to agents, so read from the row."""
        with self.sessions() as session:
            attempt = status.attempt_of(session, payment_attempt_id=payment_attempt_id)
        assert attempt is not None
        assert attempt.reference is not None
        return attempt.reference

    def settle(self, payment_attempt_id: str) -> None:
        """Look at an attempt, as a worker would."""
        purchase.settle(self.sessions, self.rails, payment_attempt_id=payment_attempt_id, now=self.clock.now)

    @property
    def rails(self) -> dict[str, FakeRail]:
        """Both rails by id."""
        return {rail.rail_id: rail for rail in (self.page, self.deposit)}


def settings(**changed: Any) -> DoorSettings:
    """Settings of a test's house."""
    return DoorSettings(
        **{
            "public_url": "https://pennyrail.example",
            "default_rail": "fake_page",
            "docs_url": "https://docs.example",
            # What is bought is counted here; what is given is tested where it is given.
            "preview_credits": 0,
            **changed,
        }
    )


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a server that runs `app` for as long as the block."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


@contextmanager
def opened(
    sessions: Sessions,
    changed: DoorSettings,
    *,
    limits: Limits | None = None,
    proxies: tuple[Network, ...] = (),
    work: WorkSettings | None = None,
) -> Iterator[Doors]:
    """A house with its doors open, and no limits unless they are given."""
    clock, page, deposit = Clock(), hosted_page(), crypto_deposit()
    page.live_money = deposit.live_money = True
    rails = {page.rail_id: page, deposit.rail_id: deposit}
    app = create_app(sessions, rails, changed, clock, limits=limits, proxies=proxies, work=work)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        http.event_hooks = {"response": [lambda response: hold(http, response)]}
        yield Doors(url, http, clock, sessions, page, deposit, app)


@pytest.fixture
def doors(sessions: Sessions) -> Iterator[Doors]:
    """A house with its doors open."""
    with opened(sessions, settings()) as found:
        yield found
