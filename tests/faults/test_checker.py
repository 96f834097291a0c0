"""The checker beside small books, written by hand: each way to be wrong is told."""

from dataclasses import replace
from typing import Any

import pytest

from ledger import operations
from tests.faults import checker, purchases
from tests.faults.book import Book, Row, Standing
from tests.faults.history import Told
from tests.faults.model import Held

AGENT = "agt_1"
DEBIT = "svc:load:k1"


def call(op: str, at: int, *, outcome: Any = "ok", code: str | None = None, **more: Any) -> Told:
    """A call that took one nanosecond."""
    args: dict[str, Any] = {
        name: more.pop(name) for name in ("key", "credits", "payment_attempt_id") if name in more
    }
    return Told(0, op, AGENT, args, at, at + 1, outcome, code, more)


GRANTED = Row(1, "preview:agt_1", "grant", "done", 20, AGENT)
DEBITED = Row(2, DEBIT, "debit", "done", 5, AGENT)
DONE = {"transaction_id": 2, "credits": 5, "hold_id": None, "version": 2, "posted": 15, "held": 0}
SPENT = Told(0, "debit", AGENT, {"key": "k1", "credits": 5}, 10, 11, "ok", None, DONE)
READ = call("balance", 2, version=1, posted=20, held=0, holds=[])
BOUGHT = Row(3, "purchase:pay_1", "grant", "done", 500, AGENT)
BUYING = [
    replace(
        call("buy", 1, key="b1"), args={"key": "b1", "credits": 500}, answer={"payment_attempt_id": "pay_1"}
    ),
    call("pay", 4, payment_attempt_id="pay_1"),
    call("status", 6, payment_attempt_id="pay_1", state="succeeded", may_pay="no"),
]


def said(told: list[Told], *rows: Row, version: int = 2, posted: int = 15) -> str:
    """The violations of this history beside a book of these rows."""
    book = Book(rows, {AGENT: Standing(version, posted, 0, frozenset())})
    return "\n".join(checker.judge(told, purchases.gather(told), book).violations)


def test_a_history_that_the_book_tells_too_is_accepted() -> None:
    assert said([SPENT], GRANTED, DEBITED) == ""
    assert said(BUYING, GRANTED, BOUGHT, posted=520) == ""


def test_an_acknowledged_operation_that_is_not_in_the_book_is_told() -> None:
    assert "k1: debit was answered done, and is not in the book" in said([SPENT], GRANTED)


def test_an_operation_that_is_booked_otherwise_is_told() -> None:
    assert "k1: told" in said([SPENT], GRANTED, replace(DEBITED, credits=6), posted=14)


def test_an_operation_that_was_refused_and_is_booked_is_told() -> None:
    refused = replace(SPENT, outcome="fail", code="INSUFFICIENT_CREDITS", answer={})

    assert "k1: told" in said([refused], GRANTED, DEBITED)


def test_an_operation_that_nobody_asked_for_is_told() -> None:
    again = replace(DEBITED, transaction_id=3, reference="svc:load:k1-again")

    assert "nobody asked for a debit of 5" in said([SPENT], GRANTED, DEBITED, again, version=3, posted=10)


def test_two_answers_under_one_key_are_told() -> None:
    other = replace(SPENT, invoked=20, returned=21, answer={**SPENT.answer, "version": 3})

    assert "answered in 2 ways under one key" in said([SPENT, other], GRANTED, DEBITED)


@pytest.mark.parametrize(("rows", "posted"), [((GRANTED,), 20), ((GRANTED, DEBITED), 15)])
def test_what_nobody_answered_may_be_in_the_book_or_not(rows: tuple[Row, ...], posted: int) -> None:
    unanswered = replace(SPENT, outcome="unknown", code="ReadTimeout", answer={})

    assert said([unanswered, READ], *rows, version=len(rows), posted=posted) == ""


