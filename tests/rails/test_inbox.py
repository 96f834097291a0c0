"""The inbox: kept once, handled until it is done, and never believed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlmodel import select

from ledger.database import Sessions
from rails import evidence, inbox, purchase, schedule
from rails.conformance.fakes import FakeRail
from rails.errors import RailUnreachable
from rails.inbox import MOST_ATTEMPTS
from rails.models import Notice, NoticeAction
from rails.notice import Incoming, Knock
from rails.rail import Evidence, Rails
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


@dataclass
class Broken:
    """A processor's door that breaks at every knock."""

    error: Exception = field(default_factory=ZeroDivisionError)
    times: int = 0

    def __call__(self, _knock: Knock) -> Sequence[str]:
        self.times += 1
        raise self.error


def handle_at(sessions: Sessions, notice_id: int, moment: datetime, ask: inbox.Ask | None = None) -> str:
    return inbox.handle(sessions, {}, notice_id=notice_id, now=moment, ask=ask)


def received(sessions: Sessions, incoming: Incoming = KNOCK) -> int:
    notice_id = receive(sessions, incoming)
    assert notice_id is not None
    return notice_id


def test_many_that_come_at_once_are_each_kept_once_in_one_statement(sessions: Sessions) -> None:
    came = [replace(KNOCK, external_id=f"evt_{number % 7}") for number in range(40)]

    with sessions() as session:
        woken = inbox.receive_all(session, came, now=NOON)

    with sessions() as session:
        rows = session.exec(select(Notice)).all()
    assert len(set(woken)) == len(woken) == len(rows) == 7
    assert sum(row.deliveries for row in rows) == 40


def test_given_many_deliverers_of_the_same_notices_then_each_is_kept_once_and_woken_once(
    sessions: Sessions,
) -> None:
    came = [replace(KNOCK, external_id=f"evt_{number}") for number in range(30)]

    def deliver(turn: int) -> Sequence[int]:
        with sessions() as session:
            return inbox.receive_all(session, came if turn % 2 else came[::-1], now=NOON)

    with ThreadPoolExecutor(8) as pool:
        woken = [notice_id for each in pool.map(deliver, range(8)) for notice_id in each]

    with sessions() as session:
        rows = session.exec(select(Notice)).all()
    assert len(woken) == len(set(woken)) == len(rows) == 30
    assert {row.deliveries for row in rows} == {8}


def test_an_event_found_in_the_list_counts_as_no_delivery_and_a_later_one_wakes_nobody(
    sessions: Sessions,
) -> None:
    found = received(sessions, replace(KNOCK, delivered=False))
    again = receive(sessions, replace(KNOCK, delivered=False))
    before = kept(sessions, found).deliveries
    delivered = receive(sessions, KNOCK)

    assert (again, delivered) == (None, None)
    assert (before, kept(sessions, found).deliveries) == (0, 1)


def test_a_refund_is_matched_by_the_payment_intent_that_the_evidence_holds(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, attempt_id: str
) -> None:
    with sessions() as session:
        said = Evidence("stripe", "cs_1", "complete", {"payment_intent_id": "pi_of_the_session"})
        evidence.keep(session, attempt_id, (said,), now=NOON)
    refund = replace(KNOCK, kind="refund.created", refs=("re_1", "pi_of_the_session", "ch_1"))
    rail.pay(reference)

    state = inbox.handle(sessions, rails, notice_id=received(sessions, refund), now=NOON)

    assert state == "handled"


def test_a_notice_is_matched_by_our_own_id_in_its_metadata(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Callable[[], int],
) -> None:
    notice_id = received(sessions, replace(KNOCK, refs=("pi_never_seen", attempt_id)))
    rail.pay(reference)

    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON)

    assert (state, credits_of_agent()) == ("handled", 500)


def test_a_notice_that_nobody_here_knows_is_matched_by_asking_its_processor(
    sessions: Sessions, rails: Rails, attempt_id: str
) -> None:
    asked: list[Knock] = []

    def ask(knock: Knock) -> Sequence[str]:
        asked.append(knock)
        return ("pi_1", attempt_id)

    notice_id = received(sessions, replace(KNOCK, kind="refund.created", refs=("re_1",)))

    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=ask)

    assert (state, asked) == ("handled", [Knock("stripe", "refund.created", ("re_1",))])


def test_a_notice_about_the_account_is_handled_by_whoever_has_use_for_it(sessions: Sessions) -> None:
    heard: list[Knock] = []

    def hear(knock: Knock) -> bool:
        heard.append(knock)
        return True

    notice_id = received(sessions, replace(KNOCK, kind="payout.paid", refs=("po_1",)))

    state = inbox.handle(sessions, {}, notice_id=notice_id, now=NOON, on_unmatched=hear)

    assert (state, heard) == ("handled", [Knock("stripe", "payout.paid", ("po_1",))])


