"""Which credits burn first, when they begin and lapse, and what they were paid with."""

import pytest
from sqlmodel import text

from ledger.database import Sessions
from ledger.operations import Grant, Operation
from tests.ledger.acting import codes, do, has, house, left, lot
from tests.ledger.make import after, capture, debit, grant, hold, release, start, unwind

HELD = hold("h", 3)
SPENDS: list[list[Operation]] = [[debit("d", 3)], [HELD, capture("c", HELD)]]


def test_a_bought_lot_moves_money_and_credits(credited: Sessions) -> None:
    outcome = do(credited, grant("g", 500, cents=499))

    assert (outcome.code, outcome.standing and outcome.standing.version) == ("done", 1)
    assert has(credited) == (500, 0)
    assert house(credited) == {"issued": -500, "prepaid_liability": 499, "clearing:rail": -499}


def test_a_promotional_lot_moves_no_money(credited: Sessions) -> None:
    do(credited, grant("g", 500), debit("d", 200))

    assert house(credited) == {"issued": -500, "spent": 200}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (grant("first", 5, priority=0), grant("second", 5, priority=1, expires_at=after(5))),
        (grant("first", 5, cents=5, expires_at=after(50)), grant("second", 5, expires_at=after(60))),
        (grant("first", 5, cents=5, expires_at=after(50)), grant("second", 5)),
        (grant("first", 5), grant("second", 5, cents=5)),
    ],
    ids=["priority", "earliest expiry", "any expiry before none", "promotional before bought"],
)
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("spend", SPENDS, ids=["debit", "hold"])
def test_the_order_in_which_lots_burn(
    credited: Sessions, first: Grant, second: Grant, swapped: bool, spend: list[Operation]
) -> None:
    do(credited, *([second, first] if swapped else [first, second]))

    do(credited, *spend)

    assert left(credited) == {"first": 2, "second": 5}


@pytest.mark.parametrize("spend", SPENDS, ids=["debit", "hold"])
def test_of_equal_lots_the_oldest_burns_first(credited: Sessions, spend: list[Operation]) -> None:
    do(credited, grant("b", 5), grant("a", 5))

    do(credited, *spend)

    assert left(credited) == {"b": 2, "a": 5}


def test_a_spend_goes_on_with_the_next_lot(credited: Sessions) -> None:
    do(credited, grant("a", 5), grant("b", 5, cents=10), debit("d", 8))

    assert left(credited) == {"b": 2}
    assert house(credited) == {
        "issued": -10,
        "spent": 8,
        "clearing:rail": -10,
        "prepaid_liability": 4,
        "revenue": 6,
    }


def test_a_lot_that_begins_later_cannot_be_spent_before(credited: Sessions) -> None:
    do(credited, grant("g", 5, cents=5, effective_at=after(10), expires_at=after(20)))

    assert has(credited, now=after(9)) == (5, 5)
    assert codes(credited, debit("early", 1), now=after(9)) == ["not_enough"]
    assert codes(credited, debit("in time", 1), now=after(10)) == ["done"]
    assert has(credited, now=after(20)) == (0, 0)


def test_what_is_left_of_a_lot_lapses_and_is_breakage(credited: Sessions) -> None:
    do(credited, grant("g", 10, cents=99, expires_at=after(10)), debit("d", 3))

    assert codes(credited, debit("late", 1), now=after(10)) == ["not_enough"]

    assert house(credited) == {
        "issued": -10,
        "spent": 3,
        "expired": 7,
        "clearing:rail": -99,
        "revenue": 29,
        "breakage": 70,
    }


def test_a_lot_does_not_lapse_a_moment_too_early(credited: Sessions) -> None:
    do(credited, grant("g", 10, expires_at=after(10)))

    assert codes(credited, debit("d", 10), now=after(9.999)) == ["done"]


