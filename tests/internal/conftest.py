"""The API server's door, open: real HTTP, real PostgreSQL, and services with tokens."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app import rate_card, service_tokens
from app.internal import wiring
from app.internal.settings import InternalSettings
from app.main import create_app
from ledger import credits, operations
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Operation
from rails.conformance.fakes import crypto_deposit, hosted_page
from tests.app.conftest import Clock, settings

Json = dict[str, Any]


@dataclass
class Service:
    """A service with a token at the door."""

    http: httpx.Client
    token: str
    seen: list[httpx.Response] = field(default_factory=list)

    def post(self, path: str, body: object, *, key: str | None = None, dry: bool = False) -> Json:
        """The reply to a POST, as JSON."""
        headers = self.headers | ({"idempotency-key": key} if key else {})
        query = {"dry_run": "true"} if dry else None
        return self.read(self.http.post(f"/internal/v1/{path}", json=body, headers=headers, params=query))

    def get(self, path: str) -> Json:
        """The reply to a GET, as JSON."""
        return self.read(self.http.get(f"/internal/v1/{path}", headers=self.headers))

    def hold(self, agent_id: str, credits: int = 5, **more: object) -> Json:
        """The reply to a hold, under a key of its own if none is given."""
        body = {"agent_id": agent_id, "credits": credits, "job_id": "job-1", "timeout_seconds": 60}
        return self.post("holds", {"idempotency_key": uuid4().hex, **body, **more})

    def debit(self, agent_id: str, credits: int = 5, **more: object) -> Json:
        """The reply to a debit, under a key of its own if none is given."""
        body = {"agent_id": agent_id, "credits": credits, "job_id": "job-1"}
        return self.post("debits", {"idempotency_key": uuid4().hex, **body, **more})

    def balance(self, agent_id: str) -> tuple[int, int]:
        """What the agent has, and what of it is held."""
        found = done(self.get(f"agents/{agent_id}/balance"))["balance"]
        return found["posted"], found["held"]

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"authorization": f"Bearer {self.token}"}

    def read(self, response: httpx.Response) -> Json:
        """The reply, which says by its status what it says in its body."""
        self.seen.append(response)
        reply: Json = response.json()
        assert reply["ok"] is (response.status_code == 200), reply
        return reply


def done(reply: Json) -> Json:
    """The data of a reply that succeeded."""
    assert reply["ok"], reply
    data: Json = reply["data"]
    return data


def code(reply: Json) -> str:
    """The code of a reply that was refused."""
    assert not reply["ok"], reply
    found: str = reply["error"]["code"]
    return found


@dataclass
class Home:
    """A running application, and the handles behind it."""

    http: httpx.Client
    clock: Clock
    sessions: Sessions
    url: str

    def service(self, name: str = "api", *scopes: str, expires_at: datetime | None = None) -> Service:
        """A service that may do everything, or what is named."""
        with self.sessions() as session:
            _, token = service_tokens.make(
                session,
                name=name,
                scopes=scopes or service_tokens.SCOPES,
                expires_at=expires_at,
                now=self.clock.now,
            )
        return Service(self.http, token)

    def agent(self, *, bought: int = 0, promotional: int = 0) -> str:
        """The id of a new agent, with credits."""
        reply = self.http.post("/v1/agent-signups", json={"agent_name": "painter", "runtime": "tests"})
        agent_id: str = reply.json()["data"]["actor"]["actor_id"]
        if bought:
            self.buy(agent_id, bought)
        if promotional:
            self.apply(_grant(agent_id, promotional, promotional=True))
        return agent_id

    def buy(self, agent_id: str, units: int) -> None:
        """Give the agent credits that were paid for."""
        self.apply(_grant(agent_id, units, promotional=False))

    def apply(self, wish: Operation) -> None:
        """Do something to the book, as another part of the house would."""
        assert credits.perform(self.sessions, [wish], now=self.clock.now)[0].done


def _grant(agent_id: str, units: int, *, promotional: bool) -> operations.Grant:
    return operations.Grant(
        key=uuid4().hex,
        agent_id=agent_id,
        actor="test",
        credits=Amount(units, CREDIT),
        cents=Amount(0 if promotional else units, USD),
        clearing=None if promotional else "clearing:stripe",
        promotional=promotional,
    )


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a server that runs `app`, from its beginning to its end."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()


@contextmanager
def opened(
    sessions: Sessions, database_url: str, *, clock: Clock | None = None, **changed: Any
) -> Iterator[Home]:
    """A house whose door to services is open. `changed` are its settings."""
    moment, page, deposit = clock or Clock(), hosted_page(), crypto_deposit()
    doors = {name: changed.pop(name) for name in list(changed) if name.startswith("preview_")}
    internal = InternalSettings(**changed)
    rails, card = {page.rail_id: page, deposit.rail_id: deposit}, rate_card.load(internal.rate_card_file)
    app = create_app(sessions, rails, settings(**doors), moment, card=card)
    wiring.install(app, database_url, internal)
    limits = httpx.Limits(max_connections=128, max_keepalive_connections=128)
    with served(app) as url, httpx.Client(base_url=url, timeout=30, limits=limits) as http:
        yield Home(http, moment, sessions, url)


@pytest.fixture
def home(sessions: Sessions, database_url: str) -> Iterator[Home]:
    """A house whose door to services is open."""
    with opened(sessions, database_url, token_cache_seconds=0) as found:
        yield found
