"""Spending on a condition, trying it dry, many at once, and every key with one outcome for ever."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from ledger import credits
from ledger.database import Sessions
from ledger.errors import Malformed
from ledger.money import CREDIT, Amount
from ledger.operations import Operation
from tests.ledger.acting import codes, do, has, left
from tests.ledger.make import NOON, after, capture, debit, grant, hold, refund, release, start, unwind

HELD = hold("h", 10)


@pytest.fixture
def hundred(credited: Sessions) -> Sessions:
    """An agent with 100 promotional credits, at version 1."""
    do(credited, grant("g", 100))
    return credited


@pytest.mark.parametrize("make", [debit, hold])
def test_a_spend_can_expect_a_version(hundred: Sessions, make: type) -> None:
    told = [make("a", 5, expect_version=0), make("b", 5, expect_version=1), make("c", 5, expect_version=1)]

    assert codes(hundred, *told) == ["version_mismatch", "done", "version_mismatch"]


@pytest.mark.parametrize("make", [debit, hold])
def test_a_spend_can_leave_a_minimum(hundred: Sessions, make: type) -> None:
    def leaving(units: int) -> Amount:
        return Amount(units, CREDIT)

    told = [make("a", 60, minimum_left=leaving(41)), make("b", 60, minimum_left=leaving(40))]

    assert codes(hundred, *told, make("c", 40, minimum_left=leaving(0))) == ["below_minimum", "done", "done"]


def test_held_credits_do_not_count_as_left(hundred: Sessions) -> None:
    do(hundred, hold("other", 50))

    assert codes(hundred, debit("a", 10, minimum_left=Amount(41, CREDIT))) == ["below_minimum"]


def test_only_so_many_jobs_a_day_begin_on_free_credits(hundred: Sessions) -> None:
    makes: list[Any] = [hold, debit, hold]
    told = [make(str(number), 1, daily_job_limit=2) for number, make in enumerate(makes)]

    assert codes(hundred, *told) == ["done", "done", "daily_job_cap_reached"]
    assert codes(hundred, debit("no limit", 1), debit("none", 1, daily_job_limit=0)) == [
        *("done", "daily_job_cap_reached")
    ]
    midnight = after(12 * 60)
    assert codes(hundred, debit("eve", 1, daily_job_limit=2), now=midnight - timedelta(microseconds=1)) == [
        "daily_job_cap_reached"
    ]
    assert codes(hundred, debit("morning", 1, daily_job_limit=2), now=midnight) == ["done"]


def test_whoever_has_bought_credits_has_no_cap(hundred: Sessions) -> None:
    do(hundred, grant("bought", 2, cents=2, priority=9))

    assert codes(hundred, *(debit(str(number), 50, daily_job_limit=0) for number in range(3))) == [
        *("done", "done", "not_enough")
    ]


def test_credits_that_are_all_held_are_no_bought_credits_to_spend(hundred: Sessions) -> None:
    do(hundred, grant("bought", 2, cents=2, expires_at=after(60)), hold("all of it", 2))

    assert codes(hundred, debit("d", 1, daily_job_limit=0)) == ["daily_job_cap_reached"]


def test_a_refused_spend_does_not_use_up_the_day(hundred: Sessions) -> None:
    told = [debit("a", 101, daily_job_limit=1), debit("b", 1, daily_job_limit=1)]

    assert codes(hundred, *told) == ["not_enough", "done"]


@pytest.mark.parametrize("make", [debit, hold])
def test_a_dry_run_shows_the_lots_and_changes_nothing(hundred: Sessions, make: type) -> None:
    do(hundred, grant("next", 10, priority=1))
    ids = list(range(1, 3))

    with hundred() as session:
        (would,) = credits.dry_run(session, [make("d", 105)], now=NOON)
        assert credits.outcome_of(session, key="d") is None

    assert would.done
    assert (would.details["lots"], would.details["pins"]) == (ids, [100, 5])
    assert left(hundred) == {"g": 100, "next": 10}
    assert has(hundred) == (110, 0)


def test_a_dry_run_says_the_refusal_and_does_not_keep_it(hundred: Sessions) -> None:
    with hundred() as session:
        (would,) = credits.dry_run(session, [debit("d", 101)], now=NOON)

    assert would.code == "not_enough"
    assert codes(hundred, debit("d", 100)) == ["done"]


def test_a_batch_answers_each_by_itself(hundred: Sessions) -> None:
    told: list[Operation] = [
        HELD,
        debit("too much", 91),
        capture("c", HELD, 4),
        grant("other", 5, agent="agt_2"),
        debit("theirs", 5, agent="agt_2"),
        debit("c", 1),
        HELD,
        debit("too much", 91),
        debit("nobody's", 1, agent="agt_3"),
    ]

    outcomes = credits.perform(hundred, told, now=NOON)

    assert [(outcome.code, outcome.replayed) for outcome in outcomes] == [
        *(("done", False), ("not_enough", False), ("done", False), ("done", False), ("done", False)),
        *(("conflict", False), ("done", True), ("not_enough", True), ("unknown_account", False)),
    ]
    assert has(hundred) == (96, 0)


def test_nothing_of_a_batch_is_done_if_one_operation_is_malformed(hundred: Sessions) -> None:
    with pytest.raises(Malformed):
        do(hundred, debit("d", 1), grant("backwards", 1, expires_at=after(-1)))

    assert has(hundred) == (100, 0)
    assert credits.perform(hundred, [], now=NOON) == []


@pytest.mark.parametrize(
    "told",
    [
        *(debit("d", 5), debit("d", 101), HELD, capture("c", HELD), release("r", HELD), start("s", HELD)),
        *(
            unwind("u", "never"),
            refund("r", "never", cents=1),
            grant("again", 5),
            debit("x", 1, agent="agt_9"),
        ),
    ],
    ids=lambda told: f"{type(told).__name__}:{told.key}",
)
def test_every_key_has_one_outcome_for_ever(hundred: Sessions, told: Operation) -> None:
    first = do(hundred, told)
    do(hundred, grant("more", 1000), debit("since", 5))

    again = do(hundred, told, now=after(100))

    assert again == replace(first, replayed=True)
    with hundred() as session:
        assert credits.outcome_of(session, key=told.key) == again


@pytest.mark.parametrize(
    "other",
    [
        *(debit("d", 6), debit("d", 5, agent="agt_2"), debit("d", 5, job="another")),
        *(debit("d", 5, minimum_left=Amount(0, CREDIT)), debit("d", 5, expect_version=1)),
        *(grant("d", 5), hold("d", 5)),
    ],
    ids=["amount", "agent", "job", "minimum", "version", "grant", "hold"],
)
def test_a_used_key_is_not_used_for_something_else(hundred: Sessions, other: Operation) -> None:
    first = do(hundred, debit("d", 5), grant("g2", 5, agent="agt_2"), debit("d", 5))

    outcome = do(hundred, other)

    assert (outcome.code, outcome.transaction_id) == ("conflict", first.transaction_id)
    assert (outcome.standing, outcome.credits, outcome.replayed) == (None, None, False)
    assert has(hundred) == (95, 0)


def test_who_asked_and_when_does_not_make_another_request(hundred: Sessions) -> None:
    told = hold("h", 5, timeout_seconds=600)
    do(hundred, told, start("s", told, minutes=20))

    later = replace(told, expires_at=after(11), actor="other", metadata={"try": 2})
    east = timezone(timedelta(hours=5))
    moved = replace(start("s", told), expires_at=after(20).astimezone(east))

    assert do(hundred, later).replayed
    assert do(hundred, moved).replayed
    assert codes(hundred, replace(told, timeout_seconds=601)) == ["conflict"]


def test_an_outcome_that_nobody_told_is_none(hundred: Sessions) -> None:
    with hundred() as session:
        assert credits.outcome_of(session, key="never") is None
