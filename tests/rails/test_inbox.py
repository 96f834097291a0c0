"""The inbox: kept once, handled until it is done, and never believed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ledger.database import Sessions
from rails import inbox
from rails.conformance.fakes import FakeRail
from rails.models import Notice
from rails.notice import Incoming
from rails.rail import Rails
from tests.rails.conftest import NOON

KNOCK = Incoming("stripe", "evt_1", "payment_intent.succeeded", ("pi_nobody",), b"{}")


def receive(sessions: Sessions, incoming: Incoming) -> int | None:
    with sessions() as session:
        return inbox.receive(session, incoming, now=NOON)


def kept(sessions: Sessions, notice_id: int) -> Notice:
    with sessions() as session:
        return session.get_one(Notice, notice_id)


def test_a_notice_is_kept_once_and_its_deliveries_are_counted(sessions: Sessions) -> None:
    first, second = receive(sessions, KNOCK), receive(sessions, replace(KNOCK, body=b"other"))

    assert first is not None
    assert second is None
    row = kept(sessions, first)
    assert (row.deliveries, row.body, row.state) == (2, b"{}", "waiting")


def test_a_notice_to_ignore_is_kept_with_its_reason_and_wakes_nobody(sessions: Sessions) -> None:
    assert receive(sessions, replace(KNOCK, ignore="of the other mode")) is None

    with sessions() as session:
        assert inbox.due(session, now=NOON + timedelta(days=1)) == []


def test_a_knock_settles_the_attempt_it_mentions(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    rail.pay(reference)
    notice_id = receive(sessions, replace(KNOCK, refs=("ch_1", reference)))
    assert notice_id is not None

    states = [inbox.handle(sessions, rails, notice_id=notice_id, now=NOON) for _ in range(2)]

    assert (states, credits_of_agent()) == (["handled", "handled"], 500)


def test_a_claim_of_success_grants_nothing_while_the_processor_says_otherwise(
    sessions: Sessions, rails: Rails, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    notice_id = receive(sessions, replace(KNOCK, refs=(reference,)))
    assert notice_id is not None

    inbox.handle(sessions, rails, notice_id=notice_id, now=NOON)

    assert credits_of_agent() == 0


def test_a_notice_about_nothing_of_ours_is_ignored(sessions: Sessions, rails: Rails) -> None:
    notice_id = receive(sessions, KNOCK)
    assert notice_id is not None

    assert inbox.handle(sessions, rails, notice_id=notice_id, now=NOON) == "ignored"


def test_a_lost_wake_up_call_is_found_by_the_sweeper(sessions: Sessions) -> None:
    notice_id = receive(sessions, KNOCK)

    with sessions() as session:
        at_once = inbox.due(session, now=NOON)
        soon = inbox.due(session, now=NOON + timedelta(seconds=10))

    assert (at_once, soon) == ([], [notice_id])
