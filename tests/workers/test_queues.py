"""Which wake-up call goes to which queue, and who takes it there."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import redis
from celery import Celery

from sandbox import embedded
from sandbox.processes import child
from tests.flows.test_refusals import run
from tests.waiting import eventually
from workers import queues


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded.redis(tmp_path_factory.mktemp("queues") / "redis") as url:
        yield url


@pytest.fixture
def calls(broker: str) -> Iterator["redis.Redis"]:
    """The broker with one call in each queue."""
    with redis.Redis.from_url(broker) as connection, Celery(broker=broker, set_as_current=False) as sender:
        connection.flushall()
        sender.send_task("workers.tasks.expire_proposals", queue=queues.WORK)
        sender.send_task("workers.tasks.watch_deposits", queue=queues.CHAIN)
        yield connection


@pytest.fixture
def settings(broker: str, database_url: str) -> Mapping[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": broker,
        "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + "0" * 24,
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1:8402",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
    }


def test_reading_the_chain_goes_to_the_watchers_and_the_alarm_about_it_does_not(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Celery is told is read once in a process: the broker that the whole run shares.
    monkeypatch.setenv("REDIS_URL", redis_url)
    from workers.queue import celery

    celery.loader.import_default_modules()

    gone_to = {
        name: celery.amqp.router.route({}, name)["queue"].name
        for name in celery.tasks
        if name.startswith("workers.")
    }

    assert {name for name, queue in gone_to.items() if queue == queues.CHAIN} == set(queues.ROUTES)
    assert gone_to["workers.tasks.check_chain"] == gone_to["workers.tasks.sweep"] == queues.WORK


def test_a_worker_takes_from_every_queue_unless_told_otherwise(
    calls: "redis.Redis", settings: Mapping[str, str], tmp_path: Path
) -> None:
    alone = child(
        [sys.executable, "-m", "app.cli", "worker", "--concurrency", "1"],
        log=tmp_path / "worker.log",
        environment=settings,
    )
    try:
        eventually(lambda: not calls.llen(queues.WORK) and not calls.llen(queues.CHAIN))
    finally:
        alone.stop()


def test_beside_a_watcher_a_worker_leaves_the_chain_alone(
    calls: "redis.Redis", settings: Mapping[str, str], tmp_path: Path
) -> None:
    worker = child(
        [sys.executable, "-m", "app.cli", "worker", "--concurrency", "1", "--queues", queues.WORK],
        log=tmp_path / "worker.log",
        environment=settings,
    )
    try:
        eventually(lambda: not calls.llen(queues.WORK))
        assert calls.llen(queues.CHAIN) == 1
    finally:
        worker.stop()


def test_a_queue_that_does_not_exist_is_refused_by_name() -> None:
    refused = run("worker", "--queues", "celery,chian")

    assert refused.returncode == 2
    assert "chian" in refused.stderr
