"""Exports as tasks: progress, cancelling, workers that die, files that are whole or not there."""

import hashlib
import io
import json
import os
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select, text

from ledger.database import Sessions
from office.actor import Actor
from office.exports import catalogue, desk, making, snapshot, turns
from office.exports.errors import NoFolder, NoSuchExport, NotExportable, NotReady
from office.exports.making import Maker
from office.exports.models import Export
from office.exports.scope import Scope
from office.exports.settings import ExportSettings
from office.exports.store import Kept
from office.models import AuditRow
from tests.ledger import full_book, make
from tests.ledger.full_book import do
from tests.office.exporting import LATER, written

ACTOR = Actor("operator:ann@example.com", "finance", via="console")
NOW = datetime(2026, 7, 2, tzinfo=UTC)


@dataclass
class Worker:
    """A worker with a clock of its own; each look at the clock takes a while."""

    maker: Maker
    now: datetime = NOW
    seconds: float = 0.0
    looks: int = 0
    meanwhile: dict[int, object] = field(default_factory=dict)

    def clock(self) -> datetime:
        self.looks += 1
        self.now += timedelta(seconds=self.seconds)
        then = self.meanwhile.pop(self.looks, None)
        if callable(then):
            then()
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "exports"


def worker(sessions: Sessions, folder: Path, *, at_once: int = 2) -> Worker:
    settings = ExportSettings(folder=folder, at_once=at_once, keep_days=7)
    made = Worker(Maker(sessions, settings, lambda: NOW))
    made.maker = replace(made.maker, clock=made.clock)
    return made


def ask(sessions: Sessions, data_set: str = "journal", form: str = "jsonl", agent: str | None = None) -> str:
    order = catalogue.order(data_set=data_set, format_name=form, scope=Scope(ends_at=LATER, agent_id=agent))
    with sessions() as session:
        return desk.ask(session, ACTOR, order, now=NOW).export_id


def state(sessions: Sessions, export_id: str) -> Export:
    with sessions() as session:
        return desk.find(session, export_id)


def many(sessions: Sessions, transactions: int) -> None:
    """So many transactions without legs."""
    with sessions() as session:
        session.connection().execute(
            text(
                """
                INSERT INTO ledger_transaction (
                    id, reference, request_hash, kind, effective_at, created_at, actor, hash
                )
                SELECT
                    nextval('ledger_transaction_id_seq'), 'made:' || gen_random_uuid(), '', 'made', now(),
                    now(), 'tests', ''
                FROM generate_series(1, :transactions) AS number
                """
            ),
            {"transactions": transactions},
        )


def audited(sessions: Sessions) -> list[tuple[str, str, str]]:
    with sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    return [(row.actor, row.action, row.outcome) for row in rows]


def test_what_was_asked_for_is_made_once_whole_and_audited(sessions: Sessions, folder: Path) -> None:
    full_book.write(sessions)
    export_id, someone = ask(sessions), worker(sessions, folder)

    assert making.make_next(someone.maker) == export_id
    assert making.make_next(someone.maker) is None

    made = state(sessions, export_id)
    kept = (folder / str(made.file)).read_bytes()
    assert (made.state, made.rows, made.percent) == ("done", len(kept.splitlines()), 100)
    assert (made.bytes, made.sha256) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert kept == written(sessions, "journal", "jsonl")
    assert [path.name for path in folder.iterdir()] == [made.file]
    assert (folder.stat().st_mode & 0o777, (folder / str(made.file)).stat().st_mode & 0o777) == (0o700, 0o600)
    assert audited(sessions) == [(ACTOR.name, "export.create", "done")]


def test_progress_is_told_while_rows_are_written(sessions: Sessions, folder: Path) -> None:
    many(sessions, 6_000)
    export_id, someone, seen = ask(sessions), worker(sessions, folder), list[tuple[str, int]]()
    someone.seconds = 1
    for look in range(4, 12):
        someone.meanwhile[look] = lambda: seen.append(
            (state(sessions, export_id).state, state(sessions, export_id).rows)
        )

    making.make_next(someone.maker)

    assert {name for name, _ in seen} == {"running"}
    assert [rows for _, rows in seen] == sorted({rows for _, rows in seen})
    assert 0 < seen[-1][1] < 6_000
    assert state(sessions, export_id).rows == 6_000


def test_a_cancelled_export_stops_and_leaves_no_file(sessions: Sessions, folder: Path) -> None:
    many(sessions, 6_000)
    export_id, someone = ask(sessions), worker(sessions, folder)
    someone.seconds = 1

    def cancel() -> None:
        with sessions() as session:
            desk.cancel(session, ACTOR, export_id, now=NOW)

    someone.meanwhile[6] = cancel
    making.make_next(someone.maker)

    ended = state(sessions, export_id)
    assert ended.state == "cancelled"
    assert 0 < ended.rows < 6_000
    assert list(folder.iterdir()) == []
    with pytest.raises(NotReady), sessions() as session:
        desk.cancel(session, ACTOR, export_id, now=NOW)
    assert audited(sessions)[-1] == (ACTOR.name, "export.cancel", "done")


