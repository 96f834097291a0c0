"""The whole house, with every process of its own, for the flows."""

from collections.abc import Iterator

import psycopg
import pytest

from ledger import database
from ledger.database import Sessions
from rails import registry
from rails.rail import Rails
from rails.stripe.settings import stripe
from sandbox import house, stripe_twin
from sandbox.agent import Agent
from sandbox.house import House
from tests.waiting import eventually


@pytest.fixture(scope="session")
def whole_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all flows: starting it costs seconds."""
    with house.running(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture
def home(whole_house: House) -> Iterator[House]:
    """The house, well again before and after: every process up, the chain's clock on, webhooks delivered."""
    _mend(whole_house)
    yield whole_house
    _mend(whole_house)


@pytest.fixture
def agent(home: House) -> Iterator[Agent]:
    """A new agent without credits."""
    signed_up = Agent(home.addresses.api_url, name="flow-agent")
    yield signed_up
    signed_up.close()


@pytest.fixture
def flow_sessions(home: House) -> Iterator[Sessions]:
    """The database of the house from this process, as the service that its own processes are."""
    engine = database.connect(home.environment["DATABASE_URL"], pool_size=60)
    yield database.sessions(engine)
    engine.dispose()


@pytest.fixture
def flow_rails(home: House, flow_sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rails]:
    """The rails of the house, in this process."""
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    stripe.cache_clear()
    yield registry.load(flow_sessions)
    stripe.cache_clear()


@pytest.fixture
def book(home: House) -> Iterator[psycopg.Connection[tuple[int]]]:
    """Raw SQL on the database of the house, as its owner."""
    with psycopg.connect(home.addresses.database_url, autocommit=True) as connection:
        yield connection


def _mend(home: House) -> None:
    home.twin.control.set_switches(stripe_twin.Switches())
    home.twin.control.clear_faults()
    home.devnet.set_block_seconds(1)
    for name in ("api", "worker", "watcher", "beat"):
        if home.children[name].ended:
            home.start(name)
    eventually(lambda: house.answers(home.addresses.api_url))
