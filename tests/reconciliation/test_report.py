"""A day from each side, and the question whether anybody lost a cent."""

from datetime import date

import pytest
from sqlmodel import text

from ledger.money import USD, USDC, Amount
from rails.processor import Payout
from rails.reconciliation import proof, report, report_page
from rails.reconciliation.report import AccountDay, DayReport
from tests.reconciliation.world import DAY, HOUR, NOON, Shop

TODAY = date(2026, 11, 20)
CLOSED = """
UPDATE reconciliation_item SET state = 'matched', closed_at = now(), how = 'lost' WHERE subject = 'ch_x'
"""
MORE = "UPDATE balance SET posted = posted + 1 WHERE account_id = (SELECT id FROM account WHERE name ="
KEPT = """
INSERT INTO stripe_balance_transaction
SELECT (jsonb_populate_record(row, '{"id": "txn_lost"}')).*
FROM stripe_balance_transaction AS row
WHERE id = 'txn_5'
"""
CARRIED = """
INSERT INTO deposit
SELECT (jsonb_populate_record(row, '{"log_index": 7}')).*
FROM deposit AS row
"""


def of(shop: Shop, day: date = TODAY) -> DayReport:
    with shop.sessions() as session:
        return report.of_day(session, day, now=NOON + 3 * DAY)


def lost(shop: Shop) -> list[str]:
    with shop.sessions() as session:
        found = proof.unexplained(session)
        assert proof.unexplained_cents(session) == sum((each.amount for each in found), Amount(0, USD))
    return [each.what for each in found]


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A day with a card, a deposit, a refund, a fee, a payout, and money of nobody."""
    card, crypto = shop.grant(shop.page), shop.grant(shop.deposit)
    charge = shop.charge(card, 541, fee=46)
    shop.books.taxes[f"pi_{card}"] = 41
    shop.charge(crypto, 500, fee=8)
    shop.carry(crypto)
    shop.books.move(-541, kind="refund", charge=charge, source="re_1", at=NOON)
    shop.take_back(card, 500)
    shop.books.move(-20, kind="stripe_fee", at=NOON)
    shop.books.move(900, charge="ch_x", fee=56, at=NOON)
    shop.books.move(-400, kind="payout", source="po_1", at=NOON + HOUR)
    shop.books.paid_out.append(
        Payout("po_1", "paid", "completed", 400, "usd", True, "txn_6", None, NOON + HOUR, NOON + DAY)
    )
    shop.books.parts["po_1"] = ["txn_1", "txn_2"]
    shop.grant(shop.page, at=NOON + DAY)
    shop.reconcile(at=NOON + DAY + HOUR)
    return shop


def test_a_day_adds_up_from_each_side(busy: Shop) -> None:
    totals = of(busy).totals

    assert (totals.deposits, totals.deposited) == (1, Amount(5_000_000, USDC))
    assert totals.gross == Amount(541 + 500 + 900, USD)
    assert totals.tax == Amount(41, USD)
    assert totals.fee == Amount(46 + 8 + 56 + 20, USD)
    assert totals.returned == Amount(541, USD)
    assert totals.net == totals.gross - totals.fee - totals.returned
    assert (totals.granted, totals.taken_back) == (Amount(1000, USD), Amount(500, USD))


def test_accounts_of_a_day_open_where_those_of_the_day_before_closed(busy: Shop) -> None:
    today, tomorrow = of(busy), of(busy, date(2026, 11, 21))

    closed = {each.account: each.closing for each in today.accounts}
    assert closed["processor:stripe"] == Amount(541 + 500 + 900 - 541 - 130 - 400, USD)
    assert closed["bank"] == Amount(400, USD)
    assert AccountDay("clearing:fake_page", Amount(0, USD), Amount(500, USD)) in tomorrow.accounts
    assert {each.account: each.opening for each in tomorrow.accounts} == closed


def test_payouts_breaks_and_items_stand_in_the_report(busy: Shop) -> None:
    told = of(busy)

    assert [(each.payout_id, each.state, each.movements) for each in told.payouts] == [("po_1", "paid", 2)]
    assert [(each.subject, each.state, each.age) for each in told.breaks] == [
        ("ch_x", "stripe_only", 2 * DAY - HOUR)
    ]
    assert dict(told.states)["matched"] >= 4


def test_a_day_tells_the_same_after_another_run(busy: Shop) -> None:
    before = of(busy)

    busy.reconcile(at=NOON + DAY + 2 * HOUR, whole=True)

    assert of(busy) == before


def test_a_movement_at_midnight_belongs_to_the_day_that_begins(shop: Shop) -> None:
    midnight = NOON + DAY / 2
    shop.books.move(-20, kind="stripe_fee", at=midnight)
    shop.books.move(-30, kind="stripe_fee", at=midnight - HOUR / 3600)
    shop.reconcile(at=NOON + DAY)

    assert of(shop).totals.fee == Amount(30, USD)
    assert [(each.type, each.count) for each in of(shop).movements] == [("stripe_fee", 1)]
    assert of(shop, date(2026, 11, 21)).totals.fee == Amount(20, USD)


def test_the_page_has_a_table_for_everything(busy: Shop) -> None:
    page = report_page.markdown(of(busy))

    assert page.startswith("# Reconciliation of 2026-11-20 (UTC)\n")
    assert "| chain | deposits, 1 of them | 5.000000 USDC |" in page
    assert "| ch_x | movement | stripe_only | 0.00 USD | 9.00 USD | 1 d 23 h |" in page


def test_what_is_open_is_explained_and_nothing_else_is_left(busy: Shop) -> None:
    assert lost(busy) == []


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        (CLOSED, "in suspense"),
        (f"{MORE} 'clearing:fake_page')", "clearing:fake_page"),
        (f"{MORE} 'processor:stripe')", "what the processor told"),
        (KEPT, "kept and not booked"),
        (CARRIED, "on the chain"),
    ],
)
def test_a_lost_cent_is_named(busy: Shop, loss: str, named: str) -> None:
    with busy.sessions() as session:
        assert session.connection().execute(text(loss)).rowcount == 1

    assert any(what.startswith(named) for what in lost(busy))
