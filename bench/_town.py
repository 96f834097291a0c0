"""A whole house with agents that have credits, and offers made to its API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from app import agents, service_tokens
from app.settings import WorkSettings
from bench import _wishes
from bench._offering import Came, Offer, offer
from bench._run import Run
from bench._server import connect
from ledger import credits, database, operations
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.settings import LedgerSettings
from sandbox import house
from sandbox.house import House

AGENTS: Final = 200
PAYER: Final = "0x" + "ab" * 20
_USDC_UNITS: Final = 10**15
# The sandbox has everybody wait for longer than production does; what is measured is production.
_WAITS: Final = {
    "PENNYRAIL_WORK_WAIT_SECONDS": str(WorkSettings.model_fields["wait_seconds"].default),
    "DATABASE_POOL_WAIT_SECONDS": str(LedgerSettings.model_fields["database_pool_wait_seconds"].default),
}


@dataclass
class Town:
    """A running house, and who asks it. Remembers from one offer to the next what was told."""

    home: House
    agents: list[list[str]]
    service_token: str
    known: dict[str, list[Any]] = field(default_factory=dict)
    offers: int = 0

    @property
    def port(self) -> int:
        """The port of the API."""
        return _port(self.home.addresses.api_url)

    @property
    def database_url(self) -> str:
        """The database, as its owner sees it."""
        return self.home.addresses.database_url

    def offer(self, *, rate: float, seconds: float, mix: dict[str, float] = _wishes.MIX) -> Came:
        """Ask so often a second, for so long."""
        self.offers += 1
        came = offer(
            Offer(
                port=self.port,
                rate=rate,
                seconds=seconds,
                mix=mix,
                service_token=self.service_token,
                agents=self.agents,
                seed=self.offers,
                rpc_port=_port(self.home.addresses.rpc_url),
                payer=PAYER,
                token=self.home.devnet.token,
                known=self.known,
            )
        )
        self.known = came.known
        return came

    def count(self, statement: str) -> int:
        """The one number that a statement finds."""
        with connect(self.database_url) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def town(run: Run, name: str) -> Iterator[Town]:
    """A house with its agents, up for as long as the block."""
    with house.running(run.folder / name, say=run.progress) as home:
        home.children["api"].stop()
        home.start("api", **_WAITS)
        run.progress(f"signing up {AGENTS} agents")
        engine = database.connect(home.addresses.database_url, pool_size=2)
        try:
            sessions = database.sessions(engine)
            inhabitants = [_agent(sessions, number) for number in range(AGENTS)]
            with sessions() as session:
                _, token = service_tokens.make(
                    session,
                    name="bench",
                    scopes=service_tokens.SCOPES,
                    expires_at=None,
                    now=datetime.now(UTC),
                )
        finally:
            engine.dispose()
        home.devnet.mint(PAYER, _USDC_UNITS)
        while not house.answers(home.addresses.api_url):
            time.sleep(0.1)
        yield Town(home, inhabitants, token)


def _agent(sessions: Sessions, number: int) -> list[str]:
    now = datetime.now(UTC)
    with sessions() as session:
        agent = agents.sign_up(
            session,
            contact=None,
            agent_name=f"load {number}",
            runtime="bench",
            discovery_source=None,
            now=now,
        )
        token = agents.rotate(session, agent_id=agent.agent_id, now=now)
    grant = operations.Grant(
        key=f"load {number}",
        agent_id=agent.agent_id,
        actor="bench",
        credits=Amount(1_000_000, CREDIT),
        cents=Amount(1_000_000, USD),
        clearing="clearing:stripe_checkout",
        promotional=False,
    )
    [outcome] = credits.perform(sessions, [grant], now=now)
    assert outcome.done, outcome
    return [agent.agent_id, token]


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, "everything of the house listens on a port"
    return port
