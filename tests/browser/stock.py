"""What a house has after a day: purchases on both rails, money to decide about, notices and deliveries."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from ledger import credits, database
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from ledger.operations import Debit, Grant, Hold
from outbound import endpoints
from outbound.addresses import Rules
from outbound.vault import Vault
from sandbox import paying
from sandbox.agent import Agent
from sandbox.house import House
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, buy, deposit_address, succeeded
from tests.waiting import eventually

_DEAD: Final = """
INSERT INTO notice (source, external_id, kind, refs, body, state, reason, received_at, attempts, error)
VALUES (
    'stripe', %s, 'payment_intent.succeeded', '["pi_gone"]', %s, 'dead', 'gave up', now(), 12,
    'the processor knows no such payment'
)
ON CONFLICT DO NOTHING
"""
FULL, SHORT = 5_000_000, 4_900_000


@contextmanager
def opened(url: str) -> Iterator[Sessions]:
    """A database from this process."""
    engine = database.connect(url, pool_size=5)
    yield database.sessions(engine)
    engine.dispose()


@dataclass(frozen=True)
class Bought:
    """A purchase, and the hash of what paid for it on the chain."""

    agent_id: str
    payment_attempt_id: str
    transaction_hash: str


def bought(home: House, *, name: str = "painter-bot") -> Bought:
    """A wallet that paid what was asked."""
    agent = Agent(home.addresses.api_url, name=name)
    attempt = buy(agent, X402)
    sent = Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), FULL)
    attempt_id = attempt["payment_attempt_id"]
    agent.wait(
        attempt_id, until=lambda seen: succeeded(seen) and seen["receipt"]["chain_evidence"] == "final"
    )
    agent.close()
    return Bought(_owner(home, attempt_id), attempt_id, _hash(sent))


def underpaid(home: House, *, name: str = "short-bot") -> int:
    """The number of the exception of a wallet that paid ten cents too little, for good."""
    agent = Agent(home.addresses.api_url, name=name)
    attempt = buy(agent, X402)
    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), SHORT)
    found = eventually(lambda: _open_exception(home, attempt["payment_attempt_id"]), seconds=60)
    agent.close()
    return found


def paid_on_a_page(home: House, *, name: str = "shop-bot") -> str:
    """The attempt of a person who paid on Stripe's page."""
    agent = Agent(home.addresses.api_url, name=name)
    attempt = buy(agent, CHECKOUT)
    paying.press_pay(attempt["checkout_url"])
    agent.wait(attempt["payment_attempt_id"], until=succeeded)
    agent.close()
    attempt_id: str = attempt["payment_attempt_id"]
    return attempt_id


def spend(sessions: Sessions, agent_id: str) -> None:
    """Let an agent use credits for a job, and set some aside for another."""
    now = datetime.now(UTC)
    done = credits.perform(
        sessions,
        [
            Debit(
                key=f"job-1:{agent_id}",
                agent_id=agent_id,
                actor="jobs",
                credits=Amount(120, CREDIT),
                job="job-1",
            ),
            Hold(
                key=f"job-2:{agent_id}",
                agent_id=agent_id,
                actor="jobs",
                credits=Amount(50, CREDIT),
                job="job-2",
                expires_at=now + timedelta(hours=6),
            ),
        ],
        now=now,
    )
    assert [each.code for each in done] == ["done", "done"]


def last_month() -> datetime:
    """A moment of the month before this one."""
    return datetime.now(UTC).replace(day=1) - timedelta(days=10)


def began_last_month(sessions: Sessions) -> None:
    """Let the book of a new house begin in a month that is over."""
    grant = Grant(
        key="preview:agt_first",
        agent_id="agt_first",
        actor="signup",
        credits=Amount(20, CREDIT),
        promotional=True,
        effective_at=last_month(),
    )
    (done,) = credits.perform(sessions, [grant], now=datetime.now(UTC))
    assert done.done, done.code


def a_receiver_that_is_gone(home: House) -> None:
    """An endpoint where nobody listens. Only the owner of the tables makes one, as the command does."""
    vault = Vault.of([home.environment["PENNYRAIL_WEBHOOK_KEYS"]])
    with opened(home.addresses.database_url) as sessions, sessions() as session:
        endpoints.create(
            session,
            url="http://127.0.0.1:9/hooks",
            event_types=["credits.granted"],
            rules=Rules(loopback=True),
            vault=vault,
            now=datetime.now(UTC),
        )


def a_dead_notice(
    book: psycopg.Connection[Any], *, body: bytes = b'{"id": "evt_dead"}', name: str = "evt_dead"
) -> None:
    """A webhook that could not be handled: planted, for nothing of ours leaves one."""
    book.execute(_DEAD, [name, body])


def _owner(home: House, attempt_id: str) -> str:
    with psycopg.connect(home.addresses.database_url) as connection:
        row = connection.execute(
            "SELECT agent_id FROM payment_attempt WHERE payment_attempt_id = %s", [attempt_id]
        ).fetchone()
    assert row is not None
    return str(row[0])


def _open_exception(home: House, attempt_id: str) -> int | None:
    with psycopg.connect(home.addresses.database_url) as connection:
        row = connection.execute(
            "SELECT exception_id FROM payment_exception WHERE payment_attempt_id = %s AND closed_at IS NULL"
            " AND final_units = received_units",
            [attempt_id],
        ).fetchone()
    return None if row is None else int(row[0])


def _hash(sent: str) -> str:
    return sent if sent.startswith("0x") else f"0x{sent}"
