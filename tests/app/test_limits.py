"""How often one agent, or one address without a token, may knock."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app import limits as limiting
from app.addresses import networks
from app.errors import RateLimited
from app.limits import Limits
from app.settings import LimitSettings
from ledger.database import Sessions
from sandbox import embedded
from tests.app.conftest import Client, Doors, opened, settings

PER_MINUTE = LimitSettings(quotes_per_minute=3, purchases_per_minute=2, signups_per_minute=2)


@pytest.fixture
def counted(redis_url: str) -> Iterator[Limits]:
    """Limits over a Redis."""
    found = Limits(PER_MINUTE, redis_url=redis_url)
    yield found
    asyncio.run(found.close())


@pytest.fixture
def who() -> str:
    """An agent that no other test knows."""
    return f"agt_{uuid4().hex}"


@contextmanager
def silence() -> Iterator[str]:
    """The URL of a Redis that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def passed(limits: Limits, times: int, identity: str) -> int:
    """How many of so many knocks pass."""
    count = 0
    for _ in range(times):
        try:
            limits.hit_from_thread("quote", identity)
        except RateLimited:
            continue
        count += 1
    return count


def test_who_comes_too_often_is_told_when_to_come_back(counted: Limits, who: str) -> None:
    within = passed(counted, 3, who)

    with pytest.raises(RateLimited) as refused:
        counted.hit_from_thread("quote", who)

    assert within == 3
    assert 1 <= refused.value.retry_after_seconds <= 60
    assert passed(counted, 3, f"{who}_2") == 3


def test_the_event_loop_and_the_threads_share_their_counters(counted: Limits, who: str) -> None:
    within = passed(counted, 2, who)

    async def twice() -> int:
        await counted.hit("quote", who)
        with pytest.raises(RateLimited):
            await counted.hit("quote", who)
        await counted.close()
        return 1

    assert within + asyncio.run(twice()) == 3


def test_two_processes_share_their_counters(counted: Limits, redis_url: str, who: str) -> None:
    other = Limits(PER_MINUTE, redis_url=redis_url)

    within = passed(counted, 2, who) + passed(other, 5, who)
    asyncio.run(other.close())

    assert within == 3


def test_a_second_that_is_over_counts_no_more(redis_url: str, who: str) -> None:
    found = Limits(LimitSettings(status_per_second=3), redis_url=redis_url)

    async def poll() -> None:
        for _ in range(4):
            await found.hit("status", who)
            await asyncio.sleep(0.6)
        await found.close()

    asyncio.run(poll())


def test_without_redis_this_process_counts_alone(tmp_path: Path, who: str) -> None:
    with embedded.redis(tmp_path / "first") as url:
        found = Limits(PER_MINUTE, redis_url=url)
        together = passed(found, 5, who)
    alone = passed(found, 5, who)
    away = found._is_away
    asyncio.run(found.close())

    assert (together, alone, away) == (3, 3, True)


def test_a_redis_that_comes_back_is_counted_in_again(
    counted: Limits, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiting, "AWAY_SECONDS", 0.3)
    counted._went_away()

    alone = passed(counted, 5, who)
    time.sleep(0.4)
    together = passed(counted, 5, who)

    assert (alone, together) == (3, 3)


def test_a_redis_that_never_answers_is_waited_for_once_and_shortly() -> None:
    with silence() as url:
        found = Limits(LimitSettings(status_per_second=100_000), redis_url=url)

        async def knock() -> float:
            started = time.monotonic()
            await asyncio.gather(*(found.hit("status", f"agt_{number}") for number in range(100)))
            return time.monotonic() - started

        at_once = asyncio.run(knock())
        started = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda number: found.hit_from_thread("status", f"agt_{number}"), range(100)))
        afterwards = time.monotonic() - started
        asyncio.run(found.close())

    assert at_once < 0.5
    assert afterwards < 0.5


