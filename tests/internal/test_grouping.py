"""Many callers, one commit: each gets its own answer, whatever happens to the others or to the database."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlmodel import text

from app.internal.errors import Unavailable
from app.internal.settings import InternalSettings
from app.internal.writer import Line, Writer
from app.migrations.run import migrate
from ledger import database
from ledger.database import Sessions
from sandbox import embedded
from tests.conftest import QUICK, memory
from tests.internal.conftest import Home, Json, Service, code, done, opened


def at_once(calls: int, call: object) -> list[Json]:
    with ThreadPoolExecutor(calls) as callers:
        return list(callers.map(call, range(calls)))  # type: ignore[arg-type]


def commits(home: Home) -> tuple[int, int]:
    """How many operations were told, in how many transactions of the database."""
    with home.sessions() as session:
        counted = text(
            "SELECT count(*), count(DISTINCT xid::text) FROM ledger_transaction WHERE kind = 'debit'"
        )
        told, transactions = session.connection().execute(counted).one()
    return told, transactions


def lock(connection: psycopg.Connection, agent_id: str) -> None:
    """Lock the agent's row, until the connection's transaction ends."""
    connection.execute(
        "SELECT FROM balance JOIN account ON account.id = balance.account_id"
        " WHERE account.name = %s FOR UPDATE",
        (f"agent:{agent_id}",),
    )


def await_lock(database_url: str) -> None:
    """Come back when the door waits for a lock."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(500):
            waits = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'pennyrail-internal' AND wait_event_type = 'Lock'"
                " AND datname = current_database()"
            ).fetchone()
            if waits and waits[0]:
                return
            time.sleep(0.01)
    raise AssertionError("the door waits for nothing")


def test_64_callers_spend_exactly_what_there_is(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=40)

    replies = at_once(64, lambda n: api.debit(agent_id, 1, idempotency_key=f"k{n}"))

    refused = [code(reply) for reply in replies if not reply["ok"]]
    versions = sorted(done(reply)["balance"]["version"] for reply in replies if reply["ok"])
    assert refused == ["INSUFFICIENT_CREDITS"] * 24
    assert versions == list(range(2, 42))
    assert api.balance(agent_id) == (0, 0)


def test_callers_that_wait_together_are_committed_together(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, writers=1) as home:
        api, agents = home.service(), [home.agent(bought=10) for _ in range(4)]
        api.balance(agents[0])

        at_once(64, lambda n: api.debit(agents[n % 4], 1, idempotency_key=f"k{n}"))

        told, transactions = commits(home)
    assert told == 64
    assert transactions < 40


def test_grouping_can_be_turned_off(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, writers=4, group_most=1) as home:
        api, agent_id = home.service(), home.agent(bought=100)

        at_once(32, lambda n: api.debit(agent_id, 1, idempotency_key=f"k{n}"))

        assert commits(home) == (32, 32)


def test_the_same_key_from_everybody_at_once_is_done_once(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)

    replies = at_once(32, lambda _: api.debit(agent_id, 7, idempotency_key="same"))

    assert all(reply == replies[0] for reply in replies)
    assert api.balance(agent_id) == (93, 0)


def test_the_same_key_for_different_agents_at_once_is_done_for_one(home: Home) -> None:
    api, agents = home.service(), [home.agent(bought=10) for _ in range(16)]

    replies = at_once(16, lambda n: api.debit(agents[n], 7, idempotency_key="same"))

    assert sorted(reply["ok"] for reply in replies) == [False] * 15 + [True]
    assert {code(reply) for reply in replies if not reply["ok"]} == {"IDEMPOTENCY_CONFLICT"}


def test_one_bad_item_fails_alone(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, writers=1) as home:
        api, agents, broken = home.service(), [home.agent(bought=10) for _ in range(3)], home.agent(bought=10)
        with psycopg.connect(database_url) as connection:
            # A book whose lots hold less than its balance: every spend of this agent raises.
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "UPDATE balance SET posted = 1000 FROM account"
                " WHERE account.id = balance.account_id AND account.name = %s",
                (f"agent:{broken}",),
            )

        def call(n: int) -> Json:
            if n % 16 == 0:
                return api.debit(broken, 500, idempotency_key=f"k{n}")
            if n % 16 == 1:
                past = {"agent_id": agents[0], "credits": 5, "expires_at": "2020-01-01T00:00:00Z"}
                return api.post("grants", past, key=f"k{n}")
            return api.debit(agents[n % 3], 1, idempotency_key=f"k{n}", minimum_left=0)

        with ThreadPoolExecutor(24) as callers:
            replies = list(callers.map(call, range(24)))

    assert [code(replies[n]) for n in (0, 1, 16, 17)] == [
        "INTERNAL_ERROR",
        "INVALID_ARGUMENTS",
        "INTERNAL_ERROR",
        "INVALID_ARGUMENTS",
    ]
    assert all(reply["ok"] for n, reply in enumerate(replies) if n % 16 > 1)


