"""Reconciliation at the console: a planted break is found, looked at, explained, and stays so."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from office.models import AuditRow
from rails.reconciliation import progress
from rails.reconciliation.models import Item
from tests.app.console.seats import Console
from tests.reconciliation.world import NOON, Shop
from workers import wakeups


@pytest.fixture
def shop(console: Console) -> Shop:
    """Two purchases of a day: everybody agrees on one; for the other, Stripe received 5 cents less."""
    made = Shop(console.sessions)
    console.clock.now = NOON + timedelta(hours=2)
    made.charge(made.grant(made.page))
    made.charge(made.grant(made.page), 495)
    made.reconcile()
    return made


def broken(shop: Shop) -> Item:
    """The planted break."""
    with shop.sessions() as session:
        return session.exec(select(Item).where(Item.state == "under")).one()


def test_a_planted_break_is_found_explained_and_not_told_again(console: Console, shop: Shop) -> None:
    seat, item = console.operator("finance"), broken(shop)
    assert f"/console/reconciliation/items/{item.item_id}" in seat.page("/console/reconciliation")
    assert "less than was expected" in seat.page(f"/console/reconciliation/items/{item.item_id}")

    seat.act(f"/console/reconciliation/items/{item.item_id}/explain", reason="<b>the bank kept it</b>")

    page = seat.page(f"/console/reconciliation/items/{item.item_id}")
    assert "&lt;b&gt;the bank kept it&lt;/b&gt;" in page
    shop.reconcile(at=console.clock.now + timedelta(hours=1), whole=True)
    assert "No break is open" in seat.page("/console/reconciliation")
    with console.sessions() as session:
        row = session.exec(select(AuditRow).where(AuditRow.action == "break.explain")).one()
        assert (row.actor, row.reason) == ("operator:finance@example.com", "<b>the bank kept it</b>")
        assert row.before is not None
        assert row.after is not None
        assert (row.before["state"], row.after["state"]) == ("under", "explained")


def test_a_day_stands_side_by_side(console: Console, shop: Shop) -> None:
    seat = console.operator("viewer")

    (line,) = seat.json("/console/reconciliation")["days"]["lines"]
    assert {name: line[name]["units"] for name in ("received", "granted", "difference")} == {
        "received": 995,
        "granted": 1000,
        "difference": -5,
    }
    assert line["breaks"] == 1
    page = seat.page(f"/console/reconciliation/{NOON:%Y-%m-%d}")
    assert "9.95 USD" in page
    assert "10.00 USD" in page


@pytest.mark.parametrize(
    ("state", "count"), [("", 4), ("open", 1), ("under", 1), ("matched", 3), ("over", 0)]
)
def test_the_items_of_a_day_are_listed_by_state(console: Console, shop: Shop, state: str, count: int) -> None:
    found = console.operator("viewer").json(f"/console/reconciliation/{NOON:%Y-%m-%d}", state=state)["found"]

    assert len(found["items"]) == count


def test_pages_of_items_follow_each_other_without_a_gap(
    console: Console, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("office.reconciliation.ITEMS", 3)
    seat, path = console.operator("viewer"), f"/console/reconciliation/{NOON:%Y-%m-%d}"

    first = seat.json(path)["found"]
    second = seat.json(path, after=first["cursor"])["found"]

    assert 'rel="next"' in seat.page(path)
    assert [each["item_id"] for each in first["items"] + second["items"]] == [1, 2, 3, 4]
    assert second["cursor"] is None


def test_days_follow_each_other(console: Console, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for ago in (1, 2, 3):
        shop.charge(shop.grant(shop.page, at=NOON - timedelta(days=ago)), at=NOON - timedelta(days=ago))
    shop.reconcile(at=NOON + timedelta(hours=2))
    monkeypatch.setattr("office.reconciliation.DAYS", 2)
    seat = console.operator("viewer")

    first = seat.json("/console/reconciliation")["days"]
    second = seat.json("/console/reconciliation", after=first["cursor"])["days"]

    assert [each["day"] for each in first["lines"] + second["lines"]] == [
        f"2026-11-{day}" for day in (20, 19, 18, 17)
    ]
    assert second["cursor"] is None


def test_a_run_is_asked_for_and_its_progress_is_shown(
    console: Console, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def wake() -> bool:
        asked.append("run")
        return True

    monkeypatch.setattr(wakeups, "reconcile", wake)
    seat = console.operator("finance")
    seat.act("/console/reconciliation/run")
    assert asked == ["run"]

    with progress.shown(console.sessions, now=console.clock.now) as tell:
        tell("comparing", 500, 1200)
        assert "comparing: 500 of 1200" in seat.page("/console/reconciliation/progress")
        assert "Run now" not in seat.page("/console/reconciliation")
        seat.act("/console/reconciliation/run")
    assert asked == ["run"]
    assert "every 2s" not in seat.page("/console/reconciliation/progress")


@pytest.mark.parametrize("role", ["viewer", "support", "admin"])
def test_who_has_no_right_to_may_neither_run_nor_explain(console: Console, shop: Shop, role: str) -> None:
    seat = console.operator(role)  # type: ignore[arg-type]
    item = broken(shop)

    assert seat.send("/console/reconciliation/run").status_code == 403
    sent = seat.send(f"/console/reconciliation/items/{item.item_id}/explain", reason="x", code=seat.code())
    assert sent.status_code == 403

    assert broken(shop).closed_at is None
    with console.sessions() as session:
        refused = session.exec(select(AuditRow.action).where(col(AuditRow.outcome) == "refused")).all()
    assert sorted(refused) == ["forbidden.reconcile", "forbidden.resolve"]


def test_an_explanation_needs_a_code_and_a_reason(console: Console, shop: Shop) -> None:
    seat, path = console.operator("finance"), f"/console/reconciliation/items/{broken(shop).item_id}/explain"
    console.clock.now += timedelta(minutes=11)

    assert seat.send(path, reason="the bank kept it").status_code == 403
    assert seat.send(path, reason="   ", code=seat.code()).status_code == 422
    assert broken(shop).closed_at is None


def test_what_is_not_there_is_said(console: Console) -> None:
    seat = console.operator("viewer")

    assert "No run has come to its end yet" in seat.page("/console/reconciliation")
    assert "No run has seen anything" in seat.page("/console/reconciliation/2026-01-01")
    assert seat.get("/console/reconciliation/items/99").status_code == 404
    assert seat.get("/console/reconciliation/2026-01-01", state="lost").status_code == 422
    assert seat.get("/console/reconciliation/2026-13-01").status_code == 422


def test_before_the_first_run_nothing_is_said_to_agree(console: Console) -> None:
    page = console.operator("viewer").page("/console/reconciliation")

    assert "nothing was compared" in page
    assert "No break is open" not in page


@pytest.mark.usefixtures("shop")
def test_movements_are_in_dollars(console: Console) -> None:
    page = console.operator("viewer").page(f"/console/reconciliation/{NOON:%Y-%m-%d}")

    assert '<td class="number">9.95 USD</td>' in page