def test_a_notice_that_somebody_handles_is_left_alone_until_the_lease_ends(
    sessions: Sessions, rails: Rails, attempt_id: str
) -> None:
    inside: list[str] = []

    def ask(_: Knock) -> Sequence[str]:
        inside.append(inbox.handle(sessions, rails, notice_id=notice_id, now=NOON))
        with sessions() as session:
            inside.append(str(inbox.due(session, now=NOON + timedelta(seconds=100))))
        return (attempt_id,)

    notice_id = received(sessions)

    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=ask)

    assert (state, inside) == ("handled", ["waiting", "[]"])
    assert kept(sessions, notice_id).attempts == 1


def test_given_twenty_workers_for_one_notice_then_it_is_handled_by_one(sessions: Sessions) -> None:
    handled: list[Knock] = []

    def hear(knock: Knock) -> bool:
        handled.append(knock)
        return True

    notice_id = received(sessions)

    with ThreadPoolExecutor(20) as pool:
        states = list(
            pool.map(
                lambda _: inbox.handle(sessions, {}, notice_id=notice_id, now=NOON, on_unmatched=hear),
                range(20),
            )
        )

    assert len(handled) == 1
    assert set(states) <= {"handled", "waiting"}


def test_given_a_worker_that_died_with_a_notice_then_another_takes_it_when_the_lease_ends(
    sessions: Sessions,
) -> None:
    def die(_: Knock) -> Sequence[str]:
        raise KeyboardInterrupt

    notice_id = received(sessions)
    with pytest.raises(KeyboardInterrupt):
        handle_at(sessions, notice_id, NOON, die)

    early = handle_at(sessions, notice_id, NOON + timedelta(seconds=179))
    with sessions() as session:
        woken = inbox.due(session, now=NOON + timedelta(seconds=180))
    late = handle_at(sessions, notice_id, NOON + timedelta(seconds=180))

    assert (early, woken, late) == ("waiting", [notice_id], "ignored")


def test_a_notice_that_kills_whoever_handles_it_is_dead_at_last(sessions: Sessions) -> None:
    def die(_: Knock) -> Sequence[str]:
        raise KeyboardInterrupt

    notice_id, moment = received(sessions), NOON
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            handle_at(sessions, notice_id, moment, die)
        moment += timedelta(seconds=180)

    state = handle_at(sessions, notice_id, moment, die)

    assert (state, kept(sessions, notice_id).reason) == ("dead", "LeaseLapsed")


def test_who_comes_back_after_its_lease_changes_nothing_any_more(sessions: Sessions) -> None:
    later = NOON + timedelta(seconds=200)

    def hang(_: Knock) -> Sequence[str]:
        assert handle_at(sessions, notice_id, later) == "ignored"
        raise ZeroDivisionError

    notice_id = received(sessions)

    state = handle_at(sessions, notice_id, NOON, hang)

    assert state == "ignored"
    assert (kept(sessions, notice_id).attempts, kept(sessions, notice_id).error) == (2, None)


def test_each_try_waits_about_twice_as_long_as_the_one_before_up_to_an_hour(sessions: Sessions) -> None:
    notice_id, moment, waits = received(sessions), NOON, []
    for _ in range(MOST_ATTEMPTS - 1):
        handle_at(sessions, notice_id, moment, Broken())
        again = kept(sessions, notice_id).try_at
        assert again is not None
        waits.append((again - moment).total_seconds())
        moment = again

    expected = [min(2**number, 3600) for number in range(1, MOST_ATTEMPTS)]
    shares = [wait / plain for wait, plain in zip(waits, expected, strict=True)]
    assert all(0.8 <= share <= 1.2 for share in shares)
    assert len({round(share, 3) for share in shares}) > 10


def test_a_notice_whose_handling_breaks_comes_up_again_and_at_last_is_dead(sessions: Sessions) -> None:
    notice_id, broken = received(sessions), Broken(RailUnreachable("the payment provider did not answer"))

    states = [handle_at(sessions, notice_id, NOON, broken) for _ in range(MOST_ATTEMPTS + 1)]

    row = kept(sessions, notice_id)
    assert states == ["waiting"] * (MOST_ATTEMPTS - 1) + ["dead", "dead"]
    assert broken.times == row.attempts == MOST_ATTEMPTS
    assert (row.reason, row.error) == ("RailUnreachable", "the payment provider did not answer")
    assert (row.try_at, row.leased_until) == (None, None)


