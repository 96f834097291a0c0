"""Concurrent load on real houses: a sound one passes, and one with a planted fault is found out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import service_tokens
from ledger import database
from ledger.database import Sessions
from sandbox import house
from tests.faults import planted
from tests.faults.checker import Verdict, check
from tests.faults.clients import Load, Where
from tests.faults.history import History
from tests.internal.conftest import opened
from tests.waiting import eventually

SEED = 7
# Enough of each for a fault in every fifth, or in what is told again, not to be missed.
ENOUGH = {"debit": 120, "capture": 100, "balance": 120}
ENOUGH_BOUGHT = {"buy": 8, "status": 10, "hold": 100, "balance": 60}


@contextmanager
def door(sessions: Sessions, database_url: str) -> Iterator[Where]:
    """A house whose door to services is open, over real HTTP and PostgreSQL."""
    with opened(sessions, database_url, writers=4, preview_daily_jobs=1_000_000) as home:
        yield Where(home.url, home.service("load").token)


def lived(where: Where, folder: Path, *, enough: dict[str, int]) -> Load:
    """A load that has ended, its history in `folder`."""
    history = History(folder / "history.jsonl")
    load = Load(where, history, seed=SEED, agents=6, clients=6)
    load.start()
    try:
        eventually(lambda: all(load.acknowledged[op] >= count for op, count in enough.items()), seconds=400)
    finally:
        load.stop()
        history.close()
    return load


def verdict(where: Where, sessions: Sessions, folder: Path) -> Verdict:
    """What the checker says of a load on this house."""
    lived(where, folder, enough=ENOUGH)
    return check(folder / "history.jsonl", sessions)


def test_a_whole_house_does_what_it_said(tmp_path: Path) -> None:
    with house.running(tmp_path / "house") as home:
        engine = database.connect(home.addresses.database_url)
        sessions = database.sessions(engine)
        where = Where(
            home.addresses.api_url, _token(sessions), home.addresses.twin_url, home.addresses.rpc_url
        )

        load = lived(where, tmp_path, enough=ENOUGH_BOUGHT)
        found = check(tmp_path / "history.jsonl", sessions)
        engine.dispose()

    assert found.violations == []
    assert found.acknowledged == load.acknowledged.total()
    assert found.acknowledged >= sum(ENOUGH_BOUGHT.values())


def test_a_door_does_what_it_said(sessions: Sessions, database_url: str, tmp_path: Path) -> None:
    with door(sessions, database_url) as where:
        found = verdict(where, sessions, tmp_path)

    assert found.violations == []
    assert found.unanswered == 0


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (planted.lost_write, ("debit was answered done, and is not in the book", "no order explains")),
        (planted.double_effect, ("nobody asked for a debit", "ways under one key", "no order explains")),
        (planted.stale_decision, ("INSUFFICIENT_CREDITS", "no order explains")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_fault_is_found(
    plant: Callable[[str], None],
    words: tuple[str, ...],
    sessions: Sessions,
    database_url: str,
    tmp_path: Path,
) -> None:
    plant(database_url)

    with door(sessions, database_url) as where:
        found = verdict(where, sessions, tmp_path)

    assert [word for word in words if word not in "\n".join(found.violations)] == []


def test_a_stale_balance_is_found(
    sessions: Sessions, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with planted.stale_read(monkeypatch), door(sessions, database_url) as where:
        found = verdict(where, sessions, tmp_path)

    assert any("a balance read by client" in each for each in found.violations)


def _token(sessions: Sessions) -> str:
    with sessions() as session:
        _, token = service_tokens.make(
            session, name="load", scopes=service_tokens.SCOPES, expires_at=None, now=datetime.now(UTC)
        )
    return token
