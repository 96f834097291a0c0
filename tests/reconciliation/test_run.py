"""Runs over a real database: what opens, what closes by itself, and that a second run changes nothing."""

from decimal import Decimal

import pytest
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, select, text
from typing_extensions import override

from ledger import book, chart
from ledger.book import Leg, Posting
from ledger.money import USD, Amount
from rails import errors, evidence, purchase
from rails.models import PaymentException
from rails.rail import Evidence
from rails.reconciliation import run
from rails.reconciliation.models import Run
from tests.reconciliation.world import DAY, HOUR, NOON, SETTINGS, FakeBooks, Shop


def everything(session: Session) -> list[object]:
    """All that reconciliation has ever written but the runs themselves."""
    rows: list[object] = []
    for table in (
        "stripe_balance_transaction",
        "stripe_booking",
        "stripe_payout",
        "reconciliation_posting",
        "reconciliation_item",
        "reconciliation_item_state",
        "ledger_transaction",
        "entry",
    ):
        rows += session.connection().execute(text(f"TABLE {table} ORDER BY 1")).all()
    return rows


def test_a_payment_whose_money_arrived_is_matched_at_once(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt)

    done = shop.reconcile()

    assert shop.items(attempt) == ["(matched)"]
    assert (done.opened, done.breaks) == (0, 0)