def test_what_a_handling_broke_with_is_kept_short_and_without_secrets(sessions: Sessions) -> None:
    said = "cannot reach postgres://me:hunter2@db with sk_live_abcdefgh12345678 " + "x" * 1000 + "\nrow: 4242"
    notice_id = received(sessions)

    handle_at(sessions, notice_id, NOON, Broken(RuntimeError(said)))

    row = kept(sessions, notice_id)
    assert row.error is not None
    assert (row.reason, len(row.error)) == ("RuntimeError", 300)
    assert not any(secret in row.error for secret in ("hunter2", "sk_live", "4242"))


def test_one_bad_notice_does_not_stop_the_others(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    bad = received(sessions, replace(KNOCK, external_id="evt_bad", refs=("pi_bad",)))
    good = received(sessions, replace(KNOCK, external_id="evt_good", refs=(reference,)))
    rail.pay(reference)

    with sessions() as session:
        woken = inbox.due(session, now=NOON + timedelta(minutes=1))
    states = [inbox.handle(sessions, rails, notice_id=each, now=NOON, ask=Broken()) for each in woken]

    assert woken == [bad, good]
    assert (states, credits_of_agent()) == (["waiting", "handled"], 500)


def test_a_dead_notice_that_is_delivered_again_is_tried_again_and_that_is_written_down(
    sessions: Sessions,
) -> None:
    notice_id = received(sessions)
    for _ in range(MOST_ATTEMPTS):
        handle_at(sessions, notice_id, NOON, Broken())

    listed = receive(sessions, replace(KNOCK, delivered=False))
    again = receive(sessions, KNOCK)

    row = kept(sessions, notice_id)
    assert (listed, again) == (None, notice_id)
    assert (row.state, row.attempts, row.reason, row.error) == ("waiting", 0, None, None)
    with sessions() as session:
        action = session.exec(select(NoticeAction)).one()
    assert (action.action, action.actor, action.from_state) == ("replay", "sender:stripe", "dead")


def test_given_a_crash_between_settling_and_finishing_then_handling_again_grants_nothing_more(
    sessions: Sessions,
    rails: Rails,
    rail: FakeRail,
    reference: str,
    attempt_id: str,
    credits_of_agent: Callable[[], int],
) -> None:
    notice_id = received(sessions, replace(KNOCK, refs=(reference,)))
    rail.pay(reference)
    with sessions() as session:
        notice = session.get_one(Notice, notice_id)
        notice.attempts, notice.leased_until = 1, NOON + timedelta(seconds=180)
    purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=NOON)

    with sessions() as session:
        woken = inbox.due(session, now=NOON + timedelta(seconds=180))
    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON + timedelta(seconds=180))

    assert woken == [notice_id]
    assert (state, credits_of_agent()) == ("handled", 500)


def test_an_unreachable_processor_leaves_the_notice_done_and_the_attempt_on_the_clock(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    notice_id = received(sessions, replace(KNOCK, refs=(reference,)))
    rail.unreachable = True
    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON)
    rail.unreachable = False
    rail.pay(reference)

    woken = _looked_at(sessions, rails)

    assert (state, woken, credits_of_agent()) == ("handled", 1, 500)


def test_notices_in_any_order_end_in_the_same_state(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, credits_of_agent: Callable[[], int]
) -> None:
    kinds = ["payment_intent.succeeded", "payment_intent.processing", "payment_intent.requires_action"]
    rail.pay(reference)

    states = [
        inbox.handle(
            sessions,
            rails,
            notice_id=received(
                sessions, replace(KNOCK, external_id=f"evt_{kind}", kind=kind, refs=(reference,))
            ),
            now=NOON,
        )
        for kind in kinds
    ]

    assert (states, credits_of_agent()) == (["handled"] * 3, 500)


def test_what_was_decided_of_a_notice_is_never_changed(sessions: Sessions, database_url: str) -> None:
    received(sessions)
    with psycopg.connect(database_url, autocommit=True) as book:
        book.execute(
            "INSERT INTO notice_action (notice_id, action, actor, reason, from_state, acted_at)"
            " SELECT notice_id, 'ignore', 'me', 'because', state, now() FROM notice"
        )

        for change in ("UPDATE notice_action SET actor = 'you'", "DELETE FROM notice_action"):
            with pytest.raises(psycopg.errors.DatabaseError, match="is refused"):
                book.execute(change)
        with pytest.raises(psycopg.errors.CheckViolation, match="says_why"):
            book.execute(
                "INSERT INTO notice_action (notice_id, action, actor, reason, from_state, acted_at)"
                " SELECT notice_id, 'ignore', 'me', ' ', state, now() FROM notice"
            )


def _looked_at(sessions: Sessions, rails: Rails) -> int:
    """How many attempts were due within a minute, each looked at."""
    later = NOON + timedelta(minutes=1)
    with sessions() as session:
        due = schedule.due(session, now=later)
    for attempt_id in due:
        purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=later)
    return len(due)
