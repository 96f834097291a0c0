"""/livez and /readyz: a process that cannot work says so, by the name of what is missing and no more."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from sqlmodel import text

from app.api.readiness import Readiness
from app.draining import Draining
from app.main import create_app
from ledger import database
from ledger.database import Sessions
from tests.app.conftest import Clock, Doors, served, settings


def ask(readiness: Readiness) -> tuple[str, ...]:
    async def asked() -> tuple[str, ...]:
        try:
            return await readiness.problems()
        finally:
            await readiness.close()

    return asyncio.run(asked())


def over(sessions: Sessions, *, full_seconds: float = 0) -> Readiness:
    return Readiness(sessions, Draining(), kept_seconds=0, full_seconds=full_seconds)


@contextmanager
def away() -> Iterator[Sessions]:
    engine = database.connect("postgresql://somebody:their-password@127.0.0.1:1/nowhere", pool_size=1)
    yield database.sessions(engine)
    engine.dispose()


def test_a_process_that_can_work_is_alive_and_ready(doors: Doors) -> None:
    live = httpx.get(f"{doors.url}/livez", trust_env=False)
    ready = httpx.get(f"{doors.url}/readyz", trust_env=False)

    assert (live.status_code, live.json()) == (200, {"alive": True})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "not_ready": []})
    assert ready.headers["cache-control"] == "no-store"


def test_without_its_database_a_process_is_alive_and_not_ready_and_names_nothing_secret() -> None:
    with away() as sessions, served(create_app(sessions, {}, settings(), Clock())) as url:
        live = httpx.get(f"{url}/livez", trust_env=False)
        ready = httpx.get(f"{url}/readyz", trust_env=False, timeout=20)

    assert live.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "not_ready": ["database"]})


def test_a_process_about_to_end_is_not_ready_still_answers_and_closes_connections(sessions: Sessions) -> None:
    draining = Draining()
    app = create_app(sessions, {}, settings(), Clock(), draining=draining)
    with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
        before = http.get("/readyz")
        draining.begin()
        after, live = http.get("/readyz"), http.get("/livez")

    assert (before.status_code, before.headers.get("connection")) == (200, None)
    assert (after.status_code, after.json()["not_ready"]) == (503, ["draining"])
    assert (live.status_code, live.headers["connection"]) == (200, "close")


def test_a_schema_that_this_code_cannot_work_with_is_told(sessions: Sessions) -> None:
    readiness = over(sessions)
    before = ask(readiness)

    with sessions() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0001_book'"))

    assert (before, ask(readiness)) == ((), ("schema",))


def test_a_pool_that_stays_exhausted_is_told_and_one_that_is_so_for_a_moment_is_not(
    database_url: str,
) -> None:
    engine = database.connect(database_url, pool_size=1)
    sessions = database.sessions(engine)
    patient, hasty = over(sessions, full_seconds=3600), over(sessions)

    with ExitStack() as taken:
        for _ in range(2):
            taken.enter_context(engine.connect())
        exhausted = ask(patient), ask(hasty)

    assert exhausted == ((), ("pool",))
    assert ask(hasty) == ()
    engine.dispose()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_the_doors_of_those_who_run_the_processes_are_not_of_the_contract(doors: Doors, path: str) -> None:
    assert path not in doors.http.get("/openapi.json").json()["paths"]
    assert httpx.post(f"{doors.url}{path}", trust_env=False).status_code == 405