def test_pinned_credits_outlive_their_lot_and_lapse_when_they_come_free(credited: Sessions) -> None:
    held = hold("h", 4, minutes=30)
    do(credited, grant("g", 10, expires_at=after(10)), held)

    assert has(credited, now=after(10)) == (4, 4)
    do(credited, release("r", held), now=after(11))

    assert has(credited, now=after(11)) == (0, 0)
    assert house(credited) == {"issued": -10, "expired": 10}


def test_a_lot_that_came_free_before_its_end_still_lapses_in_time(credited: Sessions) -> None:
    # The clock is looked at while all of the lot is held.
    whole, other = hold("whole", 10, minutes=100), hold("other", 1, minutes=5)
    do(credited, grant("g", 10, expires_at=after(50)), whole, grant("rest", 1), other)
    do(credited, debit("look", 1), now=after(6))

    do(credited, release("r", whole), now=after(7))

    assert codes(credited, debit("late", 1), now=after(51)) == ["not_enough"]
    assert has(credited, now=after(51)) == (0, 0)


def test_a_release_told_before_the_end_of_its_lot_and_written_after_it_leaves_nothing_to_spend(
    credited: Sessions,
) -> None:
    held = hold("h", 10, minutes=600)
    do(credited, grant("g", 10, expires_at=after(10)), held)
    assert has(credited, now=after(10)) == (10, 10)

    do(credited, release("r", held), now=after(9.999))

    assert codes(credited, debit("late", 1), now=after(300)) == ["not_enough"]
    assert has(credited, now=after(300)) == (0, 0)


def test_what_lapsed_is_no_spend_to_be_unwound(credited: Sessions) -> None:
    do(credited, grant("g", 10, expires_at=after(10)))
    assert has(credited, now=after(10)) == (0, 0)
    with credited() as session:
        lapsed = text("SELECT reference FROM ledger_transaction WHERE kind = 'lot_expiry'")
        key = session.connection().execute(lapsed).scalar_one()

    assert codes(credited, unwind("u", key), now=after(11)) == ["unknown_spend"]


def test_unwound_credits_of_a_lapsed_lot_lapse_at_once(credited: Sessions) -> None:
    do(credited, grant("g", 10, cents=10, expires_at=after(10)), debit("d", 4))

    assert codes(credited, unwind("u", "d"), now=after(20)) == ["done"]

    assert has(credited, now=after(20)) == (0, 0)
    assert house(credited) == {"issued": -10, "expired": 10, "clearing:rail": -10, "breakage": 10}


@pytest.mark.parametrize(
    ("units", "cents"), [(7, 100), (100, 7), (3, 1), (1, 999), (13, 13), (10**9, 10**9 - 1)]
)
@pytest.mark.parametrize("steps", [1, 3, 7])
def test_no_cent_is_lost_or_made_by_rounding(credited: Sessions, units: int, cents: int, steps: int) -> None:
    steps = min(steps, units)
    parts = [units // steps] * (steps - 1)
    do(credited, grant("g", units, cents=cents))

    for number, part in enumerate(parts):
        do(credited, debit(f"d{number}", part))
        assert house(credited)["clearing:rail"] == -cents
        assert lot(credited, "g")["cents_used"] == cents * part * (number + 1) // units
    do(credited, debit("rest", units - sum(parts)))

    assert house(credited) == {"issued": -units, "spent": units, "clearing:rail": -cents, "revenue": cents}


def test_spends_that_are_unwound_again_and_again_do_not_make_cents(credited: Sessions) -> None:
    do(credited, grant("g", 7, cents=100))

    for number in range(9):
        do(
            credited,
            # 71 cents, which do not divide by 5.
            debit(f"d{number}", 5),
            unwind(f"a{number}", f"d{number}", 2),
            unwind(f"b{number}", f"d{number}"),
        )

    assert house(credited) == {"issued": -7, "clearing:rail": -100, "prepaid_liability": 100}


def test_starting_a_hold_again_keeps_the_lots_it_pinned(credited: Sessions) -> None:
    held = hold("h", 4)
    do(credited, grant("g", 4), held, start("s", held))

    assert codes(credited, debit("d", 1)) == ["not_enough"]
