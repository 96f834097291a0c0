"""A hold sets credits aside, once, until it is captured, released or out of time."""

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import text

from ledger import credits
from ledger.database import Sessions
from ledger.operations import Operation
from tests.ledger.acting import codes, do, has, house, left
from tests.ledger.make import NOON, after, capture, debit, grant, hold, release, start, unwind

HELD = hold("h", 40)


@pytest.fixture
def holding(credited: Sessions) -> Sessions:
    """An agent with 100 credits for 200 cents, 40 of them held for ten minutes."""
    do(credited, grant("g", 100, cents=200), HELD)
    return credited


def test_a_hold_sets_credits_aside_and_spends_nothing(holding: Sessions) -> None:
    assert has(holding) == (100, 40)
    assert codes(holding, debit("too much", 61), debit("the rest", 60)) == ["not_enough", "done"]


def test_a_capture_of_all_spends_what_was_held(holding: Sessions) -> None:
    outcome = do(holding, capture("c", HELD))

    assert (outcome.credits and outcome.credits.units, outcome.details) == (
        40,
        {"hold": HELD.hold_id, "released": 0},
    )
    assert has(holding) == (60, 0)
    assert house(holding)["revenue"] == 80


def test_a_capture_of_a_part_lets_the_rest_go(holding: Sessions) -> None:
    outcome = do(holding, capture("c", HELD, 15))

    assert (outcome.credits and outcome.credits.units, outcome.details) == (
        15,
        {"hold": HELD.hold_id, "released": 25},
    )
    assert has(holding) == (85, 0)
    assert codes(holding, capture("again", HELD, 1), release("r", HELD)) == ["hold_closed"] * 2


def test_a_capture_takes_no_more_than_was_held(holding: Sessions) -> None:
    outcome = do(holding, capture("c", HELD, 41))

    assert (outcome.code, outcome.details["hold_credits"]) == ("exceeds_hold", 40)
    assert has(holding) == (100, 40)


def test_a_release_lets_everything_go(holding: Sessions) -> None:
    assert codes(holding, release("r", HELD), capture("c", HELD)) == ["done", "hold_closed"]

    assert has(holding) == (100, 0)


def test_a_reserved_hold_out_of_time_is_released(holding: Sessions) -> None:
    assert has(holding, now=after(9.999)) == (100, 40)

    assert has(holding, now=after(10)) == (100, 0)

    late: list[Operation] = [capture("c", HELD), release("r", HELD), start("s", HELD)]
    assert codes(holding, *late, now=after(10)) == ["hold_expired"] * 3


def test_a_hold_in_flight_out_of_time_is_charged(holding: Sessions) -> None:
    do(holding, start("s", HELD))

    assert has(holding, now=after(10)) == (60, 0)

    assert house(holding)["revenue"] == 80
    assert codes(holding, start("again", HELD), now=after(10)) == ["hold_closed"]


def test_a_release_after_the_charge_gives_all_of_it_back_once(holding: Sessions) -> None:
    do(holding, start("s", HELD))

    outcome = do(holding, release("r", HELD), now=after(20))

    assert (outcome.credits and outcome.credits.units) == 40
    assert outcome.details == {"hold": HELD.hold_id, "charged_at_expiry": True, "captured": 0}
    assert has(holding) == (100, 0)
    assert house(holding).get("revenue", 0) == 0
    late: list[Operation] = [release("again", HELD), capture("c", HELD, 1)]
    assert codes(holding, *late, now=after(20)) == ["hold_closed"] * 2


def test_an_agent_that_cannot_be_settled_does_not_stop_the_clock_of_others(
    credited: Sessions, engine: Engine
) -> None:
    do(credited, grant("g", 100), hold("h", 40))
    do(credited, *(replace(each, agent_id="agt_2") for each in (grant("g2", 100), hold("h2", 40))))
    drift = "UPDATE balance SET held = {} WHERE account_id = (SELECT min(account_id) FROM lot)"
    with engine.begin() as connection:
        connection.execute(text(drift.format(0)))

    with credited() as session:
        settled = credits.settle_due(session, now=after(10))

    assert settled == 1
    assert has(credited, agent="agt_2", now=NOON) == (100, 0)
    with engine.begin() as connection:
        connection.execute(text(drift.format(40)))


def test_a_hold_can_be_in_flight_from_the_beginning(credited: Sessions) -> None:
    do(credited, grant("g", 100), hold("h", 40, in_flight=True))

    assert has(credited, now=after(10)) == (60, 0)


