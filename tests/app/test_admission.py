"""Past what can be done at a time, requests are refused at once, in the contract's words."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from app.api import status, webhooks
from app.lanes import Full, Lane, Place
from app.main import create_app
from app.settings import WorkSettings
from ledger.database import Sessions
from rails.stripe.settings import StripeSettings
from tests.app.conftest import Clock, Doors, opened, served, settings
from tests.waiting import eventually

PACKS = "/v1/credit-packs"


def lane(*, at_once: int = 1, waiting_most: int = 1, wait_seconds: float = 60) -> Lane:
    return Lane(at_once, waiting_most, wait_seconds)


def test_places_are_given_in_order_of_arrival() -> None:
    async def scene() -> list[str]:
        narrow, served_in_order = lane(waiting_most=2), list[str]()
        await narrow.enter()

        async def come(name: str) -> None:
            await narrow.enter()
            served_in_order.append(name)
            narrow.leave()

        waiting = [asyncio.create_task(come(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        narrow.leave()
        await asyncio.gather(*waiting)
        assert narrow.busy == 0
        return served_in_order

    assert asyncio.run(scene()) == ["first", "second"]


def test_beyond_the_queue_nobody_waits() -> None:
    async def scene() -> None:
        narrow = lane()
        await narrow.enter()
        waiting = asyncio.create_task(narrow.enter())
        await asyncio.sleep(0)

        with pytest.raises(Full):
            await narrow.enter()

        narrow.leave()
        await waiting
        assert narrow.busy == 1

    asyncio.run(scene())


def test_a_place_that_comes_free_at_the_moment_of_giving_up_is_not_lost() -> None:
    async def scene(*, late_by_turns: int) -> None:
        narrow = lane(wait_seconds=0)
        await narrow.enter()
        waiting = asyncio.create_task(narrow.enter())
        for _ in range(late_by_turns):
            await asyncio.sleep(0)

        narrow.leave()

        with suppress(Full):
            await waiting
            narrow.leave()
        assert narrow.busy == 0
        assert narrow.take()

    for turns in range(8):
        asyncio.run(scene(late_by_turns=turns))


def test_a_place_is_given_back_once() -> None:
    async def scene() -> None:
        wide = lane(at_once=2)
        await wide.enter()
        await wide.enter()
        place = Place(wide)

        place.leave()
        place.leave()

        assert wide.busy == 1

    asyncio.run(scene())


def test_who_waited_too_long_is_refused_and_leaves_no_gap() -> None:
    async def scene() -> None:
        narrow = lane(wait_seconds=0.01)
        await narrow.enter()

        with pytest.raises(Full):
            await narrow.enter()

        narrow.leave()
        await narrow.enter()
        assert narrow.busy == 1

    asyncio.run(scene())


def test_who_leaves_at_the_moment_of_being_called_passes_the_place_on() -> None:
    async def scene() -> None:
        narrow = lane()
        await narrow.enter()
        waiting = asyncio.create_task(narrow.enter())
        await asyncio.sleep(0)

        narrow.leave()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert narrow.busy == 0

    asyncio.run(scene())


@contextmanager
def crowded(
    sessions: Sessions, work: WorkSettings
) -> Iterator[tuple[str, FastAPI, threading.Event, list[str]]]:
    """A house whose packs are shown only after an event, the paths that have come in, and its address."""
    go, came = threading.Event(), list[str]()
    app = create_app(sessions, {}, settings(), Clock(), work=work)

    def stuck() -> dict[str, bool]:
        came.append("in")
        assert go.wait(60)
        return {"ok": True}

    app.add_api_route("/v1/stuck", stuck, methods=["GET", "POST"])
    with ExitStack() as stack:
        url = stack.enter_context(served(app))
        stack.callback(go.set)
        yield url, app, go, came


def crowd(url: str, pool: ThreadPoolExecutor, count: int) -> list[Future[httpx.Response]]:
    return [pool.submit(httpx.get, f"{url}/v1/stuck", timeout=60, trust_env=False) for _ in range(count)]


def test_what_is_too_much_is_told_that_it_is_safe_to_ask_again(sessions: Sessions) -> None:
    work = WorkSettings(at_once=2, waiting_most=0)
    with crowded(sessions, work) as (url, _, go, came), ThreadPoolExecutor(4) as pool:
        busy = crowd(url, pool, 2)
        eventually(lambda: len(came) == 2)

        refused = httpx.get(f"{url}{PACKS}", trust_env=False)

        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["retryable"]) == (503, "SERVICE_UNAVAILABLE", True)
        assert "nothing of this was done" in error["message"]
        assert refused.headers["retry-after"] == str(error["recovery"]["retry_after_seconds"])
        assert refused.headers["x-image-skill-exit-code"] == "7"
        assert refused.json()["warnings"] == []
        go.set()
        assert [each.result().status_code for each in busy] == [200, 200]
        assert httpx.get(f"{url}{PACKS}", trust_env=False).status_code == 200


def test_health_and_webhooks_are_answered_when_everything_else_is_refused(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, waiting_most=0)
    with crowded(sessions, work) as (url, app, go, came), ThreadPoolExecutor(4) as pool:
        stripe = StripeSettings(secret_key="sk_test_x", webhook_secrets=f"whsec_{'b' * 32}")
        webhooks.install(app, stripe, wake=lambda _ids: None)
        busy = crowd(url, pool, 1)
        eventually(lambda: len(came) == 1)

        assert httpx.get(f"{url}{PACKS}", trust_env=False).status_code == 503
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        unsigned = httpx.post(f"{url}/webhooks/stripe", json={}, trust_env=False)
        assert unsigned.json()["error"]["code"] == "WEBHOOK_REFUSED"

        go.set()
        assert busy[0].result().status_code == 200


def test_doors_that_are_full_do_not_keep_anybody_from_buying(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, purchases_at_once=1, waiting_most=0)
    with crowded(sessions, work) as (url, _, go, came), ThreadPoolExecutor(4) as pool:
        busy = crowd(url, pool, 1)
        eventually(lambda: len(came) == 1)

        bought = httpx.post(f"{url}/v1/credit-purchases/stripe-checkout-sessions", json={}, trust_env=False)

        assert bought.json()["error"]["code"] == "NOT_FOUND"
        go.set()
        assert busy[0].result().status_code == 200


def test_a_body_that_comes_slowly_holds_no_place(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, waiting_most=0)
    with crowded(sessions, work) as (url, _, go, came), ThreadPoolExecutor(4) as pool:
        sent = threading.Event()
        more = threading.Event()

        def dripping() -> Iterator[bytes]:
            yield b"{"
            sent.set()
            assert more.wait(60)
            yield b"}"

        slow = pool.submit(httpx.post, f"{url}/v1/stuck", content=dripping(), timeout=60, trust_env=False)
        assert sent.wait(60)

        assert httpx.get(f"{url}{PACKS}", trust_env=False).status_code == 200

        assert came == []
        more.set()
        go.set()
        assert slow.result().status_code == 200


def test_nothing_is_done_for_who_has_hung_up_while_waiting(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, waiting_most=1, wait_seconds=300)
    with crowded(sessions, work) as (url, _, go, came), ThreadPoolExecutor(4) as pool:
        busy = crowd(url, pool, 1)
        eventually(lambda: len(came) == 1)

        impatient = httpx.Timeout(60, read=1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/v1/stuck", timeout=impatient, trust_env=False)

        def there_is_room() -> bool:
            try:
                return httpx.get(f"{url}{PACKS}", timeout=impatient, trust_env=False).status_code != 503
            except httpx.ReadTimeout:
                # It was let into the queue, so the one before it is out.
                return True

        eventually(there_is_room)
        go.set()
        assert busy[0].result().status_code == 200
        eventually(lambda: httpx.get(f"{url}{PACKS}", trust_env=False).status_code == 200)
        assert len(came) == 1


def wait_there(doors: Doors, number: int) -> bool:
    return bool(doors.app.state.answers._waiting.total() == number)


@pytest.mark.parametrize(
    ("accept", "query"),
    [
        ("text/event-stream, application/json", "quote_id={}"),
        ("*/*", "quote_id={}&wait=20"),
        ("*/*", "quote%5Fid={}&wai%74=20"),
    ],
)
def test_who_waits_for_a_change_takes_no_place_however_it_is_asked_for(
    sessions: Sessions, accept: str, query: str
) -> None:
    work = WorkSettings(at_once=1, waiting_most=0)
    with (
        opened(sessions, settings(), work=work) as doors,
        ThreadPoolExecutor(12) as pool,
        ExitStack() as held,
    ):
        agent = doors.agent()
        quote_id = agent.quote()["quote_id"]
        asked = f"{doors.url}{status.PATH}?{query.format(quote_id)}"
        headers = {"authorization": f"Bearer {agent.token}"}
        tag = httpx.get(f"{doors.url}{status.PATH}?quote_id={quote_id}", headers=headers, trust_env=False)
        waiter = {**headers, "accept": accept, "if-none-match": tag.headers["etag"]}

        def wait() -> None:
            stream = httpx.stream("GET", asked, headers=waiter, timeout=60, trust_env=False)
            with suppress(httpx.HTTPError):
                held.enter_context(stream)

        # One after the other: more at once than there are places would be refused, as they should be.
        for number in range(1, 10):
            pool.submit(wait)
            eventually(partial(wait_there, doors, number))
        others = [
            httpx.get(f"{doors.url}{path}", headers=headers, trust_env=False)
            for path in (f"{status.PATH}?quote_id={quote_id}", "/v1/quota")
        ]
        doors.clock.now += timedelta(hours=1)

    assert [each.status_code for each in others] == [200, 200]


def test_a_body_that_no_door_reads_is_refused_in_the_envelope_while_all_is_busy(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, waiting_most=1, wait_seconds=0.2)
    with crowded(sessions, work) as (url, _, go, came), ThreadPoolExecutor(4) as pool:
        busy = crowd(url, pool, 1)
        eventually(lambda: len(came) == 1)

        refused = httpx.post(f"{url}/v1/stuck", content=b"x" * 1_000_000, timeout=60, trust_env=False)

        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        go.set()
        assert busy[0].result().status_code == 200


def test_a_purchase_waits_longer_for_its_turn_than_a_reading(sessions: Sessions) -> None:
    work = WorkSettings(at_once=1, purchases_at_once=1, wait_seconds=0.05, long_wait_seconds=60)
    path = "/v1/credit-purchases/stuck"
    with crowded(sessions, work) as (url, app, go, came), ThreadPoolExecutor(4) as pool:
        app.add_api_route(path, lambda: go.wait(60))
        both = [pool.submit(httpx.get, f"{url}{path}", timeout=60, trust_env=False) for _ in range(2)]
        busy = crowd(url, pool, 1)
        eventually(lambda: len(came) == 1)

        assert httpx.get(f"{url}{PACKS}", trust_env=False).status_code == 503
        assert not any(each.done() for each in both)

        go.set()
        assert [each.result().status_code for each in (*both, *busy)] == [200] * 3
