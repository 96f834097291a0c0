"""Looks that race, fail or come too late: no answer and no stale answer may lose a payment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from rails import exceptions, inbox, purchase, schedule
from rails.conformance.fakes import FakeRail, hosted_page
from rails.exceptions import Wanted
from rails.notice import Incoming
from rails.rail import Evidence, Handle, NeedsReview, Outcome, Paid, Processing, Rails
from rails.settings import story
from rails.status import PurchaseView
from tests.rails.conftest import NOON, buy

Credits = Callable[[], int]
View = Callable[[], PurchaseView]
LATER = NOON + timedelta(hours=2)
MUCH_LATER = LATER + timedelta(days=2)


def due(sessions: Sessions, *, now: datetime) -> Sequence[str]:
    with sessions() as session:
        return schedule.due(session, now=now)


def sweep(sessions: Sessions, rails: Rails, *, now: datetime) -> None:
    for attempt_id in due(sessions, now=now):
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)


def knock(sessions: Sessions, view: View) -> None:
    attempt = view().attempt
    assert attempt is not None
    with sessions() as session:
        schedule.knock(session, addresses=[str(attempt.deposit_address)], now=LATER)


def test_a_processor_that_fails_while_a_late_payment_is_looked_up_loses_nothing(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
) -> None:
    given_up = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)
    rail.pay(reference)
    rail.unreachable = True
    with sessions() as session:
        knocked = Incoming("stripe", "evt_1", "payment_intent.succeeded", (reference,), b"{}")
        notice_id = inbox.receive(session, knocked, now=LATER)
    assert notice_id is not None
    inbox.handle(sessions, rails, notice_id=notice_id, now=LATER)
    rail.unreachable = False

    sweep(sessions, rails, now=LATER + timedelta(minutes=5))

    assert (given_up.state, credits_of_agent()) == ("expired", 500)


def test_a_knock_that_comes_during_a_look_is_not_lost(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    view: View,
    credits_of_agent: Credits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = rail.look_up

    def overtaken(handle: Handle, *, now: datetime) -> Outcome:
        answer = honest(handle, now=now)
        rail.pay(reference)
        knock(sessions, view)
        return answer

    monkeypatch.setattr(rail, "look_up", overtaken)
    stale = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)
    monkeypatch.setattr(rail, "look_up", honest)

    sweep(sessions, rails, now=LATER)

    assert (stale.granted, credits_of_agent()) == (False, 500)


def test_an_answer_that_was_overtaken_by_another_changes_nothing_and_is_asked_again(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = rail.look_up

    def slow(handle: Handle, *, now: datetime) -> Outcome:
        answer = honest(handle, now=now)
        monkeypatch.setattr(rail, "look_up", honest)
        rail.arrive(reference)
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)
        return answer

    monkeypatch.setattr(rail, "look_up", slow)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    assert view().state == "processing"
    assert due(sessions, now=LATER) == [attempt_id]


def test_a_payment_that_was_overtaken_closes_nothing_that_a_newer_look_has_opened(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = rail.look_up
    several = NeedsReview("several", Amount(5_000_000, USDC), Amount(10_000_000, USDC))

    def slow(handle: Handle, *, now: datetime) -> Outcome:
        rail.pay(reference)
        answer = honest(handle, now=now)
        assert isinstance(answer, Paid)
        monkeypatch.setattr(rail, "look_up", lambda *_, **__: replace(answer, review=several))
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)
        return answer

    monkeypatch.setattr(rail, "look_up", slow)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    with sessions() as session:
        assert [each.item.kind for each in exceptions.listed(session, Wanted(), now=LATER)] == ["several"]
    assert (credits_of_agent(), due(sessions, now=LATER)) == (500, [attempt_id])


def test_a_payment_that_was_overtaken_by_an_emptier_answer_is_granted(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = rail.look_up

    def slow(handle: Handle, *, now: datetime) -> Outcome:
        rail.pay(reference)
        answer = honest(handle, now=now)
        monkeypatch.setattr(rail, "look_up", lambda *_, **__: Processing(()))
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)
        return answer

    monkeypatch.setattr(rail, "look_up", slow)
    settled = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)

    assert (settled.granted, credits_of_agent(), due(sessions, now=LATER)) == (True, 500, [attempt_id])


def test_an_attempt_that_we_gave_up_is_still_looked_at_now_and_then_for_a_month(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Credits,
) -> None:
    given_up = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)
    soon = due(sessions, now=LATER + timedelta(minutes=59))
    rail.pay(reference)

    sweep(sessions, rails, now=LATER + timedelta(minutes=61))

    assert (given_up.state, soon, credits_of_agent()) == ("expired", [], 500)


def test_a_deposit_that_ended_is_looked_at_once_the_last_late_transfer_may_stand(
    sessions: Sessions, rails: Rails, attempt_id: str
) -> None:
    end = NOON + timedelta(seconds=story().attempt_lifetime_seconds)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=end)
    last = end + story().late_payment

    before = due(sessions, now=last)
    after = due(sessions, now=last + timedelta(seconds=15))

    assert (before, after) == ([], [attempt_id])


def test_an_attempt_that_nobody_ever_pays_is_forgotten_at_last(
    sessions: Sessions, rails: Rails, attempt_id: str
) -> None:
    looks, now = 0, NOON
    while waiting := due(sessions, now=now + timedelta(days=2)):
        now += timedelta(days=2)
        assert waiting == [attempt_id]
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)
        looks += 1

    assert timedelta(days=30) <= now - NOON <= timedelta(days=34)
    assert looks < 20


def test_a_page_is_closed_by_its_processor_and_not_by_our_clock(sessions: Sessions) -> None:
    rail = hosted_page()
    rails: Rails = {rail.rail_id: rail}
    attempt = buy(sessions, rails, rail).attempt
    assert attempt is not None

    open_still = purchase.settle(
        sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=attempt.expires_at
    )
    rail.fail(str(attempt.reference), "expired")
    closed = purchase.settle(sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=LATER)

    assert (open_still.state, closed.state) == ("requires_action", "expired")


def test_an_underpayment_that_is_taken_back_is_no_exception_any_more(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, attempt_id: str, view: View
) -> None:
    rail.pay_wrongly(reference, "underpaid", received=Amount(4_999_999, USDC))
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    rail._outcomes.clear()

    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)

    [item] = view().exceptions
    assert (view().state, item.closed_by, item.resolution) == (
        "action_required",
        "house",
        "taken back by the chain",
    )


def test_a_difference_that_comes_again_is_a_new_item(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, attempt_id: str, view: View
) -> None:
    said = (Evidence("stripe", reference, "succeeded"),)
    unseen = NeedsReview("unseen", Amount(5_000_000, USDC), Amount(0, USDC), said)
    several = replace(unseen, kind="several", received=Amount(10_000_000, USDC))
    answers: list[Outcome] = [
        unseen,
        Paid(Amount(500, USD), said, review=several),
        Paid(Amount(500, USD), said),
        Paid(Amount(500, USD), said, review=several),
    ]

    for answer in answers:
        rail._outcomes[reference] = lambda _handle, answer=answer: answer  # type: ignore[misc]
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)

    items = [(item.kind, item.closed_at is None) for item in view().exceptions]
    assert items == [("unseen", False), ("several", False), ("several", True)]


def test_an_item_that_a_person_closed_stays_closed_until_the_amount_changes(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, attempt_id: str, view: View
) -> None:
    rail.pay_wrongly(reference, "underpaid", received=Amount(4_999_999, USDC))
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)
    with sessions() as session:
        item = session.merge(view().exceptions[0])
        item.closed_at, item.closed_by, item.resolution = NOON, "operator:7", "written off"

    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=LATER)
    same = len(view().exceptions)
    rail.pay_wrongly(reference, "underpaid", received=Amount(4_999_998, USDC))
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=MUCH_LATER)

    assert (same, len(view().exceptions)) == (1, 2)
