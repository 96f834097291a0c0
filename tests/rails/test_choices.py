"""What may be done about each kind of exception, and in which words what may not is refused."""

from dataclasses import replace

import pytest

from ledger.money import USD, USDC, Amount
from rails import kinds
from rails.choices import ACTIONS, Situation, choices

FIVE = Amount(5_000_000, USDC)
NOTHING = Amount(0, USDC)
NO_CHARGE = Amount(0, USD)


def situation(
    kind: str, undecided: Amount = FIVE, *, charged: bool = False, granted: bool = False
) -> Situation:
    return Situation(
        kind=kind,
        undecided=undecided,
        deep_enough=undecided,
        charged=charged,
        charge=Amount(500, USD) if charged else NO_CHARGE,
        granted=granted,
    )


@pytest.mark.parametrize(
    ("case", "allowed"),
    [
        (situation("underpaid"), "credit wait write_off"),
        (situation("overpaid"), "credit wait write_off"),
        (situation("topped_up"), "credit wait write_off"),
        (situation("several"), "credit wait write_off"),
        (situation("several", charged=True, granted=True), "credit wait write_off"),
        (situation("late"), "credit wait write_off"),
        (situation("after_close"), "credit wait write_off"),
        (situation("retired_address"), "credit wait write_off"),
        (situation("unmatched"), "credit wait write_off"),
        (situation("underpaid", Amount(9_999, USDC)), "wait write_off"),
        (situation("several", NOTHING, charged=True, granted=True), "wait write_off"),
        (situation("unseen", charged=True), "credit refund wait write_off"),
        (situation("unseen", NOTHING, charged=True, granted=True), "refund wait write_off"),
        (situation("mismatch", charged=True), "credit refund wait write_off"),
        (replace(situation("mismatch", NOTHING, charged=True), charge=NO_CHARGE), "wait write_off"),
        (situation("mismatch"), "wait write_off"),
        (situation("unseen"), "wait write_off"),
        (situation("chain_evidence_pending", NOTHING, charged=True, granted=True), "refund wait write_off"),
        (situation("wrong_token", NOTHING), "wait write_off"),
        (situation("taken_back", NOTHING, granted=True), "wait write_off"),
        (situation("reversal_rejected", NOTHING, charged=True, granted=True), "wait write_off"),
        (situation("deeper_than_final", NOTHING), "wait write_off"),
        (replace(situation("underpaid"), deep_enough=NOTHING), "wait"),
        (situation("overpaid", Amount(10_000_000_010_000_000, USDC)), "wait"),
    ],
)
def test_a_kind_and_what_stripe_says_decide_what_may_be_done(case: Situation, allowed: str) -> None:
    found = choices(case)

    assert [action for action in ACTIONS if found[action].allowed] == allowed.split()
    assert all(choice.why for choice in found.values())


def test_every_kind_has_a_meaning_and_an_answer_to_every_resolution() -> None:
    for kind in kinds.MEANINGS:
        assert set(choices(situation(kind))) == set(ACTIONS)
        assert choices(situation(kind))["wait"].allowed


@pytest.mark.parametrize(
    ("units", "cents", "dust"),
    [(10_000, 1, 0), (19_999, 1, 9_999), (5_000_001, 500, 1), (4_999_999, 499, 9_999)],
)
def test_a_credit_is_a_whole_cent_and_the_dust_is_said(units: int, cents: int, dust: int) -> None:
    found = choices(situation("overpaid", Amount(units, USDC)))

    for action in ("credit", "write_off"):
        assert (found[action].cents, found[action].dust) == (Amount(cents, USD), Amount(dust, USDC))
    assert (f"{Amount(dust, USDC)} is less than a cent" in found["credit"].why) == bool(dust)


def test_without_a_charge_the_refusal_of_a_refund_says_so() -> None:
    silent = choices(situation("underpaid"))["refund"]
    beside = choices(situation("several", charged=True, granted=True))["refund"]

    assert silent.why == "the processor has matched no payment, so it has no charge to refund"
    assert beside.why == "the processor's charge is what was granted; it never took what came beside it"
