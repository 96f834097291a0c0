"""The whole house with its console, a browser, and people."""

import shutil
from collections.abc import Iterator
from typing import Any, Protocol

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from ledger.database import Sessions
from office.roles import Role
from sandbox import house
from sandbox.agent import Agent
from sandbox.house import House
from tests.browser import people, stock
from tests.browser.people import Person

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Somebody(Protocol):
    """Makes an operator, who sits before a browser and is signed in unless told otherwise."""

    def __call__(self, role: Role, *, signed_in: bool = True, **browsing: Any) -> Person: ...


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The house, with every process of its own, and a console. Its book begins last month."""
    with house.running(tmp_path_factory.mktemp("house")) as running:
        with stock.opened(running.environment["DATABASE_URL"]) as sessions:
            stock.began_last_month(sessions)
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless browser. Its loop lives in this thread, so it ends before the tests of other packages."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no chromium here: run `make browser`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def sessions(home: House) -> Iterator[Sessions]:
    """The house's database, as its processes see it."""
    with stock.opened(home.environment["DATABASE_URL"]) as found:
        yield found


@pytest.fixture
def book(home: House) -> Iterator[psycopg.Connection[Any]]:
    """Raw SQL on the database of the house, as its owner."""
    with psycopg.connect(home.addresses.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def agent(home: House) -> Iterator[Agent]:
    """A new agent without credits."""
    signed_up = Agent(home.addresses.api_url, name="browsed-agent")
    yield signed_up
    signed_up.close()


@pytest.fixture
def somebody(home: House, browser: Browser, sessions: Sessions) -> Iterator[Somebody]:
    """People at the console. Whatever a page did that none may do fails the test."""
    settings = people.settings_of(home.environment["PENNYRAIL_CONSOLE_KEYS"])
    there: list[Person] = []

    def sit(role: Role, *, signed_in: bool = True, **browsing: Any) -> Person:
        email, app = people.enrolled(sessions, settings, role)
        person = people.sit_down(browser, home.addresses.api_url, email, role, app, **browsing)
        there.append(person)
        if signed_in:
            person.come_in()
        return person

    yield sit
    for person in there:
        person.context.close()
    assert [wrong for person in there for wrong in person.wrongs] == []
