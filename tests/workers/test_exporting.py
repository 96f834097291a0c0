"""The tasks of exports, as a worker calls them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.database import Sessions
from office.actor import Actor
from office.exports import catalogue, desk
from office.exports.scope import Scope
from tests.ledger import full_book
from tests.workers.test_tasks import FakeWiring
from workers import exporting, wakeups
from workers.queue import celery

ACTOR = Actor("operator:ann@example.com")


@pytest.fixture
def asked(sessions: Sessions, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr(exporting, "wired", lambda: FakeWiring(sessions, {}))
    full_book.write(sessions)
    now = datetime.now(UTC)
    order = catalogue.order(data_set="journal", format_name="csv", scope=Scope(ends_at=now))
    with sessions() as session:
        return [desk.ask(session, ACTOR, order, now=now).export_id for _ in range(3)]


def test_a_task_makes_all_that_is_due(
    sessions: Sessions, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_EXPORT_FOLDER", str(tmp_path))

    exporting.make_exports()
    exporting.remove_exports()

    with sessions() as session:
        assert {each.state for each in desk.listed(session)} == {"done"}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{each}-1" for each in asked)


def test_without_a_folder_the_tasks_do_nothing(
    sessions: Sessions, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENNYRAIL_EXPORT_FOLDER", raising=False)

    exporting.make_exports()
    exporting.remove_exports()

    with sessions() as session:
        assert {each.state for each in desk.listed(session)} == {"asked"}


def test_asking_wakes_a_worker_or_waits_for_the_clock(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(exporting.make_exports, "delay", lambda: woken.append("now"))

    wakeups.export_asked()

    assert woken == ["now"]
    on_the_clock = {each["task"] for each in celery.conf.beat_schedule.values()}
    assert {exporting.make_exports.name, exporting.remove_exports.name} <= on_the_clock
