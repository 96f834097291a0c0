"""Real processes that are asked to end under load: nothing acknowledged is lost, and they exit with 0."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from app import service_tokens
from ledger import credits, operations
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from sandbox.processes import Child
from tests.app.test_ingest_killed import Sender, api, free_port, kept
from tests.waiting import eventually

AGENT = "agt_draining"


def given_credits(sessions: Sessions) -> str:
    """The token of a service, and an agent that has credits to hold."""
    now = datetime.now(UTC)
    granted = operations.Grant(
        key=uuid4().hex,
        agent_id=AGENT,
        actor="test",
        credits=Amount(100_000, CREDIT),
        cents=Amount(100_000, USD),
        clearing="clearing:stripe",
        promotional=False,
    )
    assert credits.perform(sessions, [granted], now=now)[0].done
    with sessions() as session:
        return service_tokens.make(
            session, name="api", scopes=service_tokens.SCOPES, expires_at=None, now=now
        )[1]


class Holding:
    """Callers that place holds one after the other until nobody listens any more."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/internal/v1/holds"
        self._headers = {"authorization": f"Bearer {token}"}
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()

    def work(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            while self._hold(http):
                pass

    def _hold(self, http: httpx.Client) -> bool:
        key = uuid4().hex
        body = {"agent_id": AGENT, "credits": 1, "job_id": "j", "timeout_seconds": 600}
        try:
            reply = http.post(self._url, json={**body, "idempotency_key": key}, headers=self._headers)
        except httpx.ConnectError:
            # Nobody listens: it was never sent.
            return False
        except httpx.TransportError:
            self.unanswered.add(key)
            return False
        if reply.status_code == 200:
            self.acknowledged.add(key)
        return True


def in_the_book(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT reference FROM ledger_transaction WHERE kind = 'hold'").fetchall()
    return {row[0].removeprefix("svc:api:") for row in rows}


def ended(running: Child) -> int:
    return eventually(lambda: (code,) if (code := running.process.poll()) is not None else None)[0]


@pytest.mark.timeout(900)
def test_an_api_asked_to_end_under_load_answers_all_it_took_and_exits_with_0(
    database_url: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_DRAIN_LINGER_SECONDS", "1")
    token, port = given_credits(sessions), free_port()
    holding = Holding(port, token)
    seen: list[int] = []

    def probe(running: Child) -> None:
        while not running.ended:
            try:
                seen.append(httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code)
            except httpx.TransportError:
                return
            time.sleep(0.05)

    with api(database_url, port, tmp_path / "api.log") as running, ThreadPoolExecutor(9) as callers:
        probing = callers.submit(probe, running)
        for _ in range(8):
            callers.submit(holding.work)
        eventually(lambda: len(holding.acknowledged) > 100 and 200 in seen)
        before = len(holding.acknowledged)
        running.process.terminate()
        code = ended(running)
        probing.result()

    assert code == 0, (tmp_path / "api.log").read_text()[-2000:]
    assert seen[-1] == 503
    assert len(holding.acknowledged) > before
    booked = in_the_book(database_url)
    assert holding.acknowledged <= booked
    # What was written was told, but for a caller whose request met the closing door.
    assert booked - holding.acknowledged <= holding.unanswered


@pytest.mark.timeout(900)
def test_every_event_that_an_ending_api_kept_was_answered(database_url: str, tmp_path: Path) -> None:
    port, events = free_port(), [f"evt_{number}" for number in range(600)]
    stripe_sends = Sender(port, events)

    def end_it(running: Child) -> None:
        eventually(lambda: len(stripe_sends.answered) > 100)
        running.process.terminate()

    with api(database_url, port, tmp_path / "api.log") as running:
        waiting = threading.Thread(target=end_it, args=(running,))
        waiting.start()
        asyncio.run(stripe_sends.send(until=len(events)))
        waiting.join()
        code = ended(running)

    assert code == 0
    assert len(stripe_sends.answered) > 100
    assert set(kept(database_url)) == stripe_sends.answered


@pytest.mark.timeout(900)
def test_an_api_told_twice_ends_at_once(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_DRAIN_LINGER_SECONDS", "60")
    port = free_port()

    with api(database_url, port, tmp_path / "api.log") as running:
        running.process.terminate()
        eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 503)
        still_there = not running.ended
        running.process.terminate()
        code = eventually(lambda: (code,) if (code := running.process.poll()) is not None else None)[0]

    assert (still_there, code) == (True, 0)
