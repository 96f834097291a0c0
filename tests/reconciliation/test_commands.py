"""`pennyrail reconcile`, as an operator types it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from sqlmodel import select
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger.money import USD, Amount
from rails import purchase
from rails.reconciliation.models import Run
from tests.reconciliation.world import NOON, Shop
from tests.workers.test_tasks import FakeWiring
from workers import tasks, wiring


@pytest.fixture
def environment(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRIPE_SECRET_KEY": "sk_test_" + "0" * 24,
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + "0" * 24,
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_RETRIES": "0",
        "PENNYRAIL_PUBLIC_URL": "http://127.0.0.1:8402",
        "PENNYRAIL_BASE_RPC_URL": "http://127.0.0.1:9",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli, ["reconcile", *words])


@pytest.mark.usefixtures("environment")
def test_a_day_is_shown_to_people_machines_and_in_a_file(shop: Shop, tmp_path: Path) -> None:
    shop.charge(shop.grant(shop.page))
    shop.reconcile()

    shown = typed("report", "--day", "2026-11-20")
    told = json.loads(typed("report", "--day", "2026-11-20", "--json").output)
    written = typed("report", "--day", "2026-11-20", "--markdown", str(tmp_path / "day.md"))

    assert shown.exit_code == written.exit_code == 0
    assert "clearing:fake_page" in shown.output
    assert told["totals"]["gross"] == {"units": 500, "asset": "USD", "decimal": "5.00"}
    assert (tmp_path / "day.md").read_text().startswith("# Reconciliation of 2026-11-20")


@pytest.mark.usefixtures("environment")
def test_breaks_are_listed_and_end_with_one(shop: Shop) -> None:
    shop.books.move(900, charge="ch_x", fee=56)
    shop.reconcile()

    shown, told = typed("breaks"), typed("breaks", "--json")

    assert shown.exit_code == told.exit_code == 1
    assert "stripe_only" in shown.output
    assert json.loads(told.output)[0]["found"]["decimal"] == "9.00"


@pytest.mark.usefixtures("environment")
def test_without_breaks_the_list_is_empty_and_ends_well(shop: Shop) -> None:
    shop.grant(shop.page)
    shop.reconcile()

    assert typed("breaks").exit_code == 0
    assert "expected" in typed("breaks", "--all").output


@pytest.mark.usefixtures("environment")
def test_an_attempt_is_shown_with_every_state(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.reconcile()
    shop.charge(attempt)
    shop.reconcile(at=NOON.replace(hour=20))

    shown, told = typed("show", attempt), json.loads(typed("show", attempt, "--json").output)

    assert shown.exit_code == 0
    assert "txn_1" in shown.output
    assert [each["state"] for each in told["items"][0]["states"]] == ["expected", "matched"]


@pytest.mark.usefixtures("environment")
def test_wrong_words_are_refused_with_what_to_write(shop: Shop) -> None:
    assert "write 2026-07-01" in typed("report", "--day", "soon").output
    assert "there is no attempt payatt_none" in typed("show", "payatt_none").output


@pytest.fixture
def worker(environment: None, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    wiring = FakeWiring(shop.sessions, {shop.page.rail_id: shop.page})
    monkeypatch.setattr(tasks, "wired", lambda: wiring)
    monkeypatch.setattr(tasks, "books", lambda: shop.books)


@pytest.fixture
def by_hand(worker: None, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    house = FakeWiring(shop.sessions, {shop.page.rail_id: shop.page})
    monkeypatch.setattr(wiring, "wired", lambda: house)
    monkeypatch.setattr(wiring, "books", lambda **_: shop.books)


@pytest.mark.usefixtures("by_hand")
def test_a_run_does_not_say_that_all_agrees_while_an_exception_tells_of_a_difference(shop: Shop) -> None:
    with freeze_time(NOON):
        before = typed("run")
        attempt = shop.buy(shop.page)
        shop.page.pay_wrongly(shop.reference(attempt), "mismatch", received=Amount(499, USD))
        purchase.settle(shop.sessions, {shop.page.rail_id: shop.page}, payment_attempt_id=attempt, now=NOON)
        shop.charge(attempt)
    with freeze_time(NOON + timedelta(minutes=5)):
        after, told = typed("run"), json.loads(typed("run", "--json").output)

    assert "everything agrees" in before.output
    assert (after.exit_code, "everything agrees" in after.output) == (0, False), after.output
    assert "in review     1" in after.output
    assert (told["breaks"], told["in_review"]) == (0, 1)
    assert "pennyrail reconcile show" in typed("breaks", "--all").output


@pytest.mark.usefixtures("worker")
def test_the_task_keeps_what_it_did(shop: Shop) -> None:
    shop.charge(shop.grant(shop.page))

    tasks.reconcile(added_next_year="x")

    with shop.sessions() as session:
        assert [row.booked for row in session.exec(select(Run))] == [1]


@pytest.mark.usefixtures("worker")
def test_the_task_has_a_lost_grant_made_up(shop: Shop) -> None:
    attempt = shop.buy(shop.page)
    shop.page.pay(shop.reference(attempt))
    shop.charge(attempt)

    tasks.reconcile()

    assert shop.items(attempt) == ["(matched)"]


@pytest.mark.usefixtures("worker")
def test_a_processor_that_does_not_answer_ends_no_worker(shop: Shop) -> None:
    shop.books.breaks_after = 0

    tasks.reconcile()

    with shop.sessions() as session:
        assert session.exec(select(Run)).all() == []
