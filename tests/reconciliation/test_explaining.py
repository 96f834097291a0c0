"""Breaks that a person explains, days added up by runs, and what a run shows of itself."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from rails.errors import BreakNotFound, NotABreak
from rails.reconciliation import days, explaining, progress, proof
from rails.reconciliation.models import Item, KeptDay
from tests.reconciliation.world import DAY, HOUR, NOON, Shop

ANN = "operator:ann@example.com"


def open_item(shop: Shop, subject: str, matter: str = "payment") -> Item:
    """The open item of a subject."""
    with shop.sessions() as session:
        query = select(Item).where(
            Item.subject == subject, Item.matter == matter, col(Item.closed_at).is_(None)
        )
        return session.exec(query).one()


def explain(shop: Shop, item: Item, *, reason: str = "the bank kept 5 cents") -> None:
    """Explain it as Ann does."""
    assert item.item_id is not None
    with shop.sessions() as session:
        explaining.explain(session, item.item_id, reason=reason, by=ANN, now=NOON + HOUR)


def lost(session: Session) -> list[str]:
    """What nobody accounts for."""
    return [each.what for each in proof.unexplained(session)]


@pytest.fixture
def short(shop: Shop) -> str:
    """An attempt for which the processor received 5 cents less than was granted."""
    attempt = shop.grant(shop.page)
    shop.charge(attempt, 495)
    shop.reconcile()
    return attempt


def test_an_explained_break_is_closed_with_who_and_why_and_stays_in_its_history(
    shop: Shop, short: str
) -> None:
    explain(shop, open_item(shop, short))

    assert shop.items(short) == ["(explained)"]
    assert shop.history(short) == ["under", "explained"]
    with shop.sessions() as session:
        item = session.exec(select(Item).where(Item.subject == short)).one()
        assert (item.closed_by, item.how) == (ANN, "the bank kept 5 cents")
        assert lost(session) == []


def test_a_later_run_does_not_open_it_again_unless_its_amounts_change(shop: Shop, short: str) -> None:
    explain(shop, open_item(shop, short))
    quiet = shop.reconcile(at=NOON + 2 * DAY, whole=True)
    assert (quiet.breaks, shop.items(short)) == (0, ["(explained)"])

    shop.books.move(3, at=NOON + 2 * DAY, attempt=short, charge=f"ch_{short}", intent=f"pi_{short}")
    other = shop.reconcile(at=NOON + 3 * DAY)

    assert (other.breaks, shop.items(short)) == (1, ["(explained)", "under"])


def test_an_explained_break_that_comes_right_is_matched(shop: Shop, short: str) -> None:
    explain(shop, open_item(shop, short))
    shop.books.move(5, at=NOON + 2 * DAY, attempt=short, charge=f"ch_{short}", intent=f"pi_{short}")

    shop.reconcile(at=NOON + 3 * DAY)

    assert shop.items(short) == ["(explained)", "(matched)"]


def test_money_of_nobody_that_was_explained_is_still_accounted_for(shop: Shop) -> None:
    shop.books.move(70, charge="ch_foreign")
    shop.reconcile()
    explain(shop, open_item(shop, "ch_foreign", "movement"), reason="a sale of the merchandise shop")

    done = shop.reconcile(at=NOON + 2 * HOUR, whole=True)

    assert done.breaks == 0
    with shop.sessions() as session:
        assert lost(session) == []


def test_only_an_open_break_is_explained_and_once(shop: Shop, short: str) -> None:
    waiting = shop.grant(shop.page)
    shop.reconcile(at=NOON + 2 * HOUR)
    expected, under = open_item(shop, waiting), open_item(shop, short)
    explain(shop, under)

    with pytest.raises(NotABreak, match="expected"):
        explain(shop, expected)
    with pytest.raises(NotABreak, match="the bank kept 5 cents"):
        explain(shop, under)
    with pytest.raises(BreakNotFound), shop.sessions() as session:
        explaining.explain(session, 999, reason="x", by=ANN, now=NOON)


def test_a_run_adds_up_the_days_that_it_saw_change(shop: Shop, short: str) -> None:
    shop.charge(shop.grant(shop.page, at=NOON - DAY), at=NOON - DAY)
    shop.reconcile(at=NOON + 2 * HOUR)
    with shop.sessions() as session:
        told = {row.day.day: row for row in session.exec(select(KeptDay))}

    assert {day: (row.gross, row.granted, row.states) for day, row in told.items()} == {
        19: (500, 500, {"matched": 1}),
        # Of the accounts as a whole, too.
        20: (495, 500, {"matched": 2, "under": 1}),
    }

    shop.reconcile(at=NOON + 4 * HOUR)
    with shop.sessions() as session:
        assert days.touched(session, since=NOON + 3 * HOUR) == []


def test_a_run_shows_what_it_does_until_it_ends_however(shop: Shop) -> None:
    with progress.shown(shop.sessions, now=NOON) as tell:
        tell("comparing", 500, 1200)
        with shop.sessions() as session:
            seen = progress.at_work(session, now=NOON)
            died = progress.at_work(session, now=NOON + progress.LONGEST + timedelta(seconds=1))
    assert seen is not None
    assert (seen.step, seen.done, seen.total, died) == ("comparing", 500, 1200, None)

    with pytest.raises(RuntimeError), progress.shown(shop.sessions, now=NOON):
        raise RuntimeError
    with shop.sessions() as session:
        assert progress.at_work(session, now=NOON) is None
