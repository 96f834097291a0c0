"""The switch of a rail: what it refuses, what it never refuses, and that it is turned once at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DatabaseError
from sqlmodel import text

from ledger.database import Sessions
from rails import catalog, errors, purchase, switches
from rails.conformance.fakes import FakeRail
from rails.purchase import Quoted
from rails.rail import Rails
from rails.status import PurchaseView
from tests.rails.conftest import AGENT, NOON

MINUTE = timedelta(minutes=1)


def turn_off(sessions: Sessions, rail: FakeRail, reason: str = "the node lies") -> None:
    with sessions() as session:
        switches.turn_off(session, rail_id=rail.rail_id, reason=reason, by="operator:ann", now=NOON)


def turn_on(sessions: Sessions, rail: FakeRail) -> None:
    with sessions() as session:
        switches.turn_on(session, rail_id=rail.rail_id, reason="it is well", by="operator:ann", now=NOON)


def quoted(sessions: Sessions, rails: Rails, rail: FakeRail, key: str) -> Quoted:
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    return purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key=key, now=NOON)


def opened(sessions: Sessions, rails: Rails, rail: FakeRail, quote_id: str) -> PurchaseView:
    return purchase.buy(
        sessions,
        rails,
        agent_id=AGENT,
        quote_id=quote_id,
        rail_id=rail.rail_id,
        idempotency_key=f"purchase:{quote_id}",
        now=NOON,
    ).view


def test_a_rail_that_is_switched_off_quotes_and_opens_nothing(
    sessions: Sessions, rails: Rails, rail: FakeRail
) -> None:
    earlier = quoted(sessions, rails, rail, "earlier").quote
    turn_off(sessions, rail)

    with pytest.raises(errors.MethodUnavailable):
        quoted(sessions, rails, rail, "later")
    with pytest.raises(errors.MethodUnavailable):
        opened(sessions, rails, rail, earlier.quote_id)

    assert rail.opened == {}


def test_a_quote_that_was_given_is_told_again_under_its_key(
    sessions: Sessions, rails: Rails, rail: FakeRail
) -> None:
    earlier = quoted(sessions, rails, rail, "earlier").quote
    turn_off(sessions, rail)

    again = quoted(sessions, rails, rail, "earlier")

    assert again.replayed
    assert again.quote.quote_id == earlier.quote_id


def test_what_was_open_when_it_was_switched_off_is_shown_and_settles(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    bought: PurchaseView,
    reference: str,
    credits_of_agent: Callable[[], int],
) -> None:
    turn_off(sessions, rail)
    rail.pay(reference)
    assert bought.attempt is not None

    again = purchase.buy(
        sessions,
        rails,
        agent_id=AGENT,
        quote_id=bought.quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key="buy-1",
        now=NOON,
    )
    settled = purchase.settle(
        sessions, rails, payment_attempt_id=bought.attempt.payment_attempt_id, now=NOON + MINUTE
    )

    assert again.replayed
    assert settled.granted
    assert credits_of_agent() == 500


def test_switched_on_again_it_sells_again(sessions: Sessions, rails: Rails, rail: FakeRail) -> None:
    earlier = quoted(sessions, rails, rail, "earlier").quote
    turn_off(sessions, rail)
    turn_on(sessions, rail)

    view = opened(sessions, rails, rail, earlier.quote_id)

    assert view.state == "action_required"


def test_every_turn_is_kept_with_who_and_why_and_the_last_one_counts(
    sessions: Sessions, rail: FakeRail
) -> None:
    turn_off(sessions, rail, "first")
    turn_on(sessions, rail)
    turn_off(sessions, rail, "second")

    with sessions() as session:
        turns = switches.history(session, rail_id=rail.rail_id)
        last = switches.last_turns(session)

    assert [(each.number, each.is_on, each.reason) for each in turns] == [
        (3, False, "second"),
        (2, True, "it is well"),
        (1, False, "first"),
    ]
    assert {each.turned_by for each in turns} == {"operator:ann"}
    assert last[rail.rail_id].number == 3


def test_what_is_so_already_is_not_done_again(sessions: Sessions, rail: FakeRail) -> None:
    with pytest.raises(errors.SwitchedAlready, match="is on already"):
        turn_on(sessions, rail)
    turn_off(sessions, rail)

    with pytest.raises(errors.SwitchedAlready, match="is off already"):
        turn_off(sessions, rail)


def test_of_many_who_switch_it_off_at_once_one_does(sessions: Sessions, rail: FakeRail) -> None:
    with ThreadPoolExecutor(8) as operators:
        turns = [operators.submit(turn_off, sessions, rail) for _ in range(16)]

    failed = [turn.exception() for turn in turns]
    assert failed.count(None) == 1
    assert all(isinstance(each, errors.SwitchedAlready) for each in failed if each is not None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rail_switch SET is_on = true, number = 2",
        "DELETE FROM rail_switch",
        "INSERT INTO rail_switch VALUES ('fake_deposit', 3, true, 'x', 'y', now())",
        "INSERT INTO rail_switch VALUES ('fake_deposit', 2, true, ' ', 'y', now())",
    ],
)
def test_the_database_keeps_every_turn_and_their_order(
    sessions: Sessions, rail: FakeRail, statement: str
) -> None:
    turn_off(sessions, rail)

    with pytest.raises(DatabaseError), sessions() as session:
        session.connection().execute(text(statement))
