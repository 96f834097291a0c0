"""The simulation itself: it holds, it repeats itself, and it finds what is broken on purpose."""

import pytest

from ledger.money import USD, Amount
from rails.rail import Outcome, Paid
from rails.stripe_x402 import witnesses
from rails.stripe_x402.judgement import Case, judge
from tests.conftest import new_database
from tests.simulation import house
from tests.simulation.play import play
from tests.simulation.world import World

STEPS = 250


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_paid_and_matched_is_granted_and_nothing_else(database_url: str, seed: int) -> None:
    played = play(database_url, seed=seed, steps=STEPS)

    assert played.broken == []
    assert played.counts["quote_and_buy"] > 10


def test_a_seed_repeats_itself(postgres_url: str) -> None:
    digests = []
    for _ in range(2):
        with new_database(postgres_url) as database_url:
            digests.append(play(database_url, seed=3, steps=120).digest)

    assert digests[0] == digests[1]


def test_credits_for_a_transfer_that_stripe_never_matched_are_found(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_trusting(case: Case) -> Outcome:
        return Paid(Amount(case.price.units, USD), case.evidence) if case.standing else judge(case)

    monkeypatch.setattr(witnesses, "judge", too_trusting)

    played = play(database_url, seed=1, steps=STEPS)

    assert any("0 were paid for" in line for line in played.broken), played.broken


def test_a_payment_that_nobody_looked_at_is_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asleep(_: World) -> int:
        return 0

    monkeypatch.setattr(house, "sweep", asleep)

    played = play(database_url, seed=1, steps=STEPS)

    assert played.broken
