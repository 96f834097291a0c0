"""What waits in the queue while nobody takes it: bounded, and worth something when it is taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rails import inbox, refund_requests, reversal_watch, schedule


@pytest.fixture(autouse=True)
def _queue_of_nobody(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)


@pytest.mark.parametrize(
    ("name", "about", "lease"),
    [
        ("settle_attempt", "payment_attempt_id", schedule.LEASE),
        ("handle_notice", "notice_id", inbox.WOKEN),
        ("look_for_reversals", "payment_attempt_id", reversal_watch.LEASE),
        ("ask_for_refund", "refund_id", refund_requests.LEASE),
    ],
)
def test_a_wake_up_of_the_sweeper_is_worth_nothing_once_the_sweeper_wakes_again(
    name: str, about: str, lease: timedelta
) -> None:
    from workers import tasks

    sent_at = datetime.now(UTC)
    expires_at = _expiry(getattr(tasks, name), about)

    assert timedelta(0) <= expires_at - (sent_at + lease) < lease


def test_a_strike_of_the_clock_outlives_the_backlog_of_a_slow_minute() -> None:
    from workers import configuration

    strikes: dict[str, Any] = dict(configuration.beat_schedule)

    assert min(each["options"]["expires"] for each in strikes.values()) >= 60


def _expiry(task: Any, about: str) -> datetime:
    """When a call that is sent now is thrown away, as the message says it."""
    from workers.queue import celery

    with celery.connection_for_write("memory://") as connection:
        task.apply_async(kwargs={about: 1}, connection=connection)
        queue = connection.SimpleQueue("celery")
        expires_at: str = queue.get(timeout=10).headers["expires"]
        queue.close()
    return datetime.fromisoformat(expires_at)
