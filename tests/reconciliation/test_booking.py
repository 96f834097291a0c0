"""What is made of each movement of the processor's balance, and that its sums always meet."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from ledger import chart
from rails.reconciliation import booking
from rails.reconciliation.booking import Charged
from rails.reconciliation.models import Booking, KeptMovement
from tests.reconciliation.world import NOON, Shop


def movement(kind: str, *, source: str | None = None, currency: str = "usd") -> KeptMovement:
    return KeptMovement(
        id="txn_1",
        type=kind,
        amount=500,
        fee=0,
        net=500,
        currency=currency,
        source=source,
        created_at=NOON,
        available_on=NOON,
        kept_at=NOON,
    )


@pytest.mark.parametrize(
    ("kind", "source", "part"),
    [
        ("charge", "ch_1", "payment"),
        ("payment", "py_1", "payment"),
        ("refund", "re_1", "reversal"),
        ("payment_refund", "pyr_1", "reversal"),
        ("refund_failure", "re_1", "reversal"),
        ("payment_failure_refund", "pyr_1", "reversal"),
        ("adjustment", "du_1", "reversal"),
        ("adjustment", "dp_1", "reversal"),
        ("adjustment", None, "unknown"),
        ("stripe_fee", None, "fee"),
        ("payout", "po_1", "payout"),
        ("payout_failure", "po_1", "payout"),
        ("topup", "tu_1", "payout"),
        ("reserve_hold", None, "unknown"),
        ("invented_next_year", None, "unknown"),
    ],
)
def test_every_type_plays_a_part(kind: str, source: str | None, part: str) -> None:
    assert booking.part_of(movement(kind, source=source)) == part


def test_another_currency_is_foreign_whatever_its_type() -> None:
    assert booking.part_of(movement("charge", currency="eur")) == "foreign"


@given(amount=st.integers(-(10**9), 10**9), fee=st.integers(-(10**6), 10**6), tax=st.integers(0, 10**6))
def test_the_legs_of_any_movement_sum_to_zero(amount: int, fee: int, tax: int) -> None:
    legs = booking.legs(amount=amount, fee=fee, counter={"clearing:a": amount - tax, chart.SALES_TAX: tax})

    assert sum(leg.amount.units for leg in legs) == 0
    assert all(leg.amount.units for leg in legs)
    assert len({leg.account for leg in legs}) == len(legs)


@given(
    gross=st.integers(1, 10_000),
    rate=st.integers(0, 100),
    cuts=st.lists(st.integers(1, 3000), max_size=6),
)
def test_when_all_of_a_charge_is_back_so_is_all_of_its_tax(gross: int, rate: int, cuts: list[int]) -> None:
    charged = Charged(gross, gross * rate // 200)

    for cut in [*cuts, gross]:
        amount = -min(cut, gross + charged.back)
        tax = booking.tax_part(charged, amount=amount)
        charged = replace(charged, back=charged.back + amount, tax_back=charged.tax_back + tax)

    assert charged.back == -gross
    assert charged.tax_back == -charged.tax


@given(gross=st.integers(1, 10_000), rate=st.integers(0, 100), cut=st.integers(1, 10_000))
def test_a_part_of_a_charge_gives_back_no_more_tax_than_credits_rounded_down_leave(
    gross: int, rate: int, cut: int
) -> None:
    charged, back = Charged(gross, gross * rate // 200), min(cut, gross)

    tax = booking.tax_part(charged, amount=-back)

    if charged.tax:
        assert back + tax == back * (gross - charged.tax) // gross
    assert -charged.tax <= tax <= 0


def test_a_refund_that_failed_brings_exactly_its_tax_again(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.books.taxes[f"pi_{attempt}"] = 41
    charge = shop.charge(attempt, 541)
    for name, amount, kind in (
        ("re_1", -270, "refund"),
        ("re_2", -271, "refund"),
        ("re_1", 270, "refund_failure"),
    ):
        shop.books.move(amount, kind=kind, charge=charge, source=name, at=NOON)

    shop.reconcile()

    with shop.sessions() as session:
        rows = session.exec(select(Booking.tax_cents).order_by(Booking.balance_transaction_id)).all()
    assert rows == [41, -21, -20, 21]


def test_a_movement_is_booked_once_under_its_own_name(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt, fee=45)

    shop.reconcile()
    shop.reconcile(whole=True)

    assert shop.holds("clearing:fake_page") == 0
    assert shop.holds("fees") == -45
    assert shop.holds("processor:stripe") == -455
    assert shop.book_is_sound()


def test_an_unknown_movement_waits_in_suspense_and_is_a_break(shop: Shop) -> None:
    shop.books.move(75, kind="invented_next_year")

    done = shop.reconcile()

    assert shop.holds("processor:suspense") == 75
    assert shop.holds("processor:stripe") == -75
    assert shop.items("txn_1", "movement") == ["unknown"]
    assert done.breaks == 1


def test_a_movement_in_another_currency_moves_no_dollars_and_is_a_break(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.books.move(480, attempt=attempt, charge="ch_1", currency="eur")

    done = shop.reconcile()

    assert shop.holds("processor:stripe") == 0
    assert shop.items(attempt) == ["mismatch"]
    assert done.breaks == 1


def test_a_movement_that_changes_nothing_is_booked_without_legs(shop: Shop) -> None:
    shop.books.move(0, kind="adjustment")

    shop.reconcile()

    assert shop.holds("processor:stripe") == 0
    assert shop.items("txn_1", "movement") == ["(matched)"]
