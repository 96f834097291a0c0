"""What the workers do about money that leaves again: the sweeper finds it, whoever lost the call."""

from datetime import timedelta

import pytest
from freezegun import freeze_time

from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import refunds
from rails.conformance.fakes import crypto_deposit
from tests.rails.reversing import NOON, Bought, opened, state
from tests.workers.test_tasks import FakeWiring
from workers import tasks


@pytest.fixture
def bought(sessions: Sessions, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Bought:
    monkeypatch.setenv("REDIS_URL", redis_url)
    one = opened(sessions, crypto_deposit())
    assert one.settle()
    wiring = FakeWiring(sessions, one.rails)
    monkeypatch.setattr(tasks, "wired", lambda: wiring)
    for task in (tasks.look_for_reversals, tasks.ask_for_refund):
        monkeypatch.setattr(task, "delay", task)
    return one


def sweep(*, after: timedelta) -> None:
    with freeze_time(NOON + after):
        tasks.sweep()


def test_a_refund_whose_webhook_was_lost_is_found_by_the_sweeper(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200)
    sweep(after=timedelta(minutes=9))
    before = state(bought.sessions)

    sweep(after=timedelta(minutes=11))

    assert (before, state(bought.sessions)) == ((500, []), (300, ["refunded"]))


def test_a_dispute_that_nobody_told_of_is_found_months_later(bought: Bought) -> None:
    sweep(after=timedelta(minutes=11))
    for day in (2, 8, 31):
        sweep(after=timedelta(days=day))
    bought.rail.dispute(bought.reference, "dp_1", 500)

    sweep(after=timedelta(days=61))

    assert state(bought.sessions) == (0, ["disputed"])


def test_a_refund_that_was_written_down_is_asked_for_by_the_sweeper(bought: Bought) -> None:
    with bought.sessions() as session:
        refunds.place(
            session,
            payment_attempt_id=bought.attempt_id,
            amount=Amount(200, USD),
            reason="asked",
            requested_by="ops",
            key="key-1",
            now=NOON,
        )

    sweep(after=timedelta(seconds=5))
    sweep(after=timedelta(seconds=10))

    assert state(bought.sessions) == (300, ["refunded"])