def test_an_agent_whose_row_is_locked_delays_nobody_for_long(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, writers=1) as home:
        api, free, locked = home.service(), home.agent(bought=10), home.agent(bought=10)
        with psycopg.connect(database_url) as connection:
            lock(connection, locked)
            stuck, fine = at_once(2, lambda n: api.debit((locked, free)[n], 1, idempotency_key=f"k{n}"))
            connection.rollback()
        again = api.debit(locked, 1, idempotency_key="k0")

    assert (code(stuck), stuck["error"]["retryable"]) == ("SERVICE_UNAVAILABLE", True)
    assert done(fine)["credits"] == done(again)["credits"] == 1


@pytest.mark.parametrize("agents", [1, 12], ids=["one agent", "twelve agents"])
def test_many_callers_of_locked_agents_delay_another_only_once(
    sessions: Sessions, database_url: str, agents: int
) -> None:
    with opened(sessions, database_url, writers=1) as home, psycopg.connect(database_url) as connection:
        api, other = home.service(), home.service("other")
        free, locked = home.agent(bought=10), [home.agent(bought=10) for _ in range(agents)]
        for agent_id in locked:
            lock(connection, agent_id)
        with ThreadPoolExecutor(12) as callers:
            calls = [callers.submit(api.debit, locked[n % agents], 1) for n in range(12)]
            await_lock(database_url)
            time.sleep(0.2)
            began = time.monotonic()
            fine = other.debit(free, 1)
            took = time.monotonic() - began
            stuck = {code(call.result()) for call in calls}
        connection.rollback()

    assert done(fine)["credits"] == 1
    assert stuck == {"SERVICE_UNAVAILABLE"}
    # The group before this call's own takes half a second or so, and its own at most one.
    assert took < 3.5


def test_while_a_call_is_being_written_its_outcome_is_not_missing(
    sessions: Sessions, database_url: str
) -> None:
    with opened(sessions, database_url, writers=1) as home, psycopg.connect(database_url) as connection:
        api, reader, agent_id = home.service(), home.service("api"), home.agent(bought=10)
        lock(connection, agent_id)
        with ThreadPoolExecutor(1) as caller:
            call = caller.submit(api.debit, agent_id, 1, idempotency_key="k")
            await_lock(database_url)
            during = reader.get("outcomes/k")
            connection.rollback()
            call.result()
        after, never = reader.get("outcomes/k"), reader.get("outcomes/never")

    assert (code(during), during["error"]["retryable"]) == ("SERVICE_UNAVAILABLE", True)
    assert done(after)["done"] is True
    assert code(never) == "OUTCOME_NOT_FOUND"


def test_a_call_whose_caller_has_left_is_still_being_written(database_url: str) -> None:
    async def run() -> tuple[bool, bool]:
        writer = Writer(database_url, InternalSettings(writers=1))
        writer.start()
        left = asyncio.ensure_future(writer.write([Line("(refused)", "k", "a")]))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        during = writer.is_writing("k")
        await writer.stop()
        return during, writer.is_writing("k")

    assert asyncio.run(run()) == (True, False)


def test_who_comes_when_the_queue_is_full_is_asked_to_come_back(
    sessions: Sessions, database_url: str
) -> None:
    with opened(sessions, database_url, writers=1, queue_most=2, group_most=1) as home:
        api, agent_id = home.service(), home.agent(bought=100)
        with psycopg.connect(database_url) as connection:
            connection.execute("LOCK TABLE balance IN ACCESS EXCLUSIVE MODE")
            unlock = threading.Timer(0.5, connection.rollback)
            unlock.start()
            replies = at_once(16, lambda n: api.debit(agent_id, 1, idempotency_key=f"k{n}"))
            unlock.join()
        full = [reply for reply in replies if not reply["ok"]]
        response = next(seen for seen in api.seen if seen.status_code == 503)

    assert {code(reply) for reply in full} == {"SERVICE_UNAVAILABLE"}
    assert response.headers["retry-after"] == "1"


