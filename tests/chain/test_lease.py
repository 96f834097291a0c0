"""One watcher at a time, whoever dies, pauses, or has a wrong clock."""

import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select, text
from typing_extensions import override

from ledger.database import Sessions
from rails.chain import errors, lease
from rails.chain.models import ChainLease
from rails.chain.providers import Provider, Providers
from rails.chain.scanner import Outcome
from sandbox.devnet import Devnet
from tests.chain.fakes import CHAIN_ID, NOON, MeddledRpc, Watched, states
from tests.chain.test_scanner import pay, view
from tests.chain.watching import PLAN, Watcher, watching
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def process(
    database_url: str, rpc_url: str, *, seconds: float = 1, dies_at: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """A watcher in a process of its own."""
    command = [sys.executable, "-m", "tests.chain.watcher_process", database_url, rpc_url, str(seconds)]
    started = subprocess.Popen([*command, *([dies_at] if dies_at else [])], cwd=ROOT)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def holder(sessions: Sessions) -> str:
    with sessions() as session:
        found = session.exec(select(ChainLease.holder)).first()
    return found or ""


def meddled_watcher(sessions: Sessions, rpc: MeddledRpc, *, lease_seconds: float = 30) -> Watcher:
    plan = replace(PLAN, lease_seconds=lease_seconds)
    return Watcher(sessions, Providers([Provider(rpc)]), Watched(), plan)


@dataclass
class Cutting(Watched):
    """A watch-list that cuts every connection to the database when it is told."""

    database_url: str = ""

    @override
    def changed(self, session: Session, addresses: Collection[str]) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.mark.parametrize("dies_at", ["2", "4", "6", "8", "before the commit", "after the commit"])
def test_a_watcher_killed_at_any_step_loses_and_doubles_nothing(
    net: Devnet, sessions: Sessions, database_url: str, dies_at: str
) -> None:
    pay(net)
    with process(database_url, net.rpc_url, dies_at=dies_at) as killed:
        assert killed.wait(timeout=60) == -9

    with watching(sessions, net.rpc_url) as own:
        began_at = time.monotonic()
        refused = own.read()
        eventually(lambda: own.read() is not None)
        waited = time.monotonic() - began_at
        own.read()

    assert refused is None or waited < 1.5
    assert states(sessions) == ["seen"]


def test_of_two_watchers_the_other_takes_over_when_the_reading_one_is_killed(
    net: Devnet, sessions: Sessions, database_url: str
) -> None:
    with process(database_url, net.rpc_url) as one, process(database_url, net.rpc_url) as other:
        pay(net, 1)
        eventually(lambda: len(states(sessions)) == 1)
        one.kill()
        one.wait()
        pay(net, 2)
        eventually(lambda: len(states(sessions)) == 2)
        read_by = holder(sessions)
        pay(net, 3)
        eventually(lambda: len(states(sessions)) == 3)

        assert read_by == str(other.pid)
        assert [each.amount.units for each in view(sessions)] == [1, 2, 3]


def test_while_one_watcher_reads_another_does_nothing(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions
) -> None:
    own = meddled_watcher(sessions, meddled)
    beside: list[object] = []

    def another_comes(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs" and not beside:
            with watching(sessions, net.rpc_url) as other:
                beside.append(other.read())

    meddled.before = another_comes
    report = own.read()

    assert beside == [None]
    assert report is not None
    assert report.outcome is Outcome.KEPT


def test_a_watcher_that_was_thought_dead_writes_nothing_when_it_comes_back(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions
) -> None:
    own = meddled_watcher(sessions, meddled, lease_seconds=0.2)
    own.read()
    pay(net)
    taken: list[lease.Lease] = []

    def pauses_for_too_long(method: str, parameters: Sequence[object]) -> None:
        if method == "eth_getLogs" and not taken:
            time.sleep(0.3)
            with sessions() as session:
                taken.append(lease.take(session, chain_id=CHAIN_ID, holder="other", seconds=30))

    meddled.before = pauses_for_too_long
    report = own.read()

    assert report is not None
    assert (report.outcome, report.detail) == (Outcome.OVERTAKEN, "another watcher took over chain 8453")
    assert states(sessions) == []


def test_a_lease_that_changed_hands_is_noticed_in_the_transaction_that_writes(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions
) -> None:
    own = meddled_watcher(sessions, meddled)
    own.read()
    pay(net)

    def lease_ends_early(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs":
            with sessions() as session:
                session.execute(text("UPDATE chain_lease SET held_until = now() - interval '1 second'"))
                lease.take(session, chain_id=CHAIN_ID, holder="other", seconds=30)

    meddled.before = lease_ends_early
    report = own.read()

    assert report is not None
    assert report.outcome is Outcome.OVERTAKEN
    assert (states(sessions), holder(sessions)) == ([], "other")


def test_the_database_refuses_the_write_of_an_older_token(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions
) -> None:
    own = meddled_watcher(sessions, meddled)
    own.read()
    own.read()

    for change in ("chain_cursor SET fencing_token = 1", "chain_lease SET token = 1"):
        with pytest.raises(IntegrityError, match=r"came late|does not go back"), sessions() as session:
            session.execute(text(f"UPDATE {change}"))

    assert own.cursor().fencing_token == 2


def test_a_long_pass_keeps_its_lease(net: Devnet, meddled: MeddledRpc, sessions: Sessions) -> None:
    own = meddled_watcher(sessions, meddled, lease_seconds=1.5)
    taken, done = threading.Event(), threading.Event()

    def try_to_take() -> None:
        while not done.is_set():
            with suppress(errors.LeaseHeld), sessions() as session:
                lease.take(session, chain_id=CHAIN_ID, holder="other", seconds=30)
                taken.set()
                return
            time.sleep(0.02)

    rival = threading.Thread(target=try_to_take)

    def slowly(*_: object) -> None:
        if not rival.ident:
            rival.start()
        time.sleep(0.4)

    pay(net)
    meddled.before = slowly
    began_at = time.monotonic()
    report = own.read()
    seconds, was_taken = time.monotonic() - began_at, taken.is_set()
    done.set()
    rival.join()

    assert seconds > 1.5
    assert report is not None
    assert (report.outcome, was_taken) == (Outcome.KEPT, False)


def test_a_worker_whose_clock_is_hours_off_neither_takes_nor_loses_the_lease(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions
) -> None:
    own = meddled_watcher(sessions, meddled)
    beside: list[object] = []

    def another_comes(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs" and not beside:
            with watching(sessions, net.rpc_url) as other:
                beside.append(other.read(NOON + timedelta(hours=9)))

    meddled.before = another_comes
    early = own.read(NOON - timedelta(hours=5))
    late = own.read(NOON + timedelta(hours=5))

    assert beside == [None]
    assert [each.outcome for each in (early, late) if each] == [Outcome.KEPT, Outcome.KEPT]


def test_a_database_that_goes_away_after_the_node_was_read_loses_nothing(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, database_url: str
) -> None:
    own = meddled_watcher(sessions, meddled, lease_seconds=0.2)
    own.read()
    pay(net)

    falling = Watcher(sessions, own.providers, Cutting(database_url=database_url), own.plan)
    with pytest.raises(OperationalError):
        falling.read()
    lost = states(sessions)
    eventually(lambda: own.read() is not None)

    assert (lost, states(sessions)) == ([], ["seen"])
