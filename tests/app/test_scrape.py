"""What Prometheus reads of a serving process."""

import logging
import socket
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import Session

from app.scrape import HouseFigures, Pool, Queue
from ledger import database
from ledger.database import Sessions
from rails.telemetry import listener
from rails.telemetry.settings import TelemetrySettings

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
RAILS = ("stripe_checkout", "stripe_x402.exact.usdc")


class Counted:
    """An opener of transactions that counts, and can be shut."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions, self.opened, self.shut = sessions, 0, False

    def __call__(self) -> AbstractContextManager[Session]:
        self.opened += 1
        if self.shut:
            raise ConnectionError("the database is away: hunter2")
        return self.sessions()


def told(*collectors: HouseFigures | Pool | Queue) -> dict[str, float]:
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_the_figures_of_a_house_without_anything_are_zeros(sessions: Sessions) -> None:
    figures = told(HouseFigures(sessions, RAILS, lambda: NOON, 60))

    assert figures["pennyrail_figures_up"] == 1
    assert figures["pennyrail_book_difference cents"] == 0
    assert figures["pennyrail_overdue_seconds refunds to ask for"] == 0
    assert figures["pennyrail_exceptions_of_kind underpaid"] == 0
    assert figures[f"pennyrail_rail_on {RAILS[0]}"] == 1
    assert figures[f"pennyrail_rail_under_way {RAILS[1]} processing"] == 0


def test_who_scrapes_often_does_not_read_often(sessions: Sessions) -> None:
    counted = Counted(sessions)
    figures = HouseFigures(counted, RAILS, lambda: NOON, 3600)

    first, second = told(figures), told(figures)

    assert counted.opened == 1
    assert first == second


def test_a_database_that_is_away_is_told_of_and_left_alone(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    counted = Counted(sessions)
    counted.shut = True
    figures = HouseFigures(counted, RAILS, lambda: NOON, 3600)

    with caplog.at_level(logging.WARNING):
        first, second = told(figures), told(figures)

    assert first == second == {"pennyrail_figures_up": 0}
    assert counted.opened == 1
    assert "ConnectionError" in caplog.text
    assert "hunter2" not in caplog.text


def test_figures_too_old_to_be_true_are_not_told(sessions: Sessions) -> None:
    counted = Counted(sessions)
    passed = [0.0]
    figures = HouseFigures(counted, RAILS, lambda: NOON, 10, stopwatch=lambda: passed[0])
    ups = [told(figures)["pennyrail_figures_up"]]
    counted.shut = True

    for passed[0] in (30, 59):
        ups.append(told(figures)["pennyrail_figures_up"])
    passed[0] = 61

    assert ups == [1, 1, 1]
    assert told(figures) == {"pennyrail_figures_up": 0}


def test_connections_and_queue_are_told(database_url: str) -> None:
    engine = database.connect(database_url, pool_size=3)
    with engine.connect():
        figures = told(Pool(engine), Queue(lambda: 7))
    engine.dispose()

    assert figures == {
        "pennyrail_pool_connections in_use": 1,
        "pennyrail_pool_connections most": 6,
        "pennyrail_writer_queue": 7,
    }


def test_a_port_that_is_taken_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with caplog.at_level(logging.ERROR):
            opened = listener.open_to_prometheus(TelemetrySettings(metrics_port=port))

    assert opened is None
    assert f"nobody can read measures at port {port}" in caplog.text


def test_without_a_port_nobody_listens() -> None:
    assert listener.open_to_prometheus(TelemetrySettings(metrics_port=0)) is None


def test_a_process_is_read_at_its_own_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    listener.open_to_prometheus(TelemetrySettings(metrics_port=port), (Queue(lambda: 3),))
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    assert "pennyrail_writer_queue 3.0" in page
    assert "pennyrail_http_requests_total" in page
