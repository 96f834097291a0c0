"""Closing a month at the console: prepared by one, confirmed by another, worked out again by anybody."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from ledger.models import PeriodClose, Transaction
from office.models import AuditRow
from tests.app.console.seats import Console
from tests.reconciliation.world import Shop

SOLD = datetime(2026, 10, 20, 12, tzinfo=UTC)
CLOSING = datetime(2026, 11, 1, 9, tzinfo=UTC)
MONTH = "/console/periods/2026-10"


@pytest.fixture
def shop(console: Console) -> Shop:
    """A purchase of October that everybody agrees on."""
    console.clock.now = CLOSING
    made = Shop(console.sessions)
    made.charge(made.grant(made.page, at=SOLD), at=SOLD)
    made.reconcile(at=CLOSING - timedelta(hours=1))
    return made


def closes(console: Console) -> list[PeriodClose]:
    """What is closed."""
    with console.sessions() as session:
        return list(session.exec(select(PeriodClose)))


def close(console: Console) -> None:
    """Ann prepares and Ben confirms."""
    ann, ben = console.operator("finance", "ann@example.com"), console.operator("approver", "ben@example.com")
    ann.act(f"{MONTH}/prepare", reason="looked at every line")
    ben.act(f"{MONTH}/confirm", draft_id=ben.json(MONTH)["draft"]["draft_id"])


@pytest.mark.usefixtures("shop")
def test_one_prepares_and_another_confirms(console: Console) -> None:
    ann = console.operator("approver", "ann@example.com")
    ben = console.operator("approver", "ben@example.com")
    assert "500" in ann.act(f"{MONTH}/preview").text

    ann.act(f"{MONTH}/prepare", reason="looked at every line")
    draft = ann.json(MONTH)["draft"]
    assert f"{MONTH}/confirm" not in ann.page(MONTH)
    assert f"{MONTH}/confirm" in ben.page(MONTH)
    assert ann.send(f"{MONTH}/confirm", draft_id=draft["draft_id"], code=ann.code()).status_code == 409
    assert closes(console) == []
    with console.sessions() as session:
        last = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
        assert last is not None
        assert (last.action, last.outcome, last.actor) == ("period.close", "refused", f"operator:{ann.email}")
    september = "/console/periods/2026-09/confirm"
    assert ben.send(september, draft_id=draft["draft_id"], code=ben.code()).status_code == 409
    assert closes(console) == []
    ben.act(f"{MONTH}/confirm", draft_id=draft["draft_id"])

    (closed,) = closes(console)
    assert (closed.prepared_by, closed.closed_by) == ("operator:ann@example.com", "operator:ben@example.com")
    page = ben.page(MONTH)
    assert draft["control_hash"] in page
    assert "5.00 USD" in page
    assert "Trial balance" in page
    assert [each["state"] for each in ben.json("/console/periods")["months"]] == ["open", "closed"]


@pytest.mark.usefixtures("shop")
def test_a_closed_month_is_worked_out_again_by_anybody(console: Console) -> None:
    close(console)

    told = console.operator("viewer").act(f"{MONTH}/verify").text

    assert "The book says today what it said" in told


def test_a_late_refund_of_the_closed_month_is_taken_in_the_open_one(console: Console, shop: Shop) -> None:
    close(console)
    shop.take_back(next(iter(shop.page.opened)), 500, at=SOLD + timedelta(hours=1))

    with console.sessions() as session:
        refund = session.exec(select(Transaction).where(Transaction.kind == "refund")).one()
    assert refund.effective_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert refund.details == {"happened_at": "2026-10-20T13:00:00.000000Z"}
    assert "The book says today what it said" in console.operator("viewer").act(f"{MONTH}/verify").text


def test_what_stands_against_the_close_is_shown_and_refuses_it(console: Console, shop: Shop) -> None:
    console.clock.now = SOLD + timedelta(hours=1)
    seat = console.operator("finance")
    assert "it ends 2026-11-01" in seat.page(MONTH)

    sent = seat.send(f"{MONTH}/prepare", reason="too early", code=seat.code())

    assert sent.status_code == 409
    assert "The month is over" in sent.text
    with console.sessions() as session:
        rows = session.exec(select(AuditRow.outcome).where(AuditRow.action == "period.prepare")).all()
    assert sorted(rows) == ["asked", "failed"]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("role", "action"), [("viewer", "prepare"), ("admin", "prepare"), ("finance", "confirm")]
)
def test_who_has_no_right_to_closes_nothing(console: Console, role: str, action: str) -> None:
    console.operator("finance", "ann@example.com").act(f"{MONTH}/prepare", reason="looked at every line")
    seat = console.operator(role, "other@example.com")  # type: ignore[arg-type]

    assert seat.send(f"{MONTH}/{action}", reason="x", draft_id=1, code=seat.code()).status_code == 403

    assert closes(console) == []
    with console.sessions() as session:
        refused = session.exec(select(AuditRow).where(col(AuditRow.outcome) == "refused")).one()
        assert refused.actor == "operator:other@example.com"


@pytest.mark.usefixtures("shop")
def test_a_close_needs_a_code(console: Console) -> None:
    seat = console.operator("finance")
    console.clock.now += timedelta(minutes=11)

    assert seat.send(f"{MONTH}/prepare", reason="x").status_code == 403


def test_a_book_without_anything_has_months_too(console: Console) -> None:
    console.clock.now = CLOSING
    seat = console.operator("viewer")

    assert [each["month"] for each in seat.json("/console/periods")["months"]] == ["2026-11", "2026-10"]
    assert "2026-10" in seat.page("/console/periods/2026-10")
    assert seat.get("/console/periods/2026-13").status_code == 422
    assert seat.send(f"{MONTH}/verify").status_code == 409


@pytest.mark.usefixtures("shop")
def test_a_month_that_is_not_over_offers_no_close(console: Console) -> None:
    ann = console.operator("finance", "ann@example.com")

    assert f"{MONTH}/prepare" in ann.page(MONTH)
    present = ann.page("/console/periods/2026-11")
    refused = ann.send("/console/periods/2026-11/prepare", reason="too early", code=ann.code())

    assert "/console/periods/2026-11/prepare" not in present
    assert "the month has to be over" in present
    assert "The month is over: no, it ends 2026-12-01" in refused.text
