"""`pennyrail ledger periods` and `close`, and `pennyrail reconcile explain`."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select, text
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger import seals
from ledger.database import Sessions
from office.models import AuditRow
from rails.reconciliation.models import Item
from tests.reconciliation.world import Shop

SOLD = datetime(2026, 10, 20, 12, tzinfo=UTC)


@pytest.fixture
def shop(sessions: Sessions, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A purchase of October that everybody agrees on, and commands that find its database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "200")
    made = Shop(sessions)
    made.charge(made.grant(made.page, at=SOLD), at=SOLD)
    made.reconcile(at=SOLD + timedelta(days=12))
    seals.seal_all(sessions, now=SOLD + timedelta(days=12))
    return made


def typed(*words: str) -> Result:
    """A command of the book."""
    return CliRunner().invoke(cli, ["ledger", *words])


def prepared(*words: str) -> int:
    """October, prepared by Ann; the number of the draft."""
    done = typed("close", "prepare", "2026-10", "--by", "operator:ann", "--json", *words)
    assert done.exit_code == 0, done.output
    number: int = json.loads(done.output)["draft_id"]
    return number


def test_a_month_is_closed_by_two_and_gives_the_same_hash_again(shop: Shop) -> None:
    preview = json.loads(typed("close", "show", "2026-10", "--json").output)
    number = prepared()
    alone = typed("close", "confirm", str(number), "--by", "operator:ann")
    done = typed("close", "confirm", str(number), "--by", "operator:ben")

    assert alone.exit_code == 1
    assert "another person" in alone.output + str(alone.exception)
    assert done.exit_code == 0, done.output
    assert preview["control_hash"] in done.output.replace("\n", "")
    told = json.loads(typed("periods", "--json").output)
    assert (told[1]["month"], told[1]["state"], told[1]["closed_by"]) == ("2026-10", "closed", "operator:ben")
    assert typed("close", "verify", "2026-10").exit_code == 0
    assert "5.00" in typed("close", "show", "2026-10").output
    with shop.sessions() as session:
        rows = session.exec(select(AuditRow).where(AuditRow.action == "period.close")).all()
        assert [(row.actor, row.via) for row in rows] == [("operator:ben", "command")]


def test_a_tampered_month_ends_with_one(shop: Shop) -> None:
    typed("close", "confirm", str(prepared()), "--by", "operator:ben")
    with shop.sessions() as session:
        session.connection().execute(text("ALTER TABLE entry DISABLE TRIGGER USER"))
        session.connection().execute(text("UPDATE entry SET amount = amount * 2"))

    shown = typed("close", "verify", "2026-10")

    assert shown.exit_code == 1
    assert "DIFFERENT     book.accounts" in shown.output


def test_what_stands_against_a_close_is_listed_and_ends_with_one(shop: Shop) -> None:
    good, early = typed("close", "check", "2026-10"), typed("close", "check", "2099-01")

    assert (good.exit_code, early.exit_code) == (0, 1)
    assert "blocker" in early.output
    assert typed("close", "prepare", "2099-01", "--by", "x").exit_code == 1


def test_a_break_is_explained_by_command(shop: Shop) -> None:
    shop.charge(shop.grant(shop.page, at=SOLD), 495, at=SOLD + timedelta(days=12))
    shop.reconcile(at=SOLD + timedelta(days=12, hours=2))
    with shop.sessions() as session:
        item = session.exec(select(Item).where(Item.state == "under")).one().item_id

    words = ["reconcile", "explain", str(item), "--reason", "the bank kept it", "--by", "operator:ann"]
    first, second = CliRunner().invoke(cli, words), CliRunner().invoke(cli, words)

    assert first.exit_code == 0, first.output
    assert second.exit_code == 1
    assert CliRunner().invoke(cli, ["reconcile", "breaks"]).exit_code == 0
