"""Sealing leaves nobody out, seals nobody twice, and leaves nothing half."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlmodel import text

from ledger import audit, credits, seals
from ledger.database import Sessions
from ledger.errors import HorizonWentBack
from tests.ledger import full_book
from tests.ledger.full_book import do
from tests.ledger.make import NOON, debit, grant, hold


def sealed(sessions: Sessions) -> list[int]:
    with sessions() as session:
        found = session.connection().execute(
            text("SELECT transaction_id FROM seal_leaf ORDER BY seal, place")
        )
        return [row[0] for row in found]


def told(sessions: Sessions) -> set[int]:
    with sessions() as session:
        return {row[0] for row in session.connection().execute(text("SELECT id FROM ledger_transaction"))}


def test_everything_is_sealed_once_refusals_too(sessions: Sessions) -> None:
    full_book.write(sessions)

    made = seals.seal_all(sessions, now=NOON, most=10)
    again = seals.seal_all(sessions, now=NOON, most=10)

    assert [seal.number for seal in made] == list(range(1, len(made) + 1))
    assert all(seal.leaves == 10 for seal in made[:-1])
    assert again == []
    assert len(sealed(sessions)) == len(told(sessions))
    assert set(sealed(sessions)) == told(sessions)


def test_an_empty_book_is_not_sealed(sessions: Sessions) -> None:
    assert seals.seal_all(sessions, now=NOON) == []


def test_what_is_newer_than_an_open_transaction_waits_for_it(sessions: Sessions) -> None:
    do(sessions, grant("slow", 9, agent="slow"), grant("fast", 9, agent="fast"))
    seals.seal_all(sessions, now=NOON)

    with sessions() as slow:
        # Holds, because they touch no row of the house that both would have to lock.
        credits.apply_one(slow, hold("slow hold", 1, agent="slow"), now=NOON)
        do(sessions, hold("fast hold", 1, agent="fast"))
        while_open = seals.seal_all(sessions, now=NOON)
    after = seals.seal_all(sessions, now=NOON)

    assert while_open == []
    assert [seal.leaves for seal in after] == [2]
    assert sealed(sessions) == sorted(told(sessions))


def test_a_transaction_with_a_smaller_id_that_commits_later_is_not_missed(sessions: Sessions) -> None:
    do(sessions, grant("slow", 9, agent="slow"), grant("fast", 9, agent="fast"))
    with sessions() as early:
        # The older database transaction takes the greater id, so neither order is that of the other.
        early.connection().execute(text("SELECT pg_current_xact_id()"))
        with sessions() as late:
            credits.apply_one(late, debit("fast debit", 1, agent="fast"), now=NOON)
        seals.seal_all(sessions, now=NOON)
        credits.apply_one(early, debit("slow debit", 1, agent="slow"), now=NOON)
    seals.seal_all(sessions, now=NOON)

    assert set(sealed(sessions)) == told(sessions)
    assert sealed(sessions) == [1, 2, 4, 3]


def test_sealing_while_writers_run_misses_nothing_and_seals_nothing_twice(sessions: Sessions) -> None:
    agents = [f"agt_{number}" for number in range(6)]
    do(sessions, *(grant(f"grant {agent}", 1000, agent=agent) for agent in agents))
    done = threading.Event()

    def write(agent: str) -> None:
        for number in range(40):
            do(sessions, debit(f"{agent} {number}", 30, agent=agent))

    def seal() -> int:
        made = 0
        while not done.is_set():
            made += len(seals.seal_all(sessions, now=NOON, most=7))
        return made

    with ThreadPoolExecutor(8) as pool:
        sealers = [pool.submit(seal) for _ in range(2)]
        list(pool.map(write, agents))
        done.set()
        made = sum(sealer.result() for sealer in sealers)
    seals.seal_all(sessions, now=NOON)

    with sessions() as session:
        report = audit.verify(session)
    assert made > 1
    assert len(sealed(sessions)) == len(set(sealed(sessions))) == len(agents) * 41
    assert report.clean, list(report.lines())


def test_while_one_seals_another_has_nothing_to_do(sessions: Sessions) -> None:
    do(sessions, grant("g", 9))
    with sessions() as session:
        first = seals.seal_next(session, now=NOON)
        second = seals.seal_all(sessions, now=NOON)

    assert first is not None
    assert second == []
    assert sealed(sessions) == [1]


def test_a_sealer_that_is_killed_between_leaves_and_seal_leaves_nothing(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(sessions, grant("g", 9))

    def die(*_: object) -> str:
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
                [seals.SEAL_LOCK],
            )
        return "00"

    with monkeypatch.context() as patched:
        patched.setattr(seals, "digest", die)
        with pytest.raises(Exception, match=r"terminat|closed"):
            seals.seal_all(sessions, now=NOON)

    assert sealed(sessions) == []
    assert [seal.leaves for seal in seals.seal_all(sessions, now=NOON)] == [1]


def test_the_seals_are_a_chain(sessions: Sessions) -> None:
    for number in range(3):
        do(sessions, grant(f"g{number}", 9))
        seals.seal_all(sessions, now=NOON + timedelta(seconds=number))

    with sessions() as session:
        rows = session.connection().execute(text("SELECT previous, hash FROM seal ORDER BY number")).all()

    assert bytes(rows[0].previous) == b""
    assert [bytes(row.previous) for row in rows[1:]] == [bytes(row.hash) for row in rows[:-1]]


def test_a_cluster_with_smaller_transaction_numbers_does_not_seal(
    sessions: Sessions, database_url: str
) -> None:
    do(sessions, grant("g", 9))
    seals.seal_all(sessions, now=NOON)
    with psycopg.connect(database_url) as superuser:
        superuser.execute("ALTER TABLE seal DISABLE TRIGGER ALL")
        superuser.execute("UPDATE seal SET horizon = '999999999'")

    with pytest.raises(HorizonWentBack, match="999999999"):
        seals.seal_all(sessions, now=NOON)


@pytest.mark.parametrize("table", ["seal", "seal_leaf"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET hash = ''"])
def test_seals_are_append_only_for_the_superuser_too(
    sessions: Sessions, database_url: str, table: str, change: str
) -> None:
    do(sessions, grant("g", 9))
    seals.seal_all(sessions, now=NOON)

    with psycopg.connect(database_url) as superuser:
        superuser.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.Error, match="append-only"):
            superuser.execute(change.format(table).encode())
