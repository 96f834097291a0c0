"""How much an agent may buy in a day."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from ledger.database import Sessions
from rails import catalog, errors, purchase, spending
from rails.conformance.fakes import FakeRail
from rails.rail import Rails
from rails.settings import story
from rails.status import PurchaseView
from tests.rails.conftest import AGENT, NOON

Buy = Callable[..., PurchaseView]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Ten dollars a day."""
    monkeypatch.setenv("PENNYRAIL_DAILY_SPEND_CENTS", "1000")
    story.cache_clear()
    yield 1000
    story.cache_clear()


@pytest.fixture
def buy(sessions: Sessions, rails: Rails, rail: FakeRail, limit: int) -> Buy:
    """Buys so many credits under a new quote."""

    def bought(credits: int, *, agent_id: str = AGENT, key: str = "b", now: datetime = NOON) -> PurchaseView:
        terms = catalog.terms(credits_wanted=credits, pack_id=None, rail_id=rail.rail_id)
        quote = purchase.quote(
            sessions, rails, agent_id=agent_id, terms=terms, idempotency_key=f"q{key}", now=now
        ).quote
        return purchase.buy(
            sessions,
            rails,
            agent_id=agent_id,
            quote_id=quote.quote_id,
            rail_id=rail.rail_id,
            idempotency_key=key,
            now=now,
        ).view

    return bought


def used(sessions: Sessions, now: datetime = NOON) -> int:
    """What the agent has used of its limit."""
    with sessions() as session:
        found = spending.allowance(session, agent_id=AGENT, now=now)
    assert found is not None
    return found.used_cents


def test_what_is_over_the_limit_of_the_day_is_refused_with_what_is_left(buy: Buy, sessions: Sessions) -> None:
    buy(600, key="first")

    with pytest.raises(errors.SpendLimitReached) as refused:
        buy(401, key="second")
    buy(400, key="third")

    midnight = NOON.replace(hour=0) + timedelta(days=1)
    error = refused.value
    assert (error.limit_cents, error.used_cents, error.remaining_cents) == (1000, 600, 400)
    assert error.resets_at == midnight
    assert used(sessions) == 1000


def test_the_limit_is_the_agents_own_and_a_new_one_every_day(buy: Buy) -> None:
    buy(1000, key="mine")

    buy(1000, agent_id="agt_2", key="theirs")
    buy(1000, key="tomorrow", now=NOON + timedelta(hours=12))

    with pytest.raises(errors.SpendLimitReached):
        buy(1, key="more")


def test_a_repeated_purchase_counts_once(buy: Buy, sessions: Sessions) -> None:
    first = buy(1000, key="k")

    again = buy(1000, key="k")

    assert again.attempt == first.attempt
    assert used(sessions) == 1000


def test_what_cannot_be_paid_any_more_counts_no_more(buy: Buy, sessions: Sessions, rail: FakeRail) -> None:
    rail.refusing = True
    with pytest.raises(errors.RailRefused):
        buy(1000, key="refused")

    rail.refusing = False

    assert used(sessions) == 0
    assert buy(1000, key="again").state == "action_required"


def test_what_was_given_up_and_may_still_be_paid_goes_on_counting(
    buy: Buy, sessions: Sessions, rails: Rails, rail: FakeRail
) -> None:
    view = buy(1000, key="given up")
    assert view.attempt is not None
    rail.fail(str(view.attempt.reference), "canceled")

    purchase.settle(sessions, rails, payment_attempt_id=view.attempt.payment_attempt_id, now=NOON)

    assert used(sessions) == 1000
    with pytest.raises(errors.SpendLimitReached):
        buy(1, key="more")


def test_one_quote_bought_under_several_keys_at_once_is_not_counted_against_itself(
    sessions: Sessions, rails: Rails, rail: FakeRail, limit: int
) -> None:
    terms = catalog.terms(credits_wanted=limit, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    start = Barrier(8)

    def race(number: int) -> str:
        start.wait()
        try:
            purchase.buy(
                sessions,
                rails,
                agent_id=AGENT,
                quote_id=quote.quote_id,
                rail_id=rail.rail_id,
                idempotency_key=f"key {number}",
                now=NOON,
            )
        except errors.InFlight:
            return "in flight"
        except errors.SpendLimitReached:
            return "refused"
        return "bought"

    with ThreadPoolExecutor(8) as racers:
        told = list(racers.map(race, range(8)))

    assert "refused" not in told
    assert used(sessions) == limit


def test_racing_purchases_of_different_quotes_stay_within_the_limit(buy: Buy, sessions: Sessions) -> None:
    start = Barrier(8)

    def race(number: int) -> bool:
        start.wait()
        try:
            buy(300, key=f"race {number}")
        except errors.SpendLimitReached:
            return False
        return True

    with ThreadPoolExecutor(8) as racers:
        bought = list(racers.map(race, range(8)))

    assert bought.count(True) == 3
    assert used(sessions) == 900


def test_without_a_limit_nothing_is_counted(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENNYRAIL_DAILY_SPEND_CENTS", "0")
    story.cache_clear()

    with sessions() as session:
        found = spending.allowance(session, agent_id=AGENT, now=NOON)

    story.cache_clear()
    assert found is None
