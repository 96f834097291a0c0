"""An agent's lots, holds and balance over time, a page at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import text

from ledger import balances, chart, explain, freezes, history, holds, lots, walk
from ledger.database import Sessions
from ledger.errors import Malformed
from tests.ledger.story import (
    AGENT,
    HOUR,
    NOON,
    capture,
    debit,
    do,
    everything,
    hold,
    paid,
    promotional,
    release,
)

ACCOUNT = chart.agent(AGENT)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


def test_lots_tell_what_the_explanation_tells(credited: Sessions) -> None:
    everything(credited)

    with credited() as session:
        told = explain.explain(session, agent_id=AGENT, at=FAR_AHEAD)
        page = lots.newest(session, agent_id=AGENT, most=50)

    assert page.next is None
    assert [each.lot_id for each in page.lots] == [each.lot_id for each in told.lots][::-1]
    for lot, story in zip(page.lots, told.lots[::-1], strict=True):
        assert (lot.key, lot.granted, lot.paid) == (story.key, story.granted, story.paid)
        assert (lot.left, lot.cents_left, lot.taken_back) == (story.left, story.cents_left, story.refunded)
        assert lot.gone == story.spent + story.expired
        assert lot.granted - lot.taken_back - lot.gone == lot.left


def test_the_changes_of_a_lot_are_those_of_the_explanation(credited: Sessions) -> None:
    everything(credited)

    with credited() as session:
        told = explain.explain(session, agent_id=AGENT, at=FAR_AHEAD)
        for story in told.lots:
            step = lots.changes(session, agent_id=AGENT, lot_id=story.lot_id, most=50)
            assert step.next is None
            assert [(each.what, each.key, each.credits, each.cents) for each in step.found[::-1]] == [
                (each.what, each.key, each.credits, each.cents) for each in story.movements
            ]


def test_pages_of_lots_hold_every_lot_once(credited: Sessions) -> None:
    do(credited, *(paid(f"purchase:{number}", 10) for number in range(7)))

    seen, before, sizes = [], None, []
    with credited() as session:
        while True:
            page = lots.newest(session, agent_id=AGENT, most=3, before=before)
            seen += [each.key for each in page.lots]
            sizes.append(len(page.lots))
            before = page.next
            if before is None:
                break

    assert seen == [f"purchase:{number}" for number in range(6, -1, -1)]
    assert sizes == [3, 3, 1]


def test_the_lot_that_lapses_first_is_used_next_and_spent_ones_are_not_named(credited: Sessions) -> None:
    do(
        credited,
        paid("purchase:1", 10),
        promotional("soon", 5, expires_at=NOON + HOUR),
        paid("purchase:2", 3),
    )
    do(credited, debit("d", 5))

    with credited() as session:
        next_used = lots.next_used(session, agent_id=AGENT, most=2)
        both = [each.key for each in next_used]

    assert both == ["purchase:1", "purchase:2"]


def test_a_lot_of_another_agent_is_not_this_ones(credited: Sessions) -> None:
    do(credited, paid("purchase:1", 10), paid("purchase:2", 10, agent="agt_2"))

    with credited() as session:
        theirs = lots.newest(session, agent_id="agt_2", most=1).lots[0].lot_id
        mine = lots.one(session, agent_id=AGENT, lot_id=theirs)
        changes = lots.changes(session, agent_id=AGENT, lot_id=theirs, most=10)

    assert (mine, changes.found) == (None, ())


def test_open_holds_come_in_the_order_in_which_they_run_out(credited: Sessions) -> None:
    late, soon, ended = hold("late", 3, expires_at=NOON + 2 * HOUR), hold("soon", 4), hold("ended", 5)
    do(credited, paid("purchase:1", 100), late, soon, ended, capture("c", ended, 2))

    with credited() as session:
        first = holds.standing(session, agent_id=AGENT, most=1)
        rest = holds.standing(session, agent_id=AGENT, most=1, after=first.next)

    assert [each.job for each in (*first.holds, *rest.holds)] == ["job_soon", "job_late"]
    assert rest.next is None


def test_holds_that_were_placed_tell_how_they_ended(credited: Sessions) -> None:
    taken, freed, stands = hold("taken", 3), hold("freed", 4), hold("stands", 5)
    do(credited, paid("purchase:1", 100), taken, freed, stands, capture("c", taken, 2), release("r", freed))

    with credited() as session:
        told = holds.placed(session, agent_id=AGENT, most=10)

    assert told.next is None
    assert [(each.job, each.state, each.captured.units) for each in told.found] == [
        ("job_stands", "open", 0),
        ("job_freed", "released", 0),
        ("job_taken", "captured", 2),
    ]
    assert [each.closed_at is None for each in told.found] == [True, False, False]


def test_a_walk_reads_no_more_than_its_step_and_says_where_to_go_on(
    credited: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MOST_READ", 4)
    old = hold("old", 3)
    do(credited, paid("purchase:1", 100), old, *(debit(f"d{number}", 1) for number in range(8)))

    steps, before = [], None
    with credited() as session:
        while True:
            step = holds.placed(session, agent_id=AGENT, most=10, before=before)
            steps.append([each.job for each in step.found])
            before = step.next
            if before is None:
                break

    assert steps == [[], [], ["job_old"]]


def test_short_pages_hold_every_change_of_a_lot_once(credited: Sessions) -> None:
    do(credited, paid("purchase:1", 100), *(debit(f"d{number}", 1) for number in range(9)))

    found, before = [], None
    with credited() as session:
        [lot] = lots.newest(session, agent_id=AGENT, most=1).lots
        while True:
            step = lots.changes(session, agent_id=AGENT, lot_id=lot.lot_id, most=2, before=before)
            found += [each.key for each in step.found]
            before = step.next
            if before is None:
                break

    assert found == [*(f"d{number}" for number in range(8, -1, -1)), "purchase:1"]


def test_the_course_of_a_balance_is_the_balance_at_each_of_its_moments(credited: Sessions) -> None:
    everything(credited)
    now = datetime.now(UTC)
    begins_at = now - timedelta(minutes=5)

    with credited() as session:
        course = history.course(session, account=ACCOUNT, begins_at=begins_at, ends_at=now, points=61)
        then = [history.balance_at(session, account=ACCOUNT, at=point.at) for point in course]

    assert course == then
    assert (course[0].at, course[-1].at, len(course)) == (begins_at, now, 61)
    assert course[-1].version > course[0].version == 0


def test_a_course_of_an_account_that_was_never_opened_is_empty(sessions: Sessions) -> None:
    with sessions() as session:
        assert history.course(session, account=ACCOUNT, begins_at=NOON, ends_at=NOON + HOUR, points=3) == []
        assert balances.standing(session, agent_id=AGENT) is None
        with pytest.raises(Malformed):
            history.course(session, account=ACCOUNT, begins_at=NOON, ends_at=NOON, points=3)


def test_what_was_booked_last_is_told_without_doing_what_is_due(credited: Sessions) -> None:
    do(credited, promotional("lapses", 30, expires_at=NOON + HOUR), paid("purchase:1", 10))

    with credited() as session:
        before = balances.standing(session, agent_id=AGENT)
        told = session.connection().execute(text("SELECT count(*) FROM ledger_transaction")).scalar_one()

    assert before is not None
    assert (before.posted.units, before.due_at, before.frozen, told) == (40, NOON + HOUR, False, 2)


def test_freezes_come_newest_first_and_only_standing_ones_stand(credited: Sessions) -> None:
    with credited() as session:
        for name in ("a", "b", "c"):
            freezes.freeze(
                session, agent_id=AGENT, reference=name, reason=f"why {name}", frozen_by="anna", now=NOON
            )
        middle = freezes.of_reference(session, reference="b")
        assert middle is not None
        freezes.lift(session, freeze_id=middle.freeze.freeze_id, reason="over", thawed_by="ben", now=NOON)

        page = freezes.newest(session, agent_id=AGENT, most=2)
        rest = freezes.newest(session, agent_id=AGENT, most=2, before=page[-1].freeze.freeze_id)
        stands = freezes.standing(session, agent_id=AGENT)

    assert [(each.freeze.reference, each.thaw is None) for each in (*page, *rest)] == [
        ("c", True),
        ("b", False),
        ("a", True),
    ]
    assert [each.reference for each in stands] == ["a", "c"]
