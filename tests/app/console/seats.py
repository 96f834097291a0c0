"""A console over fake rails, and people at it: real HTTP, real PostgreSQL, real sign-in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.console.desk import Desk
from app.limits import Limits
from app.main import create_app
from ledger.database import Sessions
from office import operators, proofs
from office.actor import Actor
from office.roles import Role
from office.settings import ConsoleSettings
from outbound import vault
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from tests.app.conftest import Clock, served, settings

PASSWORD = "correct horse battery"
_FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
Json = dict[str, Any]


@dataclass
class Seat:
    """Somebody at the console, as a browser without JavaScript; `json` is what the command line reads."""

    console: "Console"
    email: str
    role: Role
    secret: str
    http: httpx.Client
    used: int = field(default=0)

    def get(self, path: str, **query: str | int) -> httpx.Response:
        """A page."""
        return self.http.get(path, params=query)

    def page(self, path: str, **query: str | int) -> str:
        """The text of a page that is there."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def json(self, path: str, **query: str | int) -> Json:
        """What the page shows, as data."""
        answer = self.http.get(path, params=query, headers={"accept": "application/json"})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def code(self) -> str:
        """A code that was not used before: the clock goes on if it has to."""
        step = int(self.console.clock.now.timestamp()) // proofs.STEP_SECONDS
        if step <= self.used:
            self.console.clock.now += timedelta(seconds=proofs.STEP_SECONDS * (self.used - step + 1))
        self.used = int(self.console.clock.now.timestamp()) // proofs.STEP_SECONDS
        return proofs.code(self.secret, now=self.console.clock.now)

    def form_token(self) -> str:
        """What the forms of this session carry."""
        found = _FORM_TOKEN.search(self.page("/console/sessions"))
        assert found is not None
        return found[1]

    def send(self, path: str, **fields: str | int) -> httpx.Response:
        """An action, as the form of a page sends it. No redirect is followed."""
        return self.http.post(path, data={"form_token": self.form_token(), **fields})

    def act(self, path: str, **fields: str | int) -> httpx.Response:
        """An action that is done: sent with a fresh code, and answered by a redirect."""
        answer = self.send(path, code=self.code(), **fields)
        assert answer.status_code in (200, 303), answer.text
        return answer

    def sign_in(self) -> httpx.Response:
        """Sign in, as the form does."""
        return self.http.post(
            "/console/sign-in", data={"email": self.email, "password": PASSWORD, "code": self.code()}
        )


@dataclass
class Console:
    """A running application with its console."""

    url: str
    sessions: Sessions
    clock: Clock
    desk: Desk
    app: FastAPI
    page: FakeRail
    deposit: FakeRail
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def rails(self) -> dict[str, FakeRail]:
        """Both rails by id."""
        return {rail.rail_id: rail for rail in (self.page, self.deposit)}

    def client(self) -> httpx.Client:
        """A browser with no cookies yet."""
        made = httpx.Client(base_url=self.url, timeout=30)
        self.clients.append(made)
        return made

    def enrolled(self, role: Role, email: str) -> Seat:
        """Somebody who may sign in and has not yet."""
        secret = proofs.new_secret()
        seat = Seat(self, email, role, secret, self.client())
        with self.sessions() as session:
            _, invitation = operators.invite(
                session,
                email=email,
                name=email.partition("@")[0].title(),
                role=role,
                by=Actor("tests"),
                good_for=timedelta(hours=1),
                now=self.clock.now,
            )
            operators.enrol(
                session,
                email=email,
                invitation=invitation,
                password=PASSWORD,
                secret=secret,
                code=seat.code(),
                vault=self.desk.vault,
                now=self.clock.now,
            )
        return seat

    def operator(self, role: Role, email: str | None = None) -> Seat:
        """Somebody signed in."""
        seat = self.enrolled(role, email or f"{role}@example.com")
        answer = seat.sign_in()
        assert answer.status_code == 303, answer.text
        return seat

    def agent(self, name: str = "painter") -> tuple[str, str]:
        """A fresh agent's id and token."""
        body = {"agent_name": name, "runtime": "tests", "return_token": True}
        with httpx.Client(base_url=self.url) as http:
            data = http.post("/v1/agent-signups", json=body).json()
        return data["data"]["actor"]["actor_id"], data["data"]["token"]


@contextmanager
def opened(
    sessions: Sessions, *, served_as: Sessions | None = None, limits: Limits | None = None, **changed: Any
) -> Iterator[Console]:
    """A console, and nobody at it. `sessions` are the test's; it is served by `served_as`, or by the same."""
    clock, page, deposit = Clock(), hosted_page(), crypto_deposit()
    desk = Desk(ConsoleSettings(keys=(SecretStr(vault.new_key()),), **changed), live=False)
    rails = {page.rail_id: page, deposit.rail_id: deposit}
    # A public address behind https would make the cookie one that only https carries.
    doors = settings(public_url="http://pennyrail.example")
    app = create_app(served_as or sessions, rails, doors, clock, limits=limits, desk=desk)
    with served(app) as url:
        console = Console(url, sessions, clock, desk, app, page, deposit)
        try:
            yield console
        finally:
            for client in console.clients:
                client.close()
