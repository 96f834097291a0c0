"""Money goes back: unused credits go with it, used ones become receivable, and all of it can be undone."""

from typing import Any

from sqlmodel import text

from ledger.database import Sessions
from ledger.operations import Operation
from tests.ledger.acting import codes, do, has, house, left, lot
from tests.ledger.make import after, capture, debit, grant, hold, refund, reinstate, release, unwind

BOUGHT = {"issued": -100, "clearing:rail": -200, "prepaid_liability": 200}


def buy(sessions: Sessions, **more: Any) -> None:
    do(sessions, grant("g", 100, cents=200, **more))


def test_a_refund_of_an_unused_purchase_takes_all_of_it(credited: Sessions) -> None:
    buy(credited)

    outcome = do(credited, refund("r", "g", cents=200))

    assert (outcome.credits and outcome.credits.units, outcome.details["receivable_cents"]) == (100, 0)
    assert (has(credited), house(credited)) == ((0, 0), {})


def test_a_partial_refund_takes_its_share(credited: Sessions) -> None:
    buy(credited)

    do(credited, refund("r", "g", cents=50))

    assert has(credited) == (75, 0)
    assert house(credited) == {"issued": -75, "clearing:rail": -150, "prepaid_liability": 150}


def test_several_refunds_take_together_what_one_would_have(credited: Sessions) -> None:
    do(credited, grant("g", 7, cents=100))

    for number in range(4):
        do(credited, refund(f"r{number}", "g", cents=25))

    assert (has(credited), house(credited)) == ((0, 0), {})


def test_no_more_is_refunded_than_was_paid(credited: Sessions) -> None:
    buy(credited)
    do(credited, refund("r", "g", cents=150))

    outcome = do(credited, refund("more", "g", cents=51))

    assert (outcome.code, outcome.details["left_cents"]) == ("exceeds_purchase", 50)
    assert codes(credited, grant("gift", 5), refund("of a gift", "gift", cents=1)) == [
        "done",
        "exceeds_purchase",
    ]


def test_the_used_part_of_a_refund_is_receivable_and_no_other_lot_pays_for_it(credited: Sessions) -> None:
    buy(credited)
    do(credited, debit("d", 30), grant("other", 50, cents=50))

    outcome = do(credited, refund("r", "g", cents=200))

    assert outcome.details["receivable_cents"] == 60
    assert left(credited) == {"other": 50}
    assert house(credited) == {
        "issued": -80,
        "spent": 30,
        "revenue": 60,
        "receivable": -60,
        "clearing:rail": -50,
        "prepaid_liability": 50,
    }


def test_held_credits_are_taken_when_they_come_free(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 40)
    do(credited, held, refund("r", "g", cents=200))
    assert (has(credited), house(credited)["receivable"]) == ((40, 40), -80)

    do(credited, capture("c", held, 10))

    assert has(credited) == (0, 0)
    assert house(credited) == {"issued": -10, "spent": 10, "revenue": 20, "receivable": -20}


def test_a_refund_that_took_a_part_waits_for_no_more_than_the_rest(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 40)
    do(credited, held, refund("r", "g", cents=150), release("free", held))

    assert (has(credited), house(credited)) == (
        (25, 0),
        {"issued": -25, "clearing:rail": -50, "prepaid_liability": 50},
    )


def test_no_cents_are_refunded_or_earned_twice_after_free_ones_were_unwound(credited: Sessions) -> None:
    # Every second credit costs a cent: those that cost none are unwound, and all cents stay earned.
    do(credited, grant("g", 8, cents=4), *(debit(f"d{number}", 1) for number in range(8)))
    do(credited, *(unwind(f"u{number}", f"d{number}") for number in range(0, 8, 2)))
    assert (has(credited), house(credited)["revenue"]) == ((4, 0), 4)

    do(credited, debit("more", 1))
    outcome = do(credited, refund("r", "g", cents=1))

    assert outcome.details["receivable_cents"] == 1
    assert (has(credited), house(credited)["revenue"]) == ((1, 0), 4)


def test_a_released_hold_gives_everything_to_the_refunds_that_wait_oldest_first(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 100)
    do(credited, held, refund("a", "g", cents=100), refund("b", "g", cents=50), release("free", held))

    assert (has(credited), house(credited)) == (
        (25, 0),
        {"issued": -25, "clearing:rail": -50, "prepaid_liability": 50},
    )
    assert codes(credited, reinstate("undo", "b")) == ["done"]
    assert has(credited) == (50, 0)


def test_of_two_refunds_that_wait_the_oldest_is_served_first(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 100)
    do(credited, held, refund("a", "g", cents=150), refund("b", "g", cents=50), capture("c", held, 60))

    with credited() as session:
        query = "SELECT wanted, taken FROM reversal ORDER BY transaction_id"
        waiting = [tuple(row) for row in session.connection().execute(text(query))]
    assert waiting == [(75, 40), (25, 0)]


