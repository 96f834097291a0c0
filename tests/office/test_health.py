"""How the rails and the house do, read from what happened to them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import psycopg
import pytest
from sqlmodel import text

from ledger import credits, seals
from ledger.database import Sessions
from ledger.money import USDC, Amount
from office import alerts, audit, figures, house_health, rail_health, switching
from office.actor import Actor
from office.alerts import Alert
from office.house_health import HouseHealth
from office.rail_health import RailHealth
from rails.chain import alarms
from rails.chain.alarms import Kind
from rails.conformance.fakes import crypto_deposit, hosted_page
from tests.ledger.make import grant
from tests.office.test_funnel import Shop
from tests.rails.conftest import NOON

ANN: Final = Actor("operator:ann@example.com")
DEPOSIT: Final = "fake_deposit"
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def shop(sessions: Sessions) -> Shop:
    rails = (hosted_page(), crypto_deposit())
    return Shop(sessions, {rail.rail_id: rail for rail in rails})


def of_rails(shop: Shop) -> dict[str, RailHealth]:
    with shop.sessions() as session:
        found = rail_health.of_rails(session, list(shop.rails), now=shop.now)
    return {each.rail_id: each for each in found}


def of_house(shop: Shop) -> HouseHealth:
    with shop.sessions() as session:
        return house_health.of_house(session, now=shop.now)


def rung(shop: Shop) -> dict[str, Alert]:
    with shop.sessions() as session:
        rails = rail_health.of_rails(session, list(shop.rails), now=shop.now)
        house = house_health.of_house(session, now=shop.now)
    return {each.kind: each for each in alerts.of(rails, house, now=shop.now)}


def count(shop: Shop) -> None:
    seals.seal_all(shop.sessions, now=shop.now)
    figures.count_all(shop.sessions, now=shop.now)


def buy(shop: Shop, *, seconds: int) -> None:
    """A purchase on the deposit rail that is granted after so long."""
    opened_at, (attempt_id, reference) = shop.now, shop.open(DEPOSIT)
    shop.now += timedelta(seconds=seconds)
    shop.grant(DEPOSIT, attempt_id, reference, opened_at=opened_at)


def fail(shop: Shop) -> None:
    """A purchase on the deposit rail that the processor declines."""
    attempt_id, reference = shop.open(DEPOSIT)
    shop.rails[DEPOSIT].fail(reference)
    shop.settle(attempt_id)


def test_an_action_that_never_ended_rings_and_others_do_not(shop: Shop) -> None:
    about, at = ("purchase", "payatt_1"), shop.now
    with audit.recorded(shop.sessions, ANN, "purchase.look", about=about, now=at) as told:
        told.after = {"state": "succeeded"}
    with (
        pytest.raises(RuntimeError),
        audit.recorded(shop.sessions, ANN, "purchase.cancel", about=about, now=at),
    ):
        raise RuntimeError
    with shop.sessions() as session:
        audit.write(session, ANN, "refund.create", about=about, outcome="asked", now=at)
    count(shop)
    at_once = rung(shop)
    shop.now += HOUR

    assert "unanswered_actions" not in at_once
    assert rung(shop)["unanswered_actions"].since == at
    assert of_house(shop).unanswered.many == 1


def test_an_empty_house_is_well(shop: Shop) -> None:
    count(shop)

    found = of_rails(shop)

    assert set(found) == {"fake_deposit", "fake_page"}
    assert (found[DEPOSIT].day.percent, found[DEPOSIT].half_seconds, found[DEPOSIT].oldest) == (None,) * 3
    assert rung(shop) == {}
    assert of_house(shop).difference == house_health.Difference(0, 0)


def test_rates_count_what_is_over_of_a_day_and_of_a_week(shop: Shop) -> None:
    for _ in range(3):
        fail(shop)
    shop.now += timedelta(days=3)
    fail(shop)
    for _ in range(3):
        buy(shop, seconds=1)
    shop.open(DEPOSIT)

    found = of_rails(shop)[DEPOSIT]

    assert (found.day.granted, found.day.ended, found.day.percent) == (3, 4, 75.0)
    assert (found.week.granted, found.week.ended, found.week.percent) == (3, 7, 42.9)


def test_times_to_grant_are_those_of_the_last_day(shop: Shop) -> None:
    buy(shop, seconds=3000)
    shop.now += timedelta(days=2)
    for seconds in (10, 20, 30):
        buy(shop, seconds=seconds)

    found = of_rails(shop)[DEPOSIT]

    assert (found.grants, found.half_seconds, found.most_seconds) == (3, 20.0, 29.0)


def test_what_is_under_way_is_told_by_state_with_the_oldest(shop: Shop) -> None:
    oldest, _ = shop.open(DEPOSIT)
    shop.now += HOUR / 2
    shop.open(DEPOSIT)
    attempt_id, reference = shop.open(DEPOSIT)
    shop.rails[DEPOSIT].pay_wrongly(reference, "underpaid", received=Amount(1, USDC))
    shop.settle(attempt_id)

    found = of_rails(shop)

    told = {each.state: (each.attempts, each.oldest_id) for each in found[DEPOSIT].under_way}
    assert told == {"requires_action": (2, oldest), "needs_review": (1, attempt_id)}
    assert found[DEPOSIT].oldest is not None
    assert found[DEPOSIT].oldest.oldest_at == NOON
    assert found["fake_page"].under_way == ()


def test_a_switch_is_told_with_who_and_why_and_rings_while_it_is_off(shop: Shop) -> None:
    count(shop)
    with shop.sessions() as session:
        switching.turn_off(session, ANN, rail_id=DEPOSIT, reason="the node lies", now=NOON)

    off, alert = of_rails(shop)[DEPOSIT], rung(shop)["rail_off"]
    with shop.sessions() as session:
        switching.turn_on(session, ANN, rail_id=DEPOSIT, reason="it is well", now=NOON)

    assert (off.is_on, off.turns[0].turned_by, off.turns[0].reason) == (False, ANN.name, "the node lies")
    assert (alert.subject, alert.since) == (DEPOSIT, NOON)
    assert of_rails(shop)[DEPOSIT].is_on
    assert rung(shop) == {}


def test_every_turn_of_a_switch_is_in_the_audit_log(shop: Shop) -> None:
    with shop.sessions() as session:
        switching.turn_off(session, ANN, rail_id=DEPOSIT, reason="the node lies", now=NOON)
        written = session.connection().execute(
            text("SELECT action, about_id, actor, reason, before, after FROM audit_log")
        )
        [row] = written.all()

    assert tuple(row[:4]) == ("rail.switch_off", DEPOSIT, ANN.name, "the node lies")
    assert (row.before, row.after) == ({"is_on": True}, {"is_on": False, "turn": 1})


def test_what_waits_rings_when_it_is_old_enough(shop: Shop) -> None:
    attempt_id, reference = shop.open(DEPOSIT)
    shop.rails[DEPOSIT].pay_wrongly(reference, "underpaid", received=Amount(1, USDC))
    shop.settle(attempt_id)
    count(shop)
    with shop.sessions() as session:
        session.connection().execute(
            text(
                "INSERT INTO notice"
                " (source, external_id, kind, refs, body, state, received_at, try_at, reason)"
                " VALUES ('stripe', 'evt_1', 'x', '[]', '', 'waiting', :at, :at, NULL),"
                " ('stripe', 'evt_2', 'x', '[]', '', 'dead', :at, NULL, 'broke')"
            ),
            {"at": NOON},
        )

    at_once = rung(shop)
    shop.now += timedelta(days=2)
    later = rung(shop)

    assert set(at_once) == {"dead_notices"}
    assert set(later) == {"dead_notices", "unhandled_notices", "old_exceptions", "overdue", "figures_lag"}
    assert later["old_exceptions"].since == NOON
    assert later["old_exceptions"].said.startswith("1 exceptions")
    assert {each.what for each in of_house(shop).overdue} == {"purchases to look at", "notices to handle"}


def test_alarms_of_the_chain_ring_with_their_words_until_they_end(shop: Shop) -> None:
    count(shop)
    with shop.sessions() as session:
        alarms.ring(session, Kind.HEAD_AGE, "the head is 90 s old", chain_id=84532, now=NOON)
    alert = rung(shop)["chain_alarm"]
    with shop.sessions() as session:
        alarms.calm(session, Kind.HEAD_AGE, chain_id=84532, now=NOON)

    assert (alert.subject, alert.said, alert.gravity) == ("head_age", "the head is 90 s old", "bad")
    assert rung(shop) == {}


def test_what_is_not_sealed_rings_with_its_age(shop: Shop) -> None:
    credits.perform(shop.sessions, [grant("g1", 10, cents=10)], now=NOON)
    booked_at = of_house(shop).unsealed_since
    assert booked_at is not None

    shop.now = booked_at + timedelta(minutes=3)
    late = rung(shop)
    count(shop)

    assert late["seal_lag"].since == booked_at
    assert rung(shop) == {}


@pytest.fixture
def unguarded(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE balance DISABLE TRIGGER ALL")
        yield connection


@pytest.mark.parametrize("counted", [True, False])
def test_an_account_that_holds_another_sum_than_was_booked_rings(
    shop: Shop, unguarded: psycopg.Connection, counted: bool
) -> None:
    buy(shop, seconds=1)
    if counted:
        count(shop)
    before = of_house(shop).difference

    unguarded.execute(
        "UPDATE balance SET posted = posted - 3 FROM account"
        " WHERE account.id = balance.account_id AND name = 'prepaid_liability' AND posted <> 0"
    )

    assert before == house_health.Difference(0, 0)
    assert of_house(shop).difference == house_health.Difference(0, 3)
    assert "3 cents" in rung(shop)["book_differs"].said