def test_a_granted_payment_is_expected_then_missing_and_closes_when_its_money_appears(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.reconcile()
    assert shop.items(attempt) == ["expected"]

    missing = shop.reconcile(at=NOON + 2 * DAY)
    assert shop.items(attempt) == ["missing"]
    shop.charge(attempt, at=NOON + 2 * DAY)
    found = shop.reconcile(at=NOON + 2 * DAY + HOUR)

    assert shop.items(attempt) == ["(matched)"]
    assert (missing.breaks, found.closed, found.breaks) == (1, 1, 0)
    assert shop.history(attempt) == ["expected", "missing", "matched"]


def test_what_breaks_again_is_another_item(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt)
    shop.reconcile()

    shop.charge(attempt, 7, at=NOON + HOUR, fee=0)
    shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items(attempt) == ["(matched)", "over"]


def test_money_of_no_attempt_is_a_break_until_it_is_sent_back(shop: Shop) -> None:
    shop.books.move(900, charge="ch_x", fee=56)
    shop.reconcile()
    assert shop.items("ch_x", "movement") == ["stripe_only"]

    shop.books.move(-900, kind="refund", charge="ch_x", source="re_x", at=NOON + HOUR)
    shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items("ch_x", "movement") == ["(matched)"]
    assert shop.holds("processor:suspense") == 0


def test_money_of_an_attempt_that_nobody_granted_is_asked_about_and_becomes_a_break(shop: Shop) -> None:
    attempt = shop.buy(shop.page)
    shop.charge(attempt)

    shop.reconcile()
    assert shop.items(attempt) == ["expected"]
    assert shop.knocked == [attempt]
    shop.reconcile(at=NOON + 2 * DAY)

    assert shop.items(attempt) == ["stripe_only"]


def test_a_grant_that_was_lost_is_made_up_by_the_run(shop: Shop) -> None:
    attempt = shop.buy(shop.page)
    shop.page.pay(shop.reference(attempt))
    shop.charge(attempt)

    run.run(
        shop.sessions,
        shop.books,
        knock=lambda name: purchase.settle(
            shop.sessions, {"fake_page": shop.page}, payment_attempt_id=name, now=NOON + HOUR
        ),
        settings=SETTINGS,
        now=NOON + HOUR,
    )

    assert shop.items(attempt) == ["(matched)"]


def test_a_refund_that_nobody_heard_of_is_asked_about_and_closes_once_booked(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    charge = shop.charge(attempt)
    shop.books.move(-200, kind="refund", charge=charge, source="re_1", at=NOON + HOUR)

    shop.reconcile(at=NOON + 2 * HOUR)
    assert shop.items(attempt, "reversal") == ["expected"]
    assert shop.knocked == [attempt]
    shop.take_back(attempt, 200, at=NOON + 2 * HOUR)
    shop.reconcile(at=NOON + 3 * HOUR)

    assert shop.items(attempt, "reversal") == ["(matched)"]
    assert shop.holds("clearing:fake_page") == 0


def test_a_refund_that_the_book_refuses_is_a_break(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    charge = shop.charge(attempt)
    shop.books.move(-200, kind="refund", charge=charge, source="re_1", at=NOON + HOUR)

    shop.reconcile(at=NOON + 2 * HOUR)
    shop.reconcile(at=NOON + 3 * DAY)

    assert shop.items(attempt, "reversal") == ["stripe_only"]


def test_a_refund_of_ours_that_never_left_the_processor_is_a_break(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt)
    shop.take_back(attempt, 200)

    shop.reconcile()
    assert shop.items(attempt, "reversal") == ["expected"]
    shop.reconcile(at=NOON + 3 * DAY)

    assert shop.items(attempt, "reversal") == ["book_only"]
    assert shop.holds("clearing:fake_page") == 200


def test_a_refund_that_failed_comes_back_on_both_sides(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    charge = shop.charge(attempt)
    shop.books.move(-500, kind="refund", charge=charge, source="re_1", at=NOON + HOUR)
    shop.take_back(attempt, 500)
    shop.reconcile(at=NOON + 2 * HOUR)

    shop.books.move(500, kind="refund_failure", charge=charge, source="re_1", at=NOON + DAY)
    shop.reinstate(attempt)
    shop.reconcile(at=NOON + DAY + HOUR)

    assert shop.items(attempt, "reversal") == ["(matched)", "(matched)"]
    assert shop.holds("clearing:fake_page") == 0
    assert shop.book_is_sound()


def test_a_lost_dispute_costs_its_money_and_its_fee(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    charge = shop.charge(attempt)
    shop.books.move(-500, kind="adjustment", fee=1500, charge=charge, source="du_1", at=NOON + HOUR)
    shop.take_back(attempt, 500, name="du_1")

    shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items(attempt, "reversal") == ["(matched)"]
    assert shop.holds("fees") == -1545
    assert shop.holds("processor:stripe") == 1545
    assert shop.holds("clearing:fake_page") == 0


def test_sales_tax_is_owed_and_no_difference(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.books.taxes[f"pi_{attempt}"] = 41
    charge = shop.charge(attempt, 541)
    shop.books.move(-541, kind="refund", charge=charge, source="re_1", at=NOON + HOUR)
    shop.take_back(attempt, 500)

    shop.reconcile(at=NOON)
    assert shop.holds("sales_tax") == 41
    assert shop.items(attempt) == ["(matched)"]
    shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items(attempt, "reversal")[-1] == "(matched)"
    assert shop.holds("sales_tax") == 0
    assert shop.holds("clearing:fake_page") == 0


def test_chain_processor_and_book_agree_on_a_deposit(shop: Shop) -> None:
    attempt = shop.grant(shop.deposit)
    shop.charge(attempt, fee=8)

    shop.reconcile()
    assert shop.items(attempt, "chain") == ["expected"]
    shop.carry(attempt)
    shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items(attempt) == ["(matched)"]
    assert shop.items(attempt, "chain") == ["(matched)"]


def test_a_final_deposit_that_nobody_granted_is_chain_only(shop: Shop) -> None:
    attempt = shop.buy(shop.deposit)
    shop.carry(attempt, 300)

    shop.reconcile()
    shop.reconcile(at=NOON + 2 * DAY)

    assert shop.items(attempt, "chain") == ["chain_only"]


def test_a_deposit_that_waits_for_a_persons_decision_is_no_break(shop: Shop) -> None:
    attempt = shop.buy(shop.deposit)
    shop.carry(attempt, 300)
    with shop.sessions() as session:
        session.add(
            PaymentException(
                payment_attempt_id=attempt,
                kind="underpaid",
                asset="USDC",
                expected_units=Decimal(5_000_000),
                received_units=Decimal(3_000_000),
                opened_at=NOON,
            )
        )

    done = shop.reconcile(at=NOON + 2 * DAY)

    assert shop.items(attempt, "chain") == ["in_review"]
    assert done.breaks == 0


def test_a_deposit_of_no_attempt_is_chain_only_until_it_is_told_whose_it_is(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.charge(attempt)
    subject = f"deposit:{shop.drop(500)}:0"
    shop.reconcile()
    assert shop.items(subject, "chain") == ["expected"]
    assert shop.reconcile(at=NOON + 2 * DAY).breaks == 1

    with shop.sessions() as session:
        told = Evidence("chain", subject.removeprefix("deposit:"), "final")
        evidence.keep(session, attempt, (told,), now=NOON + 2 * DAY)
    done = shop.reconcile(at=NOON + 2 * DAY + HOUR)

    assert shop.items(subject, "chain") == ["(matched)"]
    assert shop.items(attempt, "chain") == ["(matched)"]
    assert (done.closed, done.breaks) == (1, 0)


def test_more_on_the_chain_than_at_the_processor_is_over(shop: Shop) -> None:
    attempt = shop.grant(shop.deposit)
    shop.charge(attempt, fee=8)
    shop.carry(attempt, 700)

    shop.reconcile()

    assert shop.items(attempt, "chain") == ["over"]


def test_a_balance_that_the_book_does_not_reach_is_a_break_until_it_does(shop: Shop) -> None:
    shop.charge(shop.grant(shop.page))
    shop.books.off_cents = 3
    broken = shop.reconcile()
    assert shop.items("processor:stripe", "balance") == ["under"]

    shop.books.off_cents = 0
    mended = shop.reconcile(at=NOON + 2 * HOUR)

    assert shop.items("processor:stripe", "balance") == ["(matched)"]
    assert (broken.breaks, mended.breaks) == (1, 0)


class Busy(FakeBooks):
    """Books in which money moves while they are read."""

    @override
    def balance(self) -> Amount:
        if len(self.moved) == 1:
            self.move(-20, kind="stripe_fee")
        return super().balance()


def test_what_moves_between_the_last_page_and_the_balance_is_no_break(shop: Shop) -> None:
    shop.books = Busy()
    shop.charge(shop.grant(shop.page))

    done = shop.reconcile()

    assert (done.kept, done.booked, done.breaks) == (2, 2, 0)
    assert done.processor_cents == done.book_cents == 435


def test_a_posting_for_no_attempt_is_book_only(shop: Shop) -> None:
    shop.charge(shop.grant(shop.page))
    with shop.sessions() as session:
        posted = book.post(
            session,
            Posting(
                reference="by-hand",
                kind="adjustment",
                legs=(Leg("clearing:fake_page", Amount(-5, USD)), Leg(chart.FEES, Amount(5, USD))),
                effective_at=NOON,
                actor="somebody",
            ),
        )

    shop.reconcile()

    assert shop.items(f"ledger:{posted.transaction_id}", "movement") == ["book_only"]


def test_a_second_run_changes_nothing(shop: Shop) -> None:
    charge = shop.charge(shop.grant(shop.page))
    shop.books.move(-200, kind="refund", charge=charge, source="re_1", at=NOON)
    shop.grant(shop.deposit)
    shop.books.move(75, kind="invented_next_year")
    shop.books.move(900, charge="ch_x", fee=56)
    shop.reconcile()
    with shop.sessions() as session:
        before = everything(session)

    again = shop.reconcile()
    shop.reconcile(whole=True)

    with shop.sessions() as session:
        assert everything(session) == before
    assert (again.kept, again.booked, again.opened, again.closed) == (0, 0, 0, 0)


@pytest.mark.parametrize("kind", ["wrong_token", "reversal_rejected"])
def test_an_exception_about_other_money_hides_no_payment_that_is_missing(shop: Shop, kind: str) -> None:
    attempt = shop.grant(shop.deposit)
    with shop.sessions() as session:
        session.add(
            PaymentException(
                payment_attempt_id=attempt,
                kind=kind,
                asset="0x" + "ab" * 20 if kind == "wrong_token" else "USD",
                expected_units=Decimal(0),
                received_units=Decimal(7),
                opened_at=NOON,
            )
        )

    shop.reconcile()
    missing = shop.reconcile(at=NOON + 2 * DAY)

    assert shop.items(attempt) == ["missing"]
    assert missing.breaks > 0


def test_while_the_processor_does_not_answer_nothing_becomes_missing(shop: Shop) -> None:
    attempt = shop.grant(shop.page)
    shop.reconcile()
    shop.books.breaks_after = 0

    with pytest.raises(errors.RailUnreachable):
        shop.reconcile(at=NOON + 3 * DAY)

    assert shop.items(attempt) == ["expected"]
    with shop.sessions() as session:
        assert len(session.exec(select(Run)).all()) == 1


def test_a_rail_that_does_not_answer_stops_no_run(shop: Shop) -> None:
    attempt = shop.buy(shop.page)
    shop.charge(attempt)

    def unreachable(_name: str) -> None:
        raise errors.RailUnreachable("not now")

    run.run(shop.sessions, shop.books, knock=unreachable, settings=SETTINGS, now=NOON + HOUR)

    assert shop.items(attempt) == ["expected"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE stripe_balance_transaction SET amount = amount + 1, net = net + 1",
        "DELETE FROM stripe_booking",
        "UPDATE reconciliation_item SET state = 'expected'",
        "DELETE FROM reconciliation_item",
        "UPDATE reconciliation_item_state SET why = ''",
        "DELETE FROM reconciliation_run",
        "UPDATE reconciliation_posting SET cents = 0",
    ],
)
def test_nobody_changes_what_was_written_down(shop: Shop, change: str) -> None:
    shop.charge(shop.grant(shop.page))
    shop.reconcile()

    with pytest.raises(DatabaseError) as refused, shop.sessions() as session:
        session.connection().execute(text(change))

    assert getattr(refused.value.orig, "sqlstate", None) == "PR900"
