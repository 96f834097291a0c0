"""One payment for one quote, whoever dies on the way to the processor and whoever comes twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from sqlmodel import select

from ledger.database import Sessions
from rails import catalog, errors, purchase
from rails.conformance.fakes import FakeRail
from rails.models import BuyKey, PaymentAttempt, Quote
from rails.purchase import Bought
from rails.rail import Opened, Order, Rails
from rails.settings import story
from tests.rails.conftest import AGENT, NOON

LEASE = timedelta(seconds=story().opening_lease_seconds)


class Killed(BaseException):
    """The end of the process."""


@dataclass
class Buyer:
    """Somebody who buys one quote under one key."""

    sessions: Sessions
    rails: Rails
    quote: Quote

    def buy(self, *, after: timedelta = timedelta(), key: str = "b") -> Bought:
        """Buy so long after noon."""
        return purchase.buy(
            self.sessions,
            self.rails,
            agent_id=AGENT,
            quote_id=self.quote.quote_id,
            rail_id=self.quote.rail_id,
            idempotency_key=key,
            now=NOON + after,
        )

    def attempts(self) -> list[PaymentAttempt]:
        """Every attempt there is."""
        with self.sessions() as session:
            return list(session.exec(select(PaymentAttempt)))


@pytest.fixture
def buyer(sessions: Sessions, rails: Rails, rail: FakeRail) -> Buyer:
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    return Buyer(sessions, rails, quote)


@pytest.fixture
def slow(rail: FakeRail) -> Iterator[tuple[Event, Event]]:
    """A processor that thinks: it says when it was asked, and answers when it is told to."""
    asked, answer, opening = Event(), Event(), rail.opening

    def think(order: Order) -> Opened:
        asked.set()
        assert answer.wait(10)
        return opening(order)

    rail.opening = think
    yield asked, answer
    answer.set()


def kill_at(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """End the next purchase there."""
    monkeypatch.setattr(f"rails.purchase.{where}", _killed)


def _killed(*_args: Any, **_kwargs: Any) -> None:
    raise Killed


@pytest.mark.parametrize("where", ["_attempt_for", "_lease", "_order", "_keep_opened", "status.view"])
def test_a_purchase_that_is_killed_anywhere_is_finished_by_the_next_one(
    buyer: Buyer, rail: FakeRail, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, where)
        with pytest.raises(Killed):
            buyer.buy()

    again = buyer.buy(after=LEASE)

    assert again.view.state == "action_required"
    assert len(rail.opened) == len(buyer.attempts()) == 1


@pytest.mark.parametrize("where", ["_attempt_for", "_lease"])
def test_the_key_and_the_attempt_are_written_together_or_not_at_all(
    buyer: Buyer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    kill_at(monkeypatch, where)

    with pytest.raises(Killed):
        buyer.buy()

    with buyer.sessions() as session:
        keys = session.exec(select(BuyKey)).all()
    assert (list(keys), buyer.attempts()) == ([], [])


def test_while_one_call_asks_the_processor_no_other_does(
    buyer: Buyer, rail: FakeRail, slow: tuple[Event, Event]
) -> None:
    asked, answer = slow

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(buyer.buy)
        assert asked.wait(10)
        for key in ("b", "another"):
            with pytest.raises(errors.InFlight):
                buyer.buy(key=key)
        answer.set()
        opened = first.result()

    again = buyer.buy()
    assert (opened.replayed, again.replayed) == (False, True)
    assert again.view.attempt == opened.view.attempt
    assert len(rail.opened) == 1


def test_nobody_is_in_flight_any_more_once_the_lease_is_over(buyer: Buyer, slow: tuple[Event, Event]) -> None:
    asked, answer = slow

    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(buyer.buy)
        assert asked.wait(10)
        asked.clear()
        taken_over = pool.submit(buyer.buy, after=LEASE)
        took_over = asked.wait(10)
        answer.set()
        both = [late.result().view.attempt, taken_over.result().view.attempt]

    assert took_over
    assert both[0] == both[1]
    assert [attempt.opening_until for attempt in buyer.attempts()] == [None]


def test_a_processor_that_did_not_answer_leaves_nobody_in_flight(buyer: Buyer, rail: FakeRail) -> None:
    rail.unreachable = True
    with pytest.raises(errors.RailUnreachable):
        buyer.buy()
    rail.unreachable = False

    at_once = buyer.buy()

    assert (at_once.replayed, at_once.view.state) == (False, "action_required")


def test_who_was_late_does_not_end_the_lease_of_who_took_over(buyer: Buyer, rail: FakeRail) -> None:
    asked, answer = Event(), Event()

    def fall_silent(_order: Order) -> Opened:
        asked.set()
        answer.wait(10)
        raise errors.RailUnreachable("no answer")

    rail.opening = fall_silent
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(buyer.buy)
        assert asked.wait(10)
        with buyer.sessions() as session:
            attempt = session.exec(select(PaymentAttempt).with_for_update()).one()
            attempt.opening_until = NOON + 2 * LEASE
        answer.set()
        failure = late.exception()

    assert isinstance(failure, errors.RailUnreachable)
    assert buyer.attempts()[0].opening_until == NOON + 2 * LEASE


def test_a_refusal_that_comes_late_leaves_alone_what_another_call_has_opened(
    buyer: Buyer, rail: FakeRail
) -> None:
    asked, answer, opening = Event(), Event(), rail.opening

    def refuse(_order: Order) -> Opened:
        asked.set()
        answer.wait(10)
        raise errors.RailRefused("no")

    rail.opening = refuse
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(buyer.buy)
        assert asked.wait(10)
        rail.opening = opening
        opened = buyer.buy(after=LEASE)
        answer.set()
        told = late.result()

    assert opened.view.state == told.view.state == "action_required"
    assert buyer.attempts()[0].state == "requires_action"
    assert buyer.buy(after=LEASE).view.state == "action_required"


def test_a_closed_rail_leaves_nobody_in_flight(buyer: Buyer, rail: FakeRail) -> None:
    rail.unreachable = True
    with pytest.raises(errors.RailUnreachable):
        buyer.buy()
    rail.unreachable, rail.unavailable_reason = False, "closed for a while"
    with pytest.raises(errors.MethodUnavailable):
        buyer.buy()

    rail.unavailable_reason = None

    assert buyer.buy().view.state == "action_required"


def test_racing_purchases_ask_the_processor_once(buyer: Buyer, rail: FakeRail) -> None:
    start, asked, opening = Barrier(8), [], rail.opening

    def count(order: Order) -> Opened:
        asked.append(order)
        return opening(order)

    rail.opening = count

    def race(_: int) -> str:
        start.wait()
        try:
            return "replayed" if buyer.buy().replayed else "opened"
        except errors.InFlight:
            return "in flight"

    with ThreadPoolExecutor(8) as racers:
        ends = list(racers.map(race, range(8)))

    assert ends.count("opened") == 1
    assert len(asked) == len(buyer.attempts()) == 1
