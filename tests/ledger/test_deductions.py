"""Credits are taken away by decision: nobody used them, nothing is earned, and their money is still owed."""

import pytest

from ledger import audit, explain, reports
from ledger.database import Sessions
from ledger.freezes import freeze
from tests.ledger.acting import codes, do, has, house
from tests.ledger.make import AGENT, NOON, after, deduct, grant, hold, refund, release, unwind


def test_a_deduction_earns_nothing_and_owes_what_was_paid(credited: Sessions) -> None:
    do(credited, grant("g", 100, cents=80))

    outcome = do(credited, deduct("a", 30))

    assert (outcome.code, outcome.details["unclaimed_cents"], has(credited)) == ("done", 24, (70, 0))
    assert house(credited) == {
        "issued": -70,
        "clearing:rail": -80,
        "prepaid_liability": 56,
        "unclaimed": 24,
    }


def test_a_deduction_takes_promotional_credits_first_and_then_several_lots(credited: Sessions) -> None:
    do(credited, grant("bought", 10, cents=7), grant("gift", 5), grant("more", 10, cents=10))

    do(credited, deduct("a", 17))

    assert (has(credited), house(credited)["unclaimed"]) == ((8, 0), 9)


def test_what_is_held_is_not_deducted(credited: Sessions) -> None:
    held = hold("h", 60)
    do(credited, grant("g", 100, cents=100), held)

    assert codes(credited, deduct("a", 41), deduct("b", 40)) == ["not_enough", "done"]

    do(credited, release("r", held))
    assert has(credited) == (60, 0)


def test_a_deduction_happens_once_and_cannot_be_unwound_as_a_use(credited: Sessions) -> None:
    do(credited, grant("g", 100, cents=100), deduct("a", 30))

    replayed = do(credited, deduct("a", 30))

    assert (replayed.replayed, has(credited)) == (True, (70, 0))
    assert codes(credited, deduct("a", 31), unwind("u", "a")) == ["conflict", "unknown_spend"]


def test_a_frozen_agent_can_be_adjusted(credited: Sessions) -> None:
    do(credited, grant("g", 10, cents=10))
    with credited() as session:
        freeze(session, agent_id=AGENT, reference="by hand", reason="odd", frozen_by="ann", now=NOON)

    assert codes(credited, deduct("a", 10)) == ["done"]


@pytest.mark.parametrize("deducted", [1, 33, 50, 100])
def test_a_refund_after_a_deduction_takes_what_is_left_and_claims_the_rest(
    credited: Sessions, deducted: int
) -> None:
    do(credited, grant("g", 100, cents=80), deduct("a", deducted))

    do(credited, refund("r", "g", cents=80))

    found = house(credited)
    assert (has(credited), found.get("prepaid_liability", 0), found.get("clearing:rail", 0)) == ((0, 0), 0, 0)
    assert found.get("unclaimed", 0) == -found.get("receivable", 0)


def test_the_book_with_deductions_audits_explains_and_rolls_forward(credited: Sessions) -> None:
    do(credited, grant("g", 100, cents=80), grant("gift", 7), deduct("a", 30))

    with credited() as session:
        found = explain.explain(session, agent_id=AGENT, at=after(600_000))
    with credited() as session:
        report = audit.verify(session)
    with credited() as session:
        told = reports.roll_forward(session, begins_at=after(-60), ends_at=after(600_000))

    assert report.clean, list(report.lines())
    assert found.reconciles
    assert [lot.deducted.units for lot in found.lots] == [23, 7]
    adjusted = next(each.flow for each in told.movements if each.what == "adjusted")
    assert (told.reconciles, adjusted.credits.units, adjusted.cents.units) == (True, -30, -18)
