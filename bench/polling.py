"""500 agents asking once a second how their purchases stand, against healthz in the same minute."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

import psycopg

from app import agents
from bench import Figure, Row
from bench._polling import Asked, Heard, Poll
from bench._run import Run
from bench._server import connect
from bench._serving import environment, serving
from ledger import database
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from rails import catalog, purchase
from rails.conformance.fakes import crypto_deposit

AGENTS: Final = 500
ROUNDS: Final = 3
# Of a round; the effort counts in two seconds.
TIMES: Final = 30
RAIL: Final = "stripe_x402.exact.usdc"
LIMIT: Final = 10
"""How many healthz, in the middle, one status may take at most, but for one in a hundred."""


def measure(run: Run) -> Iterator[Row]:
    """Latencies of one API process. Half of the agents say what they have seen, and are answered 304."""
    url = run.server.book("polling")
    run.progress(f"signing up {AGENTS} agents, each with an open purchase")
    asked = _agents(url)
    with connect(url) as connection, serving(run, environment(url), "polling") as port:
        before = _transactions(connection)
        rounds = []
        for turn in range(min(ROUNDS, run.effort.rounds)):
            run.progress(f"minute {turn + 1}")
            rounds.append(_poll(Poll(port=port, agents=asked, seconds=run.effort.seconds * TIMES)))
        posted = _transactions(connection) - before
    for name, kind in (("status p99", "full"), ("status p99, unchanged (304)", "unchanged")):
        ratios = sorted(
            rounds, key=lambda heard: heard.percentile(kind, 99) / heard.percentile("healthz", 50)
        )
        heard = ratios[len(ratios) // 2]
        middle = heard.percentile("healthz", 50)
        value = heard.percentile(kind, 99)
        yield Figure(f"{name}, by {LIMIT} healthz p50", AGENTS, value, LIMIT * middle, unit="ms", goal=1.0)
        yield Figure(f"{name.replace('p99', 'p50')}", AGENTS, heard.percentile(kind, 50), unit="ms")
    cold = sorted(heard.percentile("first", 99) for heard in rounds)
    yield Figure("the first status of all at once, p99", AGENTS, cold[-1], unit="ms")
    answered = sum(heard.count for heard in rounds) / sum(heard.seconds for heard in rounds)
    yield Figure("replies", AGENTS, answered)
    yield Figure("errors", AGENTS, sum(heard.errors for heard in rounds), unit="replies", goal=0)
    yield Figure("transactions posted", AGENTS, posted, unit="rows", goal=0)


def _agents(url: str) -> list[Asked]:
    engine = database.connect(url, pool_size=2)
    try:
        return [_agent(database.sessions(engine), number) for number in range(AGENTS)]
    finally:
        engine.dispose()


def _agent(sessions: Sessions, number: int) -> Asked:
    now = datetime.now(UTC)
    with sessions() as session:
        agent = agents.sign_up(
            session,
            contact=None,
            agent_name=f"poller {number}",
            runtime="bench",
            discovery_source=None,
            now=now,
        )
        token = agents.rotate(session, agent_id=agent.agent_id, now=now)
        agents.preview(session, agent_id=agent.agent_id, units=20, now=now)
    rails = {RAIL: replace(crypto_deposit(), rail_id=RAIL)}
    terms = catalog.Terms(Amount(500, CREDIT), None, RAIL)
    quote = purchase.quote(
        sessions, rails, agent_id=agent.agent_id, terms=terms, idempotency_key="quote", now=now
    ).quote
    bought = purchase.buy(
        sessions,
        rails,
        agent_id=agent.agent_id,
        quote_id=quote.quote_id,
        rail_id=RAIL,
        idempotency_key="buy",
        now=now,
    ).view
    assert bought.attempt is not None
    return Asked(token=token, payment_attempt_id=bought.attempt.payment_attempt_id)


def _transactions(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM ledger_transaction").fetchone()
    assert row is not None
    return int(row[0])


def _poll(poll: Poll) -> Heard:
    asked = subprocess.run(
        [sys.executable, "-m", "bench._polling"],
        input=json.dumps(asdict(poll)),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RuntimeError(asked.stderr)
    return Heard(**json.loads(asked.stdout))
