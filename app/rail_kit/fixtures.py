"""The house around a rail that is tried: a real PostgreSQL, migrated, and the real doors over loopback.

Whoever has a database of tests already names its URL with a fixture `database_url` of their own.
"""

import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from psycopg import sql
from sqlalchemy.engine import make_url

from app.main import create_app
from app.migrations.run import migrate
from app.settings import DoorSettings
from ledger import database
from ledger.database import Sessions
from rails.conformance.harness import Harness
from rails.conformance.stage import Stage

_TEMPLATE: Final = "pennyrail_kit"
# Nothing of a test must survive a power cut.
_QUICK: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "file_copy_method": "clone",
}
_PUBLIC_URL: Final = "https://pennyrail.example"


@pytest.fixture(scope="session")
def kit_postgres_url() -> Iterator[str]:
    """The URL of a server with a migrated template database."""
    from sandbox import embedded

    with (
        tempfile.TemporaryDirectory(prefix="pennyrail-kit-") as folder,
        embedded.postgres(Path(folder) / "postgres", settings=_QUICK) as url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        migrate(_in(url, _TEMPLATE))
        yield url


@pytest.fixture
def database_url(kit_postgres_url: str) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    name = f"kit_{uuid4().hex}"
    with psycopg.connect(kit_postgres_url, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
        yield _in(kit_postgres_url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """The opener of transactions on this test's database."""
    engine = database.connect(database_url, pool_size=20)
    yield database.sessions(engine)
    engine.dispose()


@pytest.fixture
def stage(sessions: Sessions, harness: Harness) -> Stage:
    """The rail of the test file's harness, on a stage of its own."""
    return Stage(sessions, harness)


@pytest.fixture
def doors(stage: Stage) -> Iterator["OverHttp"]:
    """The doors of a house with this one rail, and an agent that has signed up at them."""
    settings = DoorSettings(public_url=_PUBLIC_URL, default_rail=stage.rail.rail_id)
    app = create_app(stage.sessions, stage.rails, settings, lambda: stage.now)
    with _served(app) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        yield OverHttp.signed_up(http)


@dataclass(frozen=True, slots=True)
class OverHttp:
    """An agent at the doors."""

    http: httpx.Client
    token: str

    @classmethod
    def signed_up(cls, http: httpx.Client) -> "OverHttp":
        """A new agent."""
        asked = {"agent_name": "conformance", "runtime": "pytest", "return_token": True}
        reply = http.post("/v1/agent-signups", json=asked).json()
        assert reply["ok"], reply["error"]
        return cls(http, reply["data"]["token"])

    def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """The whole reply to a GET."""
        reply: Mapping[str, Any] = self.http.get(path, params=query, headers=self._headers).json()
        return reply

    def post(self, path: str, **body: object) -> Mapping[str, Any]:
        """The whole reply to a POST."""
        reply: Mapping[str, Any] = self.http.post(path, json=body, headers=self._headers).json()
        return reply

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
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


def _in(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
