"""How far purchases came, day by day: what a model counted while it bought, in whatever turns."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

import pytest
from sqlmodel import text

from ledger.database import Sessions
from ledger.money import USDC, Amount
from office import figures, funnel
from rails import catalog, purchase
from rails.conformance.fakes import FakeRail, crypto_deposit, hosted_page
from tests.rails.conftest import NOON

MINUTE: Final = timedelta(minutes=1)
Counted = Counter[tuple[str, str, str]]


@dataclass
class Shop:
    """Buys on two rails, and counts what it does by day, rail and step."""

    sessions: Sessions
    rails: dict[str, FakeRail]
    now: datetime = NOON
    number: int = 0
    counted: Counted = field(default_factory=Counter)
    waited: Counter[int] = field(default_factory=Counter)

    def note(self, step: str, rail_id: str) -> None:
        self.counted[(self.now.date().isoformat(), rail_id, step)] += 1

    def quote(self, rail_id: str) -> str:
        self.number += 1
        terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail_id)
        made = purchase.quote(
            self.sessions,
            self.rails,
            agent_id=f"agt_{self.number}",
            terms=terms,
            idempotency_key=f"quote-{self.number}",
            now=self.now,
        )
        self.note("quotes", rail_id)
        return made.quote.quote_id

    def open(self, rail_id: str) -> tuple[str, str]:
        """A new attempt's id, and its processor's."""
        quote_id = self.quote(rail_id)
        purchase.buy(
            self.sessions,
            self.rails,
            agent_id=f"agt_{self.number}",
            quote_id=quote_id,
            rail_id=rail_id,
            idempotency_key=f"buy-{self.number}",
            now=self.now,
        )
        self.note("attempts", rail_id)
        with self.sessions() as session:
            found = session.connection().execute(
                text("SELECT payment_attempt_id, reference FROM payment_attempt WHERE quote_id = :quote"),
                {"quote": quote_id},
            )
            attempt_id, reference = found.one()
        return attempt_id, reference

    def settle(self, attempt_id: str) -> None:
        purchase.settle(self.sessions, self.rails, payment_attempt_id=attempt_id, now=self.now)

    def grant(self, rail_id: str, attempt_id: str, reference: str, *, opened_at: datetime) -> None:
        self.rails[rail_id].pay(reference)
        self.settle(attempt_id)
        self.note("granted", rail_id)
        waited = (self.now - opened_at).total_seconds()
        self.waited[sum(waited > bound for bound in funnel.WAITED_SECONDS)] += 1

    def buy(self, chance: Random) -> None:
        """One purchase that ends anyhow, as far as the next hours go."""
        rail_id, fate = chance.choice(list(self.rails)), chance.random()
        if fate < 0.2:
            self.quote(rail_id)
            return
        attempt_id, reference = self.open(rail_id)
        opened_at, begun_at = self.now, self.now
        if fate < 0.35:
            return
        if fate < 0.6:
            self.now += timedelta(seconds=chance.choice([0, 1, 5, 6, 3000]))
            self.rails[rail_id].pay_wrongly(reference, "underpaid", received=Amount(1, USDC))
            self.settle(attempt_id)
            self.note("paid", rail_id)
            if fate < 0.5:
                self.now += chance.choice([1, 60, 60 * 30]) * MINUTE
                self.grant(rail_id, attempt_id, reference, opened_at=opened_at)
        else:
            self.now += timedelta(seconds=chance.choice([0, 5, 30, 31, 3600, 100_000]))
            self.note("paid", rail_id)
            self.grant(rail_id, attempt_id, reference, opened_at=opened_at)
        self.now = max(begun_at, self.now - chance.choice([0, 1]) * MINUTE)


@pytest.fixture
def shop(sessions: Sessions) -> Shop:
    rails = (hosted_page(), crypto_deposit())
    return Shop(sessions, {rail.rail_id: rail for rail in rails})


def told(sessions: Sessions) -> Counted:
    """What the figures say."""
    query = """
        SELECT day::text, rail_id, sum(quotes)::bigint AS quotes, sum(attempts)::bigint AS attempts,
            sum(paid)::bigint AS paid, sum(granted)::bigint AS granted
        FROM figure_funnel GROUP BY day, rail_id
    """
    found: Counted = Counter()
    with sessions() as session:
        for row in session.connection().execute(text(query)).mappings():
            for step in ("quotes", "attempts", "paid", "granted"):
                found[(row["day"], row["rail_id"], step)] += row[step]
    return +found


def waits(sessions: Sessions) -> Counter[int]:
    """How many grants waited how long, by the place of the bound."""
    query = """
        SELECT place - 1, sum(many)::bigint
        FROM figure_funnel, unnest(waited) WITH ORDINALITY AS class (many, place) GROUP BY place
    """
    with sessions() as session:
        return +Counter({row[0]: row[1] for row in session.connection().execute(text(query))})


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_funnel_of_every_day_is_what_happened_whenever_it_is_counted(shop: Shop, seed: int) -> None:
    chance = Random(seed)
    for _ in range(40):
        shop.buy(chance)
        shop.now += chance.choice([0, 10, 50, 60 * 20]) * MINUTE
        if chance.random() < 0.3:
            figures.count_all(shop.sessions, now=shop.now, steps=chance.randint(0, 3))

    figures.count_all(shop.sessions, now=shop.now)
    now = told(shop.sessions)
    figures.count_all(shop.sessions, now=shop.now + timedelta(days=3))

    assert now == shop.counted
    assert told(shop.sessions) == shop.counted
    assert waits(shop.sessions) == shop.waited
    assert len({day for day, _, _ in shop.counted}) > 3


def test_what_is_younger_than_an_hour_is_counted_anew_at_every_pass(shop: Shop) -> None:
    shop.quote("fake_page")
    figures.count_all(shop.sessions, now=NOON + MINUTE)
    first = told(shop.sessions)
    # A request that took its time: its row carries an earlier moment than the last pass.
    shop.now = NOON - MINUTE
    shop.quote("fake_page")
    figures.count_all(shop.sessions, now=NOON + 2 * MINUTE)

    assert first == {("2026-11-20", "fake_page", "quotes"): 1}
    assert told(shop.sessions) == {("2026-11-20", "fake_page", "quotes"): 2}


def test_an_empty_house_is_counted_from_its_first_quote_on_however_late_that_is(shop: Shop) -> None:
    figures.count_all(shop.sessions, now=NOON)
    shop.now = NOON - timedelta(days=9)
    shop.quote("fake_deposit")

    figures.count_all(shop.sessions, now=NOON)

    assert told(shop.sessions) == {("2026-11-11", "fake_deposit", "quotes"): 1}


def test_an_attempt_is_paid_once_even_if_money_comes_beside_its_grant(shop: Shop) -> None:
    attempt_id, reference = shop.open("fake_deposit")
    shop.rails["fake_deposit"].pay_too_much(reference, received=Amount(9_000_000, USDC))
    shop.settle(attempt_id)
    shop.now += timedelta(days=1)
    shop.settle(attempt_id)

    figures.count_all(shop.sessions, now=shop.now + timedelta(days=1))

    found = told(shop.sessions)
    assert (
        found[("2026-11-20", "fake_deposit", "paid")] == found[("2026-11-20", "fake_deposit", "granted")] == 1
    )
    assert {day for day, _, _ in found} == {"2026-11-20"}