@pytest.mark.parametrize(("minutes", "ends"), [(30, 30), (5, 10), (None, 10)])
def test_a_start_gives_more_time_and_never_less(holding: Sessions, minutes: int | None, ends: int) -> None:
    outcome = do(holding, start("s", HELD, minutes=minutes))

    assert datetime.fromisoformat(outcome.details["expires_at"]) == after(ends)
    # Something else is due meanwhile, so that the clock is looked at.
    do(holding, grant("soon", 1, expires_at=after(6)))
    assert has(holding, now=after(ends - 0.001)) == (100, 40)
    assert has(holding, now=after(ends)) == (60, 0)


def test_a_capture_after_the_charge_returns_what_the_job_did_not_need(holding: Sessions) -> None:
    do(holding, start("s", HELD))

    outcome = do(holding, capture("c", HELD, 15), now=after(11))

    assert outcome.done
    assert outcome.details == {"hold": HELD.hold_id, "charged_at_expiry": True, "captured": 15}
    assert has(holding) == (85, 0)
    assert house(holding)["revenue"] == 30
    again = do(holding, capture("again", HELD, 15), now=after(12))
    assert (again.code, again.details["state"]) == ("hold_closed", "captured")


def test_a_late_capture_of_everything_changes_nothing(holding: Sessions) -> None:
    do(holding, start("s", HELD))
    do(holding, capture("c", HELD), now=after(11))

    assert has(holding) == (60, 0)
    assert codes(holding, capture("again", HELD, 1), now=after(12)) == ["hold_closed"]


@pytest.mark.parametrize(("unwound", "had"), [(10, 85), (25, 85), (30, 90), (40, 100)])
def test_a_late_capture_counts_what_was_unwound_before(holding: Sessions, unwound: int, had: int) -> None:
    do(holding, start("s", HELD))
    do(holding, unwind("u", f"hold_expiry:{HELD.hold_id}", unwound), now=after(11))

    do(holding, capture("c", HELD, 15), now=after(11))

    assert has(holding) == (had, 0)


@pytest.mark.parametrize("captured", [15, 40])
def test_a_late_capture_can_be_unwound_under_its_own_key(holding: Sessions, captured: int) -> None:
    do(holding, start("s", HELD))
    do(holding, capture("c", HELD, captured), now=after(11))

    assert codes(holding, unwind("more", "c", captured + 1), unwind("u", "c"), unwind("again", "c")) == [
        *("exceeds_spend", "done", "exceeds_spend")
    ]

    assert has(holding) == (100, 0)
    assert house(holding) == {"issued": -100, "clearing:rail": -200, "prepaid_liability": 200}


def test_pins_are_taken_in_burn_order_and_captured_in_burn_order(credited: Sessions) -> None:
    held = hold("h", 8)
    do(credited, grant("bought", 5, cents=5), grant("free", 5))

    outcome = do(credited, held)
    do(credited, capture("c", held, 6))

    assert outcome.details["pins"] == [5, 3]
    assert left(credited) == {"bought": 4}


def test_credits_that_are_pinned_are_not_spent_by_another_job(credited: Sessions) -> None:
    held = hold("h", 5)
    do(credited, grant("a", 5), held, grant("b", 5, priority=9), debit("d", 5))

    assert left(credited) == {"a": 5}
    assert codes(credited, capture("c", held)) == ["done"]


@pytest.mark.parametrize(
    "foreign",
    [capture("x", HELD, agent="agt_2"), release("x", HELD, agent="agt_2"), start("x", HELD, agent="agt_2")],
    ids=["capture", "release", "start"],
)
def test_the_hold_of_another_agent_is_unknown(holding: Sessions, foreign: Operation) -> None:
    do(holding, grant("other", 100, agent="agt_2"))

    assert codes(holding, foreign, capture("none", hold("never", 1))) == ["unknown_hold"] * 2

    assert has(holding) == (100, 40)


def test_the_sweeper_ends_what_is_due_and_leaves_the_busy(holding: Sessions) -> None:
    do(holding, grant("other", 10, agent="agt_2"), hold("b", 5, agent="agt_2"))

    with holding() as busy:
        credits.apply_one(busy, debit("d", 1, agent="agt_2"), now=after(9))
        with holding() as sweeping:
            assert credits.settle_due(sweeping, now=after(10)) == 1

    with holding() as sweeping:
        assert credits.settle_due(sweeping, now=after(10)) == 1
        assert credits.settle_due(sweeping, now=after(10)) == 0
    assert codes(holding, release("late", HELD)) == ["hold_expired"]


def test_the_sweeper_does_no_more_than_it_was_asked_for(holding: Sessions) -> None:
    for name in "xyz":
        do(holding, grant(name, 10, agent=name, expires_at=after(5)))

    with holding() as session:
        swept = [credits.settle_due(session, now=after(10), most=2) for _ in range(3)]

    assert swept == [2, 2, 0]