def test_a_hold_that_nobody_answered_has_its_name_from_the_book() -> None:
    unanswered = call("hold", 10, key="k1", credits=5, outcome="unknown")
    held = Row(2, DEBIT, "hold", "done", 5, AGENT)
    name = operations.hold_id(DEBIT)
    book = Book((GRANTED, held), {AGENT: Standing(2, 20, 5, frozenset({Held(name, 5)}))})

    assert checker.judge([unanswered, READ], {}, book).violations == []


def test_a_balance_at_the_end_that_no_order_explains_is_told() -> None:
    assert "what the book says" in said([SPENT], GRANTED, DEBITED, posted=16)


def test_a_search_that_was_given_up_is_not_accepted() -> None:
    book = Book((GRANTED, DEBITED), {AGENT: Standing(2, 15, 0, frozenset())})

    found = checker.judge([SPENT], {}, book, most_steps=1)

    assert found.undecided == 1
    assert ["undecided" in each for each in found.violations] == [True]


def test_a_history_in_which_nothing_was_answered_shows_nothing() -> None:
    assert "nothing was acknowledged" in said([], GRANTED, version=1, posted=20)


def test_a_grant_without_a_payment_is_told() -> None:
    assert "pay_1: granted, and nobody paid" in said([BUYING[0]], GRANTED, BOUGHT, posted=520)


def test_a_grant_that_is_told_twice_is_told() -> None:
    twice = replace(BOUGHT, transaction_id=4)

    assert "pay_1: granted 2 times" in said(BUYING, GRANTED, BOUGHT, twice, version=3, posted=1020)


def test_a_grant_of_another_amount_is_told() -> None:
    assert "499 credits were granted" in said(BUYING, GRANTED, replace(BOUGHT, credits=499), posted=519)


def test_a_payment_without_a_grant_is_told() -> None:
    assert "pay_1: paid, and never granted" in said(BUYING[:2], GRANTED, version=1, posted=20)


def test_a_payment_about_which_a_person_decides_is_not_lost() -> None:
    book = Book((GRANTED,), {AGENT: Standing(1, 20, 0, frozenset())}, frozenset({"pay_1"}))

    assert checker.judge(BUYING[:2], purchases.gather(BUYING[:2]), book).violations == []


def test_a_grant_of_a_payment_that_nobody_opened_is_told() -> None:
    assert "pay_1: granted, and nobody opened" in said([], GRANTED, BOUGHT, posted=520)


def test_a_success_that_is_taken_back_is_told() -> None:
    later = call("status", 9, payment_attempt_id="pay_1", state="processing", may_pay="no")

    assert "had succeeded, and was told to be processing" in said(
        [*BUYING, later], GRANTED, BOUGHT, posted=520
    )


def test_an_invitation_to_pay_what_was_paid_is_told() -> None:
    seen = call("status", 4, payment_attempt_id="pay_1", state="processing", may_pay="no")
    asked = call("status", 5, payment_attempt_id="pay_1", state="action_required", may_pay="once_unless_sent")

    told = said([*BUYING, seen, asked], GRANTED, BOUGHT, posted=520)

    assert told == ""
    late = replace(asked, invoked=8, returned=9)
    assert "may_pay was once_unless_sent" in said([*BUYING, seen, late], GRANTED, BOUGHT, posted=520)


def test_credits_of_a_purchase_before_it_was_paid_are_told() -> None:
    seen = call("balance", 2, version=2, posted=520, held=0, holds=[])

    assert "a balance read by client 0" in said([*BUYING, seen], GRANTED, BOUGHT, posted=520)


def test_a_balance_without_credits_that_were_told_to_be_there_is_told() -> None:
    seen = call("balance", 9, version=1, posted=20, held=0, holds=[])

    assert "a balance read by client 0" in said([*BUYING, seen], GRANTED, BOUGHT, posted=520)


def test_a_balance_from_before_an_answer_is_told() -> None:
    stale = replace(READ, invoked=20, returned=21)

    assert "a balance read by client 0" in said([SPENT, stale], GRANTED, DEBITED)


def test_a_payment_that_nobody_answered_may_be_granted() -> None:
    bought, paid, seen = BUYING

    assert said([bought, replace(paid, outcome="unknown"), seen], GRANTED, BOUGHT, posted=520) == ""