def test_a_refund_that_was_undone_waits_no_longer(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 100)
    do(credited, held, refund("a", "g", cents=100), refund("b", "g", cents=50), reinstate("undo", "a"))

    do(credited, release("free", held))

    assert has(credited) == (75, 0)


def test_unwound_credits_of_a_refunded_purchase_are_taken_back(credited: Sessions) -> None:
    buy(credited)
    do(credited, debit("d", 100), refund("r", "g", cents=200), unwind("u", "d", 60))

    assert has(credited) == (0, 0)
    assert house(credited) == {"issued": -40, "spent": 40, "revenue": 80, "receivable": -80}


def test_a_refund_after_the_credits_lapsed_is_receivable(credited: Sessions) -> None:
    buy(credited, expires_at=after(10))

    do(credited, refund("r", "g", cents=200), now=after(10))

    assert house(credited) == {"issued": -100, "expired": 100, "breakage": 200, "receivable": -200}


def test_a_refund_before_the_credits_begin_takes_them(credited: Sessions) -> None:
    buy(credited, effective_at=after(10))

    do(credited, refund("half", "g", cents=100))

    assert has(credited) == (50, 50)
    assert has(credited, now=after(10)) == (50, 0)
    assert house(credited) == {"issued": -50, "clearing:rail": -100, "prepaid_liability": 100}


def test_a_refund_before_the_beginning_can_be_undone_after_it(credited: Sessions) -> None:
    buy(credited, effective_at=after(10))
    do(credited, refund("r", "g", cents=200))
    assert has(credited, now=after(11)) == (0, 0)

    do(credited, reinstate("undo", "r"), now=after(12))

    assert has(credited, now=after(12)) == (100, 0)
    assert house(credited) == BOUGHT


def test_a_reinstatement_restores_exactly_what_was_taken(credited: Sessions) -> None:
    do(credited, grant("g", 7, cents=100), debit("d", 3))
    before = (lot(credited, "g"), house(credited), has(credited))
    do(credited, refund("r", "g", cents=67))

    do(credited, reinstate("undo", "r"))

    assert (lot(credited, "g"), house(credited), has(credited)) == before
    assert codes(credited, reinstate("again", "r")) == ["already_reinstated"]


def test_a_reinstatement_gives_back_what_was_clawed_back_later(credited: Sessions) -> None:
    buy(credited)
    held = hold("h", 40)
    do(credited, held, refund("r", "g", cents=200), release("free", held), reinstate("undo", "r"))

    assert (has(credited), house(credited)) == ((100, 0), BOUGHT)


def test_one_of_two_refunds_can_be_undone(credited: Sessions) -> None:
    buy(credited)
    do(credited, refund("a", "g", cents=100), refund("b", "g", cents=60), reinstate("undo", "a"))

    assert has(credited) == (70, 0)
    assert codes(credited, refund("c", "g", cents=141), refund("d", "g", cents=140)) == [
        "exceeds_purchase",
        "done",
    ]
    assert (has(credited), house(credited)) == ((0, 0), {})


def test_what_is_reinstated_after_the_lot_lapsed_lapses(credited: Sessions) -> None:
    buy(credited, expires_at=after(10))
    do(credited, refund("r", "g", cents=200), reinstate("undo", "r"), now=after(5))
    assert has(credited, now=after(5)) == (100, 0)
    do(credited, refund("s", "g", cents=200), now=after(6))

    do(credited, reinstate("late", "s"), now=after(20))

    assert house(credited) == {"issued": -100, "expired": 100, "clearing:rail": -200, "breakage": 200}


def test_the_purchase_and_the_refund_of_another_agent_are_unknown(credited: Sessions) -> None:
    buy(credited)
    do(credited, refund("r", "g", cents=1), grant("other", 1, agent="agt_2"))

    foreign: list[Operation] = [refund("x", "g", cents=1, agent="agt_2"), reinstate("y", "r", agent="agt_2")]
    assert codes(credited, *foreign) == ["unknown_grant", "unknown_refund"]
    assert codes(credited, refund("z", "never", cents=1), reinstate("w", "never")) == [
        *("unknown_grant", "unknown_refund")
    ]


def test_an_unwind_gives_the_last_used_lot_back_first(credited: Sessions) -> None:
    do(credited, grant("free", 5), grant("bought", 5, cents=50), debit("d", 8))

    do(credited, unwind("u", "d", 4))

    assert left(credited) == {"free": 1, "bought": 5}
    assert house(credited)["prepaid_liability"] == 50
    assert codes(credited, unwind("more", "d", 5), unwind("rest", "d"), unwind("none", "d")) == [
        *("exceeds_spend", "done", "exceeds_spend")
    ]
    assert left(credited) == {"free": 5, "bought": 5}


def test_only_an_agents_own_spends_are_unwound(credited: Sessions) -> None:
    do(credited, grant("g", 10, expires_at=after(9)), debit("d", 5), grant("other", 1, agent="agt_2"))

    assert (
        codes(credited, unwind("x", "d", agent="agt_2"), unwind("y", "g"), unwind("z", "never"))
        == ["unknown_spend"] * 3
    )
