"""The story of a purchase: what grants, what does not, and what a second look changes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from rails import catalog, errors, purchase, schedule, status
from rails.conformance.fakes import FakeRail
from rails.rail import Rails
from rails.status import PurchaseView
from tests.rails.conftest import AGENT, NOON

Credits = Callable[[], int]
View = Callable[[], PurchaseView]
LATER = NOON + timedelta(hours=2)


def test_given_a_paid_attempt_when_settled_twice_then_credits_are_granted_once(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
) -> None:
    rail.pay(reference)

    first = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    second = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    assert (first.granted, second.granted) == (True, False)
    assert credits_of_agent() == 500


def test_an_attempt_that_nobody_pays_expires_and_grants_nothing(
    sessions: Sessions, rails: Rails, attempt_id: str, credits_of_agent: Credits
) -> None:
    early = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON + timedelta(minutes=59))
    late = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON + timedelta(minutes=60))

    assert (early.state, late.state) == ("requires_action", "expired")
    assert credits_of_agent() == 0


@pytest.mark.parametrize("closed", ["expired", "canceled", "declined"])
def test_money_that_arrives_after_we_gave_up_is_still_granted(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
    closed: str,
) -> None:
    rail.fail(reference, closed)  # type: ignore[arg-type]
    given_up = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    rail.pay(reference)

    late = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    assert given_up.state == ("failed" if closed == "declined" else closed)
    assert (late.state, late.granted, credits_of_agent()) == ("succeeded", True, 500)


def test_a_processor_that_does_not_answer_is_unknown_and_not_failed(
    sessions: Sessions, rails: Rails, rail: FakeRail, attempt_id: str, view: View
) -> None:
    rail.unreachable = True

    settled = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    attempt = view().attempt
    assert settled.state == "requires_action"
    assert attempt is not None
    assert attempt.look_at is not None
    assert attempt.look_at > LATER


def test_what_is_seen_and_then_taken_back_leaves_the_attempt_payable(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
) -> None:
    rail.arrive(reference)
    seen = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    rail._outcomes.clear()

    taken_back = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)

    assert (seen.state, taken_back.state, credits_of_agent()) == ("processing", "requires_action", 0)


def test_an_underpayment_is_an_exception_row_and_no_grant(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    view: View,
    credits_of_agent: Credits,
) -> None:
    rail.pay_wrongly(reference, "underpaid", received=Amount(4_999_999, USDC))

    for _ in range(2):
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)

    [item] = view().exceptions
    assert (item.kind, int(item.expected_units), int(item.received_units), item.asset) == (
        "underpaid",
        5_000_000,
        4_999_999,
        "USDC",
    )
    assert (view().state, credits_of_agent()) == ("needs_review", 0)


def test_a_grant_without_the_chain_keeps_an_item_open_until_the_chain_has_spoken(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    view: View,
    credits_of_agent: Credits,
) -> None:
    rail.pay(reference)
    rail.silent = frozenset({"chain"})
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    [opened] = view().exceptions
    waiting = view().attempt
    rail.silent = frozenset()

    again = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    [closed] = view().exceptions
    assert (opened.kind, opened.closed_at) == ("chain_evidence_pending", None)
    assert waiting is not None
    assert waiting.look_at is not None
    assert (closed.closed_at, closed.resolution) == (LATER, "settled by the verified payment")
    assert (again.granted, credits_of_agent()) == (False, 500)


def test_a_buy_that_the_processor_did_not_answer_is_finished_by_the_next_one(
    sessions: Sessions, rails: Rails, rail: FakeRail
) -> None:
    terms = catalog.terms(credits_wanted=None, pack_id="starter-500", rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    asked = {"agent_id": AGENT, "quote_id": quote.quote_id, "rail_id": rail.rail_id, "idempotency_key": "b"}
    rail.unreachable = True
    with pytest.raises(errors.RailUnreachable):
        purchase.buy(sessions, rails, now=NOON, **asked)
    rail.unreachable = False

    view = purchase.buy(sessions, rails, now=LATER, **asked).view

    assert view.state == "action_required"
    assert len(rail.opened) == 1


def test_a_price_outside_of_what_the_rail_takes_cannot_be_bought(
    sessions: Sessions, rails: Rails, rail: FakeRail
) -> None:
    terms = catalog.terms(credits_wanted=10, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    rail.limits = type(rail.limits)(Amount(50, USD), rail.limits.maximum)

    with pytest.raises(errors.PriceNotTaken):
        purchase.buy(
            sessions,
            rails,
            agent_id=AGENT,
            quote_id=quote.quote_id,
            rail_id=rail.rail_id,
            idempotency_key="b",
            now=NOON,
        )

    assert rail.opened == {}


def test_the_schedule_hands_an_attempt_out_once_and_again_if_nobody_looked(
    sessions: Sessions, attempt_id: str
) -> None:
    at = NOON + timedelta(seconds=5)

    with sessions() as session:
        early = schedule.due(session, now=NOON)
        first = schedule.due(session, now=at)
        second = schedule.due(session, now=at)
        after_the_lease = schedule.due(session, now=at + timedelta(seconds=61))

    assert (early, first, second, after_the_lease) == ([], [attempt_id], [], [attempt_id])


def test_a_knock_brings_a_closed_attempt_up_at_once(
    sessions: Sessions, rails: Rails, bought: PurchaseView, attempt_id: str
) -> None:
    assert bought.attempt is not None
    address = str(bought.attempt.deposit_address)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    with sessions() as session:
        before = schedule.due(session, now=LATER)
        schedule.knock(session, addresses=[address], now=LATER)
        after = schedule.due(session, now=LATER)

    assert (before, after) == ([], [attempt_id])


def test_an_address_is_watched_for_a_year_and_longer_while_its_money_is_not_settled(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, bought: PurchaseView, attempt_id: str
) -> None:
    assert bought.attempt is not None
    address, year = str(bought.attempt.deposit_address), timedelta(days=396)

    with sessions() as session:
        at_first = schedule.watched(session, now=LATER)
        at_last = schedule.watched(session, now=LATER + year)
    rail.arrive(reference)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)
    with sessions() as session:
        unsettled = schedule.watched(session, now=LATER + year)

    assert (at_first, at_last, unsettled) == ({address}, set(), {address})


def test_a_refusal_of_the_processor_closes_the_attempt_and_the_log_says_why(
    sessions: Sessions, rails: Rails, rail: FakeRail, caplog: pytest.LogCaptureFixture
) -> None:
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    asked = {"agent_id": AGENT, "quote_id": quote.quote_id, "rail_id": rail.rail_id, "idempotency_key": "b"}
    rail.refusing = True
    with pytest.raises(errors.RailRefused):
        purchase.buy(sessions, rails, now=NOON, **asked)
    rail.refusing = False

    with pytest.raises(errors.RailRefused) as again:
        purchase.buy(sessions, rails, now=NOON, **asked)

    assert again.value.replayed
    with sessions() as session:
        view = status.find(session, agent_id=AGENT, kind="quote_id", reference=quote.quote_id, now=NOON)
    assert view.state == "failed"
    assert rail.opened == {}
    assert view.attempt is not None
    assert f"{view.attempt.payment_attempt_id} could not be opened: " in caplog.text