@pytest.fixture
def guarded(sessions: Sessions) -> Iterator[Doors]:
    """A house whose limits are small, behind a proxy."""
    found = LimitSettings(
        status_per_second=2,
        other_per_second=50,
        quotes_per_minute=3,
        purchases_per_minute=2,
        signups_per_minute=4,
        strangers_per_minute=3,
        visits_per_second=2,
    )
    with opened(
        sessions, settings(), limits=Limits(found), proxies=networks("127.0.0.0/8, 192.0.2.7")
    ) as doors:
        yield doors


def codes(client: Client) -> list[int]:
    """The statuses this client has seen."""
    return [response.status_code for response in client.seen]


def test_a_refusal_names_the_limit_and_the_time_in_words_for_programs(guarded: Doors) -> None:
    agent = guarded.agent()
    for _ in range(3):
        agent.quote()

    reply = agent.post("/v1/credit-quotes", credits=5)

    response, seconds = agent.seen[-1], reply["error"]["recovery"]["retry_after_seconds"]
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("RATE_LIMITED", True)
    assert (response.status_code, response.headers["x-image-skill-exit-code"]) == (429, "5")
    assert response.headers["retry-after"] == str(seconds)
    assert response.headers["ratelimit-policy"] == '"quote";q=3;w=60'
    assert response.headers["ratelimit"] == f'"quote";r=0;t={seconds}'


def test_every_kind_of_request_of_an_agent_is_counted_for_itself_and_for_it_alone(guarded: Doors) -> None:
    agent, other = guarded.agent(), guarded.agent()
    quote = agent.quote()

    for _ in range(3):
        agent.post("/v1/credit-purchases/fake-deposits", quote_id=quote["quote_id"], idempotency_key="k")
    for _ in range(3):
        agent.get("/v1/credit-purchases/status", quote_id=quote["quote_id"])
    for _ in range(3):
        agent.get("/v1/whoami")
    other.quote()

    assert codes(agent)[1:4] == [200, 200, 429]
    assert 429 in codes(agent)[4:7]
    assert codes(agent)[7:] == [200, 200, 200]
    assert codes(other) == [200]


def test_signups_refused_tokens_and_visits_are_counted_by_address(guarded: Doors) -> None:
    def status(path: str, address: str, *, method: str = "GET", **sent: object) -> int:
        headers = {"x-forwarded-for": address}
        body = {"agent_name": "a", "runtime": "t"} if method == "POST" else None
        return guarded.http.request(method, path, headers=headers, json=body).status_code

    signups = [status("/v1/agent-signups", "198.51.100.1", method="POST") for _ in range(5)]
    strangers = [status("/v1/whoami", "198.51.100.1") for _ in range(4)]
    visits = [status("/v1/credit-packs", "198.51.100.1") for _ in range(5)]
    others = [
        status("/v1/whoami", "198.51.100.2"),
        status("/v1/agent-signups", "198.51.100.2", method="POST"),
    ]

    assert signups == [200] * 4 + [429]
    assert strangers == [401] * 3 + [429]
    assert 429 in visits
    assert others == [401, 200]
    assert guarded.http.get("/healthz").status_code == 200


def test_a_valid_token_passes_where_its_address_has_tried_too_many_others(guarded: Doors) -> None:
    agent = guarded.agent()
    for _ in range(5):
        guarded.visitor("isk_r_wrong").get("/v1/whoami")

    reply = agent.get("/v1/whoami")

    assert reply["ok"] is True


def test_a_poll_a_second_and_five_hundred_agents_pass_for_ever(redis_url: str, who: str) -> None:
    found = Limits(LimitSettings(), redis_url=redis_url)

    async def poll() -> float:
        started = time.monotonic()
        for _ in range(3):
            next_second = time.monotonic() + 1
            await asyncio.gather(*(found.hit("status", f"{who}_{number}") for number in range(500)))
            await asyncio.sleep(max(0, next_second - time.monotonic()))
        await found.close()
        return time.monotonic() - started

    assert asyncio.run(poll()) < 6