def test_what_is_queued_is_written_before_the_house_closes(sessions: Sessions, database_url: str) -> None:
    async def run() -> list[object]:
        writer = Writer(database_url, InternalSettings(writers=1, group_most=1))
        writer.start()
        waiting = [asyncio.ensure_future(writer.write([Line("(refused)", f"k{n}", "a")])) for n in range(5)]
        await asyncio.sleep(0)
        await writer.stop()
        with pytest.raises(Unavailable):
            await writer.write([Line("(late)", "late", "a")])
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    outcomes = asyncio.run(run())

    assert all(isinstance(outcome, psycopg.Error) for outcome in outcomes)


@contextmanager
def frozen(database_url: str) -> Iterator[None]:
    """Let the door's connection be answered by nobody, as if its server had lost its network."""
    with psycopg.connect(database_url) as connection:
        [(process,)] = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'pennyrail-internal' AND datname = current_database()"
        ).fetchall()
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_database_that_never_answers_is_given_up_and_connected_to_anew(database_url: str) -> None:
    async def run() -> None:
        writer = Writer(database_url, InternalSettings(writers=1), answer_seconds=0.5)
        writer.start()
        with pytest.raises(psycopg.Error):
            await writer.write([Line("(refused)", "before", "a")])
        with frozen(database_url):
            async with asyncio.timeout(20):
                with pytest.raises(Unavailable):
                    await writer.write([Line("(refused)", "during", "a")])
                with pytest.raises(psycopg.Error):
                    await writer.write([Line("(refused)", "after", "a")])
        await writer.stop()

    asyncio.run(run())


def test_what_nobody_thought_of_fails_its_callers_and_not_those_who_come_next(database_url: str) -> None:
    async def run() -> None:
        writer = Writer(database_url, InternalSettings(writers=1))
        writer.start()
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable):
                # No text that can be sent: half of a character.
                await writer.write([Line("\ud800", "odd", "a")])
            with pytest.raises(psycopg.Error):
                await writer.write([Line("(refused)", "next", "a")])
        await writer.stop()

    asyncio.run(run())


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server of this test's own, to be stopped and started."""
    import tempfile

    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        yield Path(folder) / "postgres"


def test_a_restart_of_the_database_is_survived_and_the_key_finds_the_truth(own_postgres: Path) -> None:
    with embedded.postgres(own_postgres, settings=QUICK) as url:
        migrate(url)
        engine = database.connect(url)
        with opened(database.sessions(engine), url, token_cache_seconds=10) as home:
            api, agent_id = home.service(), home.agent(bought=1000)
            spent = done(api.debit(agent_id, 1, idempotency_key="before"))
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'pennyrail-internal'"
                )
            again = done(api.debit(agent_id, 1, idempotency_key="before"))
            fresh = done(api.debit(agent_id, 1, idempotency_key="after"))
        engine.dispose()

    assert spent == again
    assert fresh["balance"]["posted"] == 998


def test_while_the_database_is_away_callers_are_told_to_come_back(own_postgres: Path) -> None:
    # The same socket after the restart, which the sandbox gives a new place each time.
    with embedded.postgres(own_postgres, settings=QUICK) as url:
        migrate(url)
        sockets = Path(url.partition("host=")[2])
        engine = database.connect(url)
        served = opened(database.sessions(engine), url, token_cache_seconds=10)
        home = served.__enter__()
        api, agent_id = home.service(), home.agent(bought=1000)
        done(api.debit(agent_id, 1))
    away = api.debit(agent_id, 1, idempotency_key="k")
    with embedded.postgres(own_postgres, settings=QUICK) as moved:
        sockets.symlink_to(moved.partition("host=")[2])
        back = _until_served(api, agent_id)
        served.__exit__(None, None, None)
        engine.dispose()
    sockets.unlink()

    assert (code(away), away["error"]["retryable"]) == ("SERVICE_UNAVAILABLE", True)
    assert back["balance"]["posted"] == 998


def _until_served(api: Service, agent_id: str) -> Json:
    for _ in range(20):
        try:
            reply = api.debit(agent_id, 1, idempotency_key="k")
        except httpx.HTTPError:
            continue
        if reply["ok"]:
            return done(reply)
    raise AssertionError("the door did not find the database again")
