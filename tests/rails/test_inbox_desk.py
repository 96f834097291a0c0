"""What a person decides of notices: replayed like new, ignored for a reason, and all of it written down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from ledger.database import Sessions
from rails import errors, inbox, inbox_desk
from rails.conformance.fakes import FakeRail
from rails.models import Notice, NoticeAction
from rails.notice import Incoming, Knock
from rails.rail import Rails
from tests.rails.conftest import NOON

KNOCK = Incoming("stripe", "evt_1", "charge.dispute.created", ("pi_nobody",), b"{}")
LATER = NOON + timedelta(hours=1)


def received(sessions: Sessions, incoming: Incoming = KNOCK) -> int:
    with sessions() as session:
        notice_id = inbox.receive(session, incoming, now=NOON)
    assert notice_id is not None
    return notice_id


def killed(sessions: Sessions, incoming: Incoming = KNOCK) -> int:
    """A notice that is dead: its handling broke too often."""

    def broken(_: Knock) -> tuple[str, ...]:
        raise ZeroDivisionError

    notice_id = received(sessions, incoming)
    for _ in range(inbox.MOST_ATTEMPTS):
        inbox.handle(sessions, {}, notice_id=notice_id, now=NOON, ask=broken)
    return notice_id


def replayed(sessions: Sessions, name: str) -> Notice:
    with sessions() as session:
        return inbox_desk.replay(session, name=name, actor="ann", reason="it is mended", now=LATER)


def ignored(sessions: Sessions, name: str) -> Notice:
    with sessions() as session:
        return inbox_desk.ignore(session, name=name, actor="ann", reason="a test of theirs", now=LATER)


def test_a_replayed_notice_is_handled_exactly_like_a_new_one(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    rail.pay(reference)
    notice_id = killed(sessions, replace(KNOCK, refs=("pi_unknown_then",)))
    fresh = received(sessions, replace(KNOCK, external_id="evt_2", refs=("pi_unknown_then",)))

    again = replayed(sessions, "evt_1")

    with sessions() as session:
        new = session.get_one(Notice, fresh)
        assert inbox.due(session, now=LATER) == [fresh, notice_id]
    alike = ("state", "reason", "error", "attempts", "leased_until", "handled_at", "refs", "kind")
    assert {name: getattr(again, name) for name in alike} == {name: getattr(new, name) for name in alike}
    states = [
        inbox.handle(sessions, rails, notice_id=each, now=LATER, ask=lambda _: (reference,))
        for each in (notice_id, fresh)
    ]
    assert (states, credits_of_agent()) == (["handled", "handled"], 500)


def test_a_handled_notice_that_is_replayed_grants_nothing_more(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    rail.pay(reference)
    notice_id = received(sessions, replace(KNOCK, refs=(reference,)))
    inbox.handle(sessions, rails, notice_id=notice_id, now=NOON)

    replayed(sessions, str(notice_id))
    state = inbox.handle(sessions, rails, notice_id=notice_id, now=LATER)

    assert (state, credits_of_agent()) == ("handled", 500)


def test_all_the_dead_are_replayed_and_nobody_else(sessions: Sessions) -> None:
    dead = [killed(sessions, replace(KNOCK, external_id=f"evt_{number}")) for number in range(3)]
    received(sessions, replace(KNOCK, external_id="evt_waiting"))

    with sessions() as session:
        found = inbox_desk.replay_dead(session, actor="ann", reason="the bug is gone", now=LATER)

    with sessions() as session:
        actions = session.exec(select(NoticeAction)).all()
    assert [each.notice_id for each in found] == dead == [each.notice_id for each in actions]
    assert {(each.action, each.actor, each.reason, each.from_state) for each in actions} == {
        ("replay", "ann", "the bug is gone", "dead")
    }


def test_an_ignored_notice_is_looked_at_by_nobody_and_says_why(sessions: Sessions) -> None:
    notice_id = killed(sessions)

    row = ignored(sessions, str(notice_id))

    assert (row.state, row.reason) == ("ignored", "a test of theirs")
    assert inbox.handle(sessions, {}, notice_id=notice_id, now=LATER) == "ignored"
    with sessions() as session:
        assert inbox.due(session, now=LATER + timedelta(days=1)) == []
        (action,) = inbox_desk.actions(session, row)
    assert (action.action, action.actor, action.from_state) == ("ignore", "ann", "dead")


def test_an_ignored_notice_that_is_delivered_again_stays_ignored(sessions: Sessions) -> None:
    notice_id = received(sessions)
    ignored(sessions, str(notice_id))

    with sessions() as session:
        again = inbox.receive(session, KNOCK, now=LATER)

    with sessions() as session:
        row = session.get_one(Notice, notice_id)
    assert (again, row.state, row.deliveries) == (None, "ignored", 2)


def test_what_is_over_cannot_be_ignored(sessions: Sessions) -> None:
    notice_id = received(sessions)
    inbox.handle(sessions, {}, notice_id=notice_id, now=NOON)

    with pytest.raises(errors.NothingToDo):
        ignored(sessions, str(notice_id))


def test_a_notice_that_is_being_handled_is_left_to_who_handles_it(sessions: Sessions) -> None:
    refused: list[type[Exception]] = []

    def ask(_: Knock) -> tuple[str, ...]:
        for decide in (replayed_now, ignored_now):
            with pytest.raises(errors.NoticeBusy) as caught:
                decide()
            refused.append(caught.type)
        return ()

    def replayed_now() -> None:
        with sessions() as session:
            inbox_desk.replay(session, name="evt_1", actor="ann", reason="now", now=NOON)

    def ignored_now() -> None:
        with sessions() as session:
            inbox_desk.ignore(session, name="evt_1", actor="ann", reason="now", now=NOON)

    inbox.handle(sessions, {}, notice_id=received(sessions), now=NOON, ask=ask)

    assert refused == [errors.NoticeBusy, errors.NoticeBusy]


@pytest.mark.parametrize("name", ["evt_unknown", "7", "9" * 30, "\u0663", ""])
def test_a_name_that_nobody_has_is_said_to_be_unknown(sessions: Sessions, name: str) -> None:
    received(sessions)

    with sessions() as session, pytest.raises(errors.NoticeNotFound):
        inbox_desk.find(session, name)


def test_notices_are_listed_by_state_and_by_kind_newest_first(sessions: Sessions) -> None:
    first = received(sessions)
    second = received(sessions, replace(KNOCK, external_id="evt_2", kind="charge.dispute.closed"))
    third = killed(sessions, replace(KNOCK, external_id="evt_3", kind="payout.paid"))

    with sessions() as session:
        by = {
            "all": inbox_desk.listed(session),
            "waiting": inbox_desk.listed(session, state="waiting"),
            "family": inbox_desk.listed(session, kind="charge.dispute.*"),
            "kind": inbox_desk.listed(session, kind="charge.dispute.created"),
            "few": inbox_desk.listed(session, limit=1),
        }

    assert {name: [row.notice_id for row in rows] for name, rows in by.items()} == {
        "all": [third, second, first],
        "waiting": [second, first],
        "family": [second, first],
        "kind": [first],
        "few": [third],
    }


def test_the_inbox_tells_how_it_stands(sessions: Sessions) -> None:
    killed(sessions)
    received(sessions, replace(KNOCK, external_id="evt_2"))
    with sessions() as session:
        inbox.receive(session, replace(KNOCK, external_id="evt_2"), now=NOON)
        inbox.receive(session, replace(KNOCK, external_id="evt_3", delivered=False), now=NOON)

    with sessions() as session:
        stats = inbox_desk.stats(session, now=LATER)

    assert stats.states == {"waiting": 2, "handled": 0, "ignored": 0, "dead": 1}
    assert (stats.lately, stats.repeats, stats.found_in_list) == (3, 1, 1)
    assert (stats.dead_reasons, stats.oldest_waiting) == ({"ZeroDivisionError": 1}, NOON)
