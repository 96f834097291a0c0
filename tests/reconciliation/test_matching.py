"""What the witnesses of a payment together say, case by case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.money import USD, USDC, Amount
from rails.reconciliation.matching import Facts, Word, judge, reveals
from tests.reconciliation.world import DAY, HOUR, NOON

PATIENCE = timedelta(days=1)


def said(cents: int) -> Word:
    return Word(Amount(cents, USD), NOON)


def carried(cents: int) -> Word:
    return Word(Amount(cents * 10_000, USDC), NOON)


def states(facts: Facts, *, after: timedelta = HOUR) -> dict[str, str]:
    found = judge(facts, patience=PATIENCE, now=NOON + after)
    return {finding.matter: finding.state for finding in found}


PAID = Facts(granted=said(500), paid=said(500))
ON_CHAIN = replace(PAID, on_chain=True)


@pytest.mark.parametrize(
    ("facts", "soon", "late"),
    [
        (Facts(), {}, {}),
        (Facts(granted=said(500)), {"payment": "expected"}, {"payment": "missing"}),
        (Facts(granted=said(500), reviewed=True), {"payment": "in_review"}, {"payment": "in_review"}),
        (Facts(paid=said(500)), {"payment": "expected"}, {"payment": "stripe_only"}),
        (Facts(paid=said(500), reviewed=True), {"payment": "in_review"}, {"payment": "in_review"}),
        (Facts(paid=said(500), returned=said(500)), {"payment": "matched"}, {"payment": "matched"}),
        (Facts(paid=said(500), returned=said(200)), {"payment": "expected"}, {"payment": "stripe_only"}),
        (PAID, {"payment": "matched"}, {"payment": "matched"}),
        (Facts(granted=said(500), paid=said(501)), {"payment": "over"}, {"payment": "over"}),
        (Facts(granted=said(500), paid=said(499)), {"payment": "under"}, {"payment": "under"}),
        (
            Facts(granted=said(500), paid=said(300), reviewed=True),
            {"payment": "in_review"},
            {"payment": "in_review"},
        ),
        (replace(PAID, strangeness="in eur"), {"payment": "mismatch"}, {"payment": "mismatch"}),
    ],
)
def test_the_money_of_a_payment(facts: Facts, soon: dict[str, str], late: dict[str, str]) -> None:
    assert states(facts) == soon
    assert states(facts, after=2 * DAY) == late


@pytest.mark.parametrize(
    ("taken", "returned", "soon", "late"),
    [
        (None, None, None, None),
        (200, 200, "matched", "matched"),
        (0, 0, "matched", "matched"),
        (None, 0, "matched", "matched"),
        (200, None, "expected", "book_only"),
        (200, 0, "expected", "book_only"),
        (200, 150, "expected", "under"),
        (None, 200, "expected", "stripe_only"),
        (150, 200, "expected", "over"),
    ],
)
def test_the_money_that_went_back(
    taken: int | None, returned: int | None, soon: str | None, late: str | None
) -> None:
    facts = replace(
        PAID,
        reversed=said(taken) if taken is not None else None,
        returned=said(returned) if returned is not None else None,
    )

    assert states(facts).get("reversal") == soon
    assert states(facts, after=2 * DAY).get("reversal") == late


@pytest.mark.parametrize(
    ("facts", "soon", "late"),
    [
        (Facts(on_chain=True), None, None),
        (replace(PAID, deposited=carried(500)), None, None),
        (replace(ON_CHAIN, deposited=carried(500)), "matched", "matched"),
        (ON_CHAIN, "expected", "missing"),
        (replace(ON_CHAIN, deposited=carried(501)), "over", "over"),
        (replace(ON_CHAIN, deposited=carried(499)), "under", "under"),
        (replace(ON_CHAIN, deposited=carried(700), reviewed=True), "in_review", "in_review"),
        (Facts(on_chain=True, deposited=carried(500)), "expected", "chain_only"),
        (Facts(on_chain=True, deposited=carried(300), reviewed=True), "in_review", "in_review"),
        (Facts(on_chain=True, granted=said(300), deposited=carried(300)), "matched", "matched"),
    ],
)
def test_what_the_chain_carried(facts: Facts, soon: str | None, late: str | None) -> None:
    assert states(facts).get("chain") == soon
    assert states(facts, after=2 * DAY).get("chain") == late


def test_what_a_decision_granted_and_another_took_back_is_no_break() -> None:
    undone = Facts(granted=said(500), reversed=said(500), on_chain=True, reviewed=True)
    calm = {"payment": "in_review", "reversal": "in_review", "chain": "in_review"}

    assert states(undone, after=2 * DAY) == calm
    assert states(replace(undone, reviewed=False), after=2 * DAY)["chain"] == "missing"
    assert states(replace(undone, reversed=said(200)), after=2 * DAY)["reversal"] == "book_only"


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        (PAID, False),
        (Facts(granted=said(500)), False),
        (Facts(paid=said(500)), True),
        (replace(PAID, returned=said(100)), True),
        (replace(PAID, reversed=said(100)), True),
        (replace(PAID, reversed=said(100), returned=said(100)), False),
    ],
)
def test_a_rail_is_asked_about_what_only_its_processor_tells(facts: Facts, *, asked: bool) -> None:
    assert reveals(facts) is asked
