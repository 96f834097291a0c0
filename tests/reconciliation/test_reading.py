"""Reading the processor's books: whole windows, again and again, in any order of time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from rails import errors
from rails.processor import Payout
from rails.reconciliation import booking, reading
from rails.reconciliation.models import Booking, KeptMovement, KeptPayout, PayoutPart
from tests.reconciliation.world import DAY, HOUR, NOON, SETTINGS, Shop

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


def kept(shop: Shop) -> list[str]:
    with shop.sessions() as session:
        return list(session.exec(select(KeptMovement.id).order_by(col(KeptMovement.id))))


def booked(shop: Shop) -> list[str]:
    with shop.sessions() as session:
        return list(
            session.exec(select(Booking.balance_transaction_id).order_by(col(Booking.balance_transaction_id)))
        )


def test_windows_are_closed_open_days_without_a_gap() -> None:
    found = reading.windows(NOON - 2 * DAY, NOON, crowded_from=None)

    assert found == [
        (NOON - 2 * DAY, NOON),
    ]


def test_windows_of_busy_days_end_at_midnight() -> None:
    found = reading.windows(NOON - 2 * DAY, NOON, crowded_from=NOON - 9 * DAY)

    assert found == [
        (NOON - 2 * DAY, MIDNIGHT - DAY),
        (MIDNIGHT - DAY, MIDNIGHT),
        (MIDNIGHT, NOON),
    ]


def test_what_was_in_the_books_before_our_first_customer_is_one_window() -> None:
    found = reading.windows(None, NOON, crowded_from=NOON - HOUR)

    assert found == [(datetime(1970, 1, 1, tzinfo=UTC), NOON - HOUR), (NOON - HOUR, NOON)]


def test_nothing_is_booked_from_a_window_that_was_not_read_to_its_end(shop: Shop) -> None:
    shop.grant(shop.page, at=NOON - 2 * DAY)
    shop.books.move(100, kind="topup", at=NOON - 2 * DAY + HOUR)
    shop.books.move(200, kind="topup", at=NOON - HOUR)
    shop.books.breaks_after = 2

    with pytest.raises(errors.RailUnreachable):
        shop.reconcile(at=NOON)

    assert kept(shop) == ["txn_1"]
    assert booked(shop) == []


def test_a_reading_that_broke_off_goes_on_where_it_was(shop: Shop) -> None:
    shop.grant(shop.page, at=NOON - 2 * DAY)
    shop.books.move(100, kind="topup", at=NOON - 2 * DAY + HOUR)
    shop.books.move(200, kind="topup", at=NOON - HOUR)
    shop.books.breaks_after = 2
    with pytest.raises(errors.RailUnreachable):
        shop.reconcile(at=NOON)

    shop.books.breaks_after = None
    shop.reconcile(at=NOON)

    assert kept(shop) == booked(shop) == ["txn_1", "txn_2"]
    assert shop.holds("processor:stripe") == -300


def test_a_process_that_dies_between_keeping_and_booking_books_later(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt)
    reading.read(shop.sessions, shop.books, settings=SETTINGS, now=NOON + HOUR)
    assert booked(shop) == []

    shop.reconcile(at=NOON + 2 * HOUR)

    assert booked(shop) == ["txn_1"]
    assert shop.items(attempt) == ["(matched)"]


def test_a_process_that_dies_while_booking_leaves_every_movement_whole(shop: Shop) -> None:
    for _ in range(3):
        shop.charge(shop.grant(shop.page))
    reading.read(shop.sessions, shop.books, settings=SETTINGS, now=NOON + HOUR)
    with shop.sessions() as session:
        booking.book_one(session, "txn_1", now=NOON + HOUR)
    with shop.sessions() as session:
        booking.book_one(session, "txn_2", now=NOON + HOUR)
        session.flush()
        session.rollback()

    assert booked(shop) == ["txn_1"]
    assert shop.holds("processor:stripe") == -455
    shop.reconcile(at=NOON + 2 * HOUR)

    assert booked(shop) == ["txn_1", "txn_2", "txn_3"]
    assert shop.holds("processor:stripe") == -3 * 455


def test_a_movement_that_appears_late_is_found_by_the_overlap_and_lands_on_its_own_day(shop: Shop) -> None:
    attempt = shop.grant(shop.page, at=NOON)
    shop.reconcile(at=NOON + HOUR)

    shop.charge(attempt, at=NOON + timedelta(minutes=1))
    shop.reconcile(at=NOON + 30 * HOUR)

    assert shop.items(attempt) == ["(matched)"]
    with shop.sessions() as session:
        told = session.get_one(KeptMovement, "txn_1")
        assert told.created_at == NOON + timedelta(minutes=1)


def test_what_a_payout_consists_of_is_read_although_somebody_died_before_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.charge(shop.grant(shop.page))
    shop.books.move(-455, kind="payout", at=NOON + HOUR, source="po_1")
    shop.books.parts["po_1"] = ["txn_1"]
    shop.books.paid_out[:] = [payout("paid", "completed")]

    def dies(_: str) -> list[str]:
        raise errors.RailUnreachable("the payment provider did not answer")

    with monkeypatch.context() as patched:
        patched.setattr(shop.books, "parts_of", dies)
        with pytest.raises(errors.RailUnreachable):
            shop.reconcile(at=NOON + 2 * HOUR)
    shop.reconcile(at=NOON + 3 * HOUR)

    with shop.sessions() as session:
        assert [row.balance_transaction_id for row in session.exec(select(PayoutPart))] == ["txn_1"]


def payout(state: str, reconciled: str) -> Payout:
    return Payout("po_1", state, reconciled, 455, "usd", True, "txn_2", None, NOON + HOUR, NOON + DAY)


def test_every_state_of_a_payout_is_kept_and_its_parts_once_they_are_known(shop: Shop) -> None:
    shop.charge(shop.grant(shop.page))
    shop.books.move(-455, kind="payout", at=NOON + HOUR, source="po_1")
    shop.books.parts["po_1"] = ["txn_1"]

    for hours, told in ((2, payout("in_transit", "in_progress")), (3, payout("paid", "completed"))):
        shop.books.paid_out[:] = [told]
        shop.reconcile(at=NOON + hours * HOUR)
        shop.reconcile(at=NOON + hours * HOUR)

    with shop.sessions() as session:
        states = [row.state for row in session.exec(select(KeptPayout).order_by(col(KeptPayout.seen_at)))]
        parts = [row.balance_transaction_id for row in session.exec(select(PayoutPart))]
    assert states == ["in_transit", "paid"]
    assert parts == ["txn_1"]
    assert shop.holds("bank") == -455
    assert shop.holds("processor:stripe") == 0