def test_an_export_that_nobody_began_can_be_cancelled(sessions: Sessions, folder: Path) -> None:
    export_id = ask(sessions)
    with sessions() as session:
        desk.cancel(session, ACTOR, export_id, now=NOW)

    assert making.make_next(worker(sessions, folder).maker) is None


class Killed(BaseException):
    """The worker is gone: nothing of it runs any more."""


def die(*_: object) -> None:
    raise Killed


def test_a_worker_that_dies_is_followed_by_another_that_begins_anew(
    sessions: Sessions, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_book.write(sessions)
    export_id, dead, next_one = ask(sessions), worker(sessions, folder), worker(sessions, folder)
    with monkeypatch.context() as patched:
        patched.setattr(making._Progress, "told", die)
        patched.setattr(Path, "unlink", lambda *_args, **_kwargs: None)
        with pytest.raises(Killed):
            making.make_next(dead.maker)
    assert [path.name for path in folder.iterdir()] == [f"{export_id}-1.part"]

    assert making.make_next(next_one.maker) is None
    next_one.now += timedelta(minutes=20)
    assert making.make_next(next_one.maker) == export_id

    made = state(sessions, export_id)
    assert (made.state, made.tries) == ("done", 2)
    assert (folder / str(made.file)).read_bytes() == written(sessions, "journal", "jsonl")
    making.remove_old(next_one.maker)
    assert [path.name for path in folder.iterdir()] == [made.file]


def test_a_worker_that_comes_back_late_writes_nothing(sessions: Sessions, folder: Path) -> None:
    many(sessions, 3_000)
    export_id, slow, quick = ask(sessions), worker(sessions, folder), worker(sessions, folder)
    quick.now += timedelta(minutes=20)
    slow.seconds = 1
    slow.meanwhile[5] = lambda: making.make_next(quick.maker)

    making.make_next(slow.maker)

    made = state(sessions, export_id)
    assert (made.state, made.tries, made.rows) == ("done", 2, 3_000)
    assert [path.name for path in folder.iterdir()] == [f"{export_id}-2"]


def test_a_turn_that_is_over_changes_nothing(sessions: Sessions) -> None:
    export_id, later = ask(sessions), NOW + timedelta(minutes=20)
    with sessions() as session:
        first = turns.take(session, at_once=1, now=NOW)
        second = turns.take(session, at_once=1, now=later)
        assert first is not None
        assert second is not None

        assert not turns.go_on(session, first, rows=7, now=later)
        assert not turns.done(session, first, Kept("f", 7, "hash"), rows=7, now=later)
        assert not turns.fail(session, first, why="late", now=later)
        assert turns.go_on(session, second, rows=3, now=later)

    assert (state(sessions, export_id).state, state(sessions, export_id).rows) == ("running", 3)


def test_an_export_that_workers_die_of_is_given_up(sessions: Sessions, folder: Path) -> None:
    export_id, someone = ask(sessions), worker(sessions, folder)
    change = "UPDATE export SET state = 'running', tries = 3, lease_until = :now, begun_at = :now, file = 'f'"
    with sessions() as session:
        session.connection().execute(text(change), {"now": NOW})

    making.make_next(someone.maker)

    failed = state(sessions, export_id)
    assert (failed.state, failed.failure) == ("failed", "workers have died of it; a shorter period may do")
    assert audited(sessions)[-1] == ("service", "export.make", "failed")


def test_no_more_than_so_many_are_made_at_once(sessions: Sessions, folder: Path) -> None:
    many(sessions, 3_000)
    first, second = ask(sessions), ask(sessions)
    busy, idle = worker(sessions, folder, at_once=1), worker(sessions, folder, at_once=1)
    busy.seconds, refused = 1, list[str | None]()
    busy.meanwhile[5] = lambda: refused.append(making.make_next(idle.maker))

    making.make_next(busy.maker)

    assert refused == [None]
    assert state(sessions, first).state == "done"
    assert making.make_next(idle.maker) == second


def test_two_workers_never_take_the_same(sessions: Sessions, folder: Path) -> None:
    for _ in range(8):
        ask(sessions)
    taken: list[str | None] = []

    def work() -> None:
        someone = worker(sessions, folder, at_once=8)
        while (export_id := making.make_next(someone.maker)) is not None:
            taken.append(export_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(taken) == len(set(taken)) == 8


def full(_: int) -> None:
    raise OSError(28, "no space left on /secret/path")


def test_what_cannot_be_made_says_why_and_leaves_nothing(
    sessions: Sessions, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = ask(sessions, "statement", "csv", agent="agt_nobody")
    making.make_next(worker(sessions, folder).maker)
    assert state(sessions, unknown).state == "failed"
    assert "agt_nobody" in str(state(sessions, unknown).failure)

    full_disk = ask(sessions)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        making.make_next(worker(sessions, folder).maker)

    assert state(sessions, full_disk).failure == "unexpected: OSError"
    assert list(folder.iterdir()) == []


def test_a_file_is_kept_for_so_long_and_strangers_are_left_alone(sessions: Sessions, folder: Path) -> None:
    export_id, someone = ask(sessions), worker(sessions, folder)
    making.make_next(someone.maker)
    (folder / "export_of_nobody-1.part").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")

    someone.now = NOW + timedelta(days=6)
    assert making.remove_old(someone.maker) == []
    assert (folder / f"{export_id}-1").exists()
    someone.now = NOW + timedelta(days=8)
    assert making.remove_old(someone.maker) == [export_id]

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert state(sessions, export_id).state == "expired"
    with pytest.raises(NotReady), sessions() as session:
        desk.download(session, ACTOR, export_id, now=NOW)
    assert audited(sessions)[-1] == ("service", "export.expire", "done")


@pytest.mark.parametrize(
    "change",
    [
        "asked_by = 'somebody else'",
        "parameters = '{}'",
        "state = 'asked', file = NULL, bytes = NULL, sha256 = NULL, ended_at = NULL, begun_at = NULL",
        "sha256 = 'another'",
    ],
)
def test_what_was_exported_for_whom_is_not_rewritten(sessions: Sessions, folder: Path, change: str) -> None:
    ask(sessions)
    making.make_next(worker(sessions, folder).maker)

    with pytest.raises(DBAPIError, match="not rewritten"), sessions() as session:
        session.connection().exec_driver_sql(f"UPDATE export SET {change}")  # noqa: S608
    with pytest.raises(DBAPIError, match="never changed"), sessions() as session:
        session.connection().exec_driver_sql("DELETE FROM export")


def test_without_a_folder_nothing_is_made(sessions: Sessions) -> None:
    ask(sessions)
    with pytest.raises(NoFolder):
        making.make_next(Maker(sessions, ExportSettings(folder=None), lambda: NOW))


@pytest.mark.parametrize(
    ("data_set", "form", "agent"),
    [
        ("nothing", "csv", None),
        ("journal", "docx", None),
        ("purchases", "beancount", None),
        ("journal", "pdf", None),
        ("statement", "csv", None),
        ("journal", "csv", "agt_1"),
    ],
)
def test_what_makes_no_sense_is_refused(data_set: str, form: str, agent: str | None) -> None:
    with pytest.raises(NotExportable):
        catalogue.order(data_set=data_set, format_name=form, scope=Scope(ends_at=LATER, agent_id=agent))


def test_an_unknown_export_is_not_found(sessions: Sessions) -> None:
    with pytest.raises(NoSuchExport), sessions() as session:
        desk.find(session, "export_of_nobody")


@pytest.mark.parametrize("name", sorted(catalogue.DATA_SETS))
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_data_set_is_written_in_every_format(
    sessions: Sessions, folder: Path, name: str, form: str
) -> None:
    full_book.write(sessions)
    rows = catalogue.DATA_SETS[name]
    export_id = ask(sessions, name, form, agent="agt_1" if rows.needs_agent else None)

    making.make_next(worker(sessions, folder).maker)

    made = state(sessions, export_id)
    assert (made.state, made.failure) == ("done", None)
    if form == "jsonl":
        for line in (folder / str(made.file)).read_bytes().splitlines():
            assert list(json.loads(line)) == [column.name for column in rows.columns]


@pytest.mark.parametrize("form", ["hledger", "beancount"])
def test_an_export_sees_one_state_of_the_book(sessions: Sessions, form: str) -> None:
    full_book.write(sessions)
    before, out, told = written(sessions, "journal", form), io.BytesIO(), list[int]()

    def meanwhile(rows: int) -> None:
        if not told:
            do(sessions, make.grant("while it is written", 5))
        told.append(rows)

    order = catalogue.order(data_set="journal", format_name=form, scope=Scope(ends_at=LATER))
    with snapshot.opened(sessions) as session:
        catalogue.write(session, order, out, told=meanwhile)

    assert out.getvalue() == before
    assert written(sessions, "journal", form) != before


def resident() -> int:
    """The memory that this process has, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(sessions: Sessions, folder: Path, form: str) -> None:
    someone, seen = worker(sessions, folder), list[int]()
    # The libraries of the format are in memory before anything is measured.
    many(sessions, 40_000)
    ask(sessions, "journal", form)
    making.make_next(someone.maker)
    many(sessions, 260_000)
    export_id = ask(sessions, "journal", form)

    def look() -> None:
        seen.append(resident())
        someone.meanwhile[someone.looks + 50] = look

    look()
    making.make_next(someone.maker)

    assert state(sessions, export_id).rows == 300_000
    assert len(seen) > 5
    # All rows at once would be some hundred more.
    assert max(seen) - seen[0] < 40 * 1024 * 1024
