"""One grant, whoever races and whoever dies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import psycopg

from ledger.database import Sessions
from rails import purchase
from rails.chain import scanner
from rails.chain.rpc import Rpc
from rails.chain.settings import BASE_USDC, ChainSettings
from rails.rail import Rails
from sandbox import paying
from sandbox.agent import Agent
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, buy, deposit_address, succeeded
from tests.waiting import eventually
from workers.watching import StoryWatch

RACERS = 50


def test_fifty_concurrent_settles_of_one_attempt_grant_once(
    home: House, agent: Agent, flow_sessions: Sessions, flow_rails: Rails
) -> None:
    home.children["beat"].stop()
    home.children["worker"].stop()
    attempt_id = _paid_on_chain_and_at_stripe(home, agent, flow_sessions)
    start = Barrier(RACERS)

    def race(_: int) -> bool:
        start.wait()
        now = datetime.now(UTC)
        return purchase.settle(flow_sessions, flow_rails, payment_attempt_id=attempt_id, now=now).granted

    with ThreadPoolExecutor(RACERS) as racers:
        granted = list(racers.map(race, range(RACERS)))

    assert granted.count(True) == 1
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_a_worker_killed_between_asking_stripe_and_granting_loses_nothing(
    home: House, agent: Agent, book: psycopg.Connection[tuple[int]]
) -> None:
    home.children["beat"].stop()
    attempt = buy(agent, CHECKOUT)
    attempt_id, session_id = attempt["payment_attempt_id"], attempt["checkout_session_id"]
    asked = f"/v1/checkout/sessions/{session_id}"

    # Whoever holds the row stands between the answer of Stripe and the grant.
    with book.transaction():
        book.execute("SELECT 1 FROM payment_attempt WHERE payment_attempt_id = %s FOR UPDATE", (attempt_id,))
        paying.press_pay(attempt["checkout_url"])
        eventually(lambda: home.twin.control.requests(path_prefix=asked, method="GET"))
        eventually(lambda: _waiting_for_a_row(home))
        home.children["worker"].kill()
    granted_by_the_dead = _receipts(book, attempt_id)
    home.start("worker")
    home.start("beat")
    agent.wait(attempt_id, until=succeeded)

    assert granted_by_the_dead == 0
    assert _receipts(book, attempt_id) == 1
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def _paid_on_chain_and_at_stripe(home: House, agent: Agent, sessions: Sessions) -> str:
    attempt = buy(agent, X402)
    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 5_000_000)
    address = deposit_address(attempt).lower()
    eventually(
        lambda: any(
            each.status == "succeeded" and (each.address or "").lower() == address
            for each in home.twin.control.payment_intents()
        )
    )
    with Rpc(home.addresses.rpc_url, expect_chain_id=8453) as rpc:
        now = datetime.now(UTC)
        depth = ChainSettings().depth
        for _ in range(3):
            scanner.scan(sessions, rpc, StoryWatch(now), token=BASE_USDC, policy=depth, now=now)
    attempt_id: str = attempt["payment_attempt_id"]
    return attempt_id


def _waiting_for_a_row(home: House) -> bool:
    with psycopg.connect(home.addresses.database_url) as watcher:
        found = watcher.execute(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND application_name LIKE '%worker'"
        ).fetchone()
    return found is not None


def _receipts(book: psycopg.Connection[tuple[int]], attempt_id: str) -> int:
    found = book.execute(
        "SELECT count(*) FROM receipt WHERE payment_attempt_id = %s", (attempt_id,)
    ).fetchone()
    assert found is not None
    return found[0]
