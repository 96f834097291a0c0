"""The tasks, called as a worker calls them, at times of the test's choosing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from sqlmodel import select, text

from ledger import audit, balances
from ledger.database import Sessions
from ledger.money import USDC, Amount
from rails import inbox
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.errors import RailUnreachable
from rails.exceptions import Wanted, listed
from rails.inbox import Ask
from rails.models import Notice, PaymentAttempt
from rails.notice import Incoming, Knock, Listed, Memory
from rails.rail import NeedsReview, Rails
from rails.settings import policy
from tests.ledger import make
from tests.ledger.full_book import do
from tests.office.proposing import Office
from tests.rails.conftest import NOON, buy
from workers import account_news, tasks
from workers.watching import StoryWatch


@dataclass
class FakeWiring:
    """A worker's wiring over fake rails and a real database."""

    sessions: Sessions
    rails: Rails
    related: Ask | None = None
    memory: Memory | None = None


@dataclass
class Queue:
    """What would have been sent to Redis."""

    attempts: list[str]
    notices: list[int]


@pytest.fixture
def rail() -> FakeRail:
    return crypto_deposit()


@pytest.fixture
def queue(sessions: Sessions, rail: FakeRail, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setenv("REDIS_URL", redis_url)
    sent = Queue([], [])
    wiring = FakeWiring(sessions, {rail.rail_id: rail})
    monkeypatch.setattr(tasks, "wired", lambda: wiring)
    monkeypatch.setattr(
        tasks.settle_attempt, "delay", lambda *, payment_attempt_id: sent.attempts.append(payment_attempt_id)
    )
    monkeypatch.setattr(tasks.handle_notice, "delay", lambda *, notice_id: sent.notices.append(notice_id))
    return sent


def open_attempt(sessions: Sessions, rail: FakeRail) -> PaymentAttempt:
    attempt = buy(sessions, {rail.rail_id: rail}, rail).attempt
    assert attempt is not None
    return attempt


def test_a_sweep_wakes_what_is_due_and_nothing_else(sessions: Sessions, rail: FakeRail, queue: Queue) -> None:
    attempt = open_attempt(sessions, rail)
    with sessions() as session:
        inbox.receive(session, Incoming("stripe", "evt_1", "x", ("pi_1",), b"{}"), now=NOON)

    with freeze_time(NOON) as clock:
        tasks.sweep()
        early = (list(queue.attempts), len(queue.notices))
        clock.tick(11)
        tasks.sweep()
        tasks.sweep()

    assert early == ([], 0)
    assert (queue.attempts, len(queue.notices)) == ([attempt.payment_attempt_id], 1)


def test_an_unpaid_attempt_expires_by_the_workers_clock(
    sessions: Sessions, rail: FakeRail, queue: Queue
) -> None:
    attempt = open_attempt(sessions, rail)

    with freeze_time("2026-11-20 13:00:00"):
        tasks.settle_attempt(payment_attempt_id=attempt.payment_attempt_id)

    with sessions() as session:
        kept = session.get_one(PaymentAttempt, attempt.payment_attempt_id)
    assert (kept.state, kept.looked_at) == ("expired", datetime(2026, 11, 20, 13, tzinfo=UTC))


def test_a_task_tolerates_arguments_of_a_newer_sender(
    sessions: Sessions, rail: FakeRail, queue: Queue
) -> None:
    attempt = open_attempt(sessions, rail)
    with sessions() as session:
        refs = (str(attempt.reference),)
        notice_id = inbox.receive(session, Incoming("stripe", "evt_1", "x", refs, b"{}"), now=NOON)

    with freeze_time(NOON):
        tasks.handle_notice(notice_id=notice_id, added_next_year="x")

    with sessions() as session:
        assert session.get_one(Notice, notice_id).state == "handled"


def test_the_sealer_seals_everything_that_is_decided(sessions: Sessions, queue: Queue) -> None:
    do(sessions, make.grant("g", 9), make.debit("too much", 99))

    tasks.seal()
    tasks.seal(added_next_year="x")

    with sessions() as session:
        report = audit.verify(session)
    assert (report.sealed, report.clean) == (2, True)


def test_without_a_key_nothing_is_delivered_and_nothing_fails(
    sessions: Sessions, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENNYRAIL_WEBHOOK_KEYS", raising=False)
    woken: list[bool] = []
    monkeypatch.setattr(tasks.deliver_webhooks, "delay", lambda: woken.append(True))
    do(sessions, make.grant("g", 9))
    tasks.seal()

    tasks.tell_events(added_next_year="x")
    tasks.tell_events()
    tasks.deliver_webhooks(added_next_year="x")

    assert woken == [True]


def test_what_is_due_is_done_for_every_agent_without_anybody_asking(sessions: Sessions, queue: Queue) -> None:
    agents = [f"agt_{number}" for number in range(120)]
    do(sessions, *(make.grant(agent, 9, agent=agent, expires_at=make.after(5)) for agent in agents))

    with freeze_time(make.after(6)):
        tasks.expire()

    with sessions() as session:
        left = {balances.snapshot(session, agent_id=agent, now=make.NOON).posted.units for agent in agents}
    assert left == {0}


@dataclass
class ListOf:
    """A processor's list of events."""

    found: list[Listed]
    unreachable: bool = False
    source: str = "stripe"
    reaches: timedelta = timedelta(days=30)

    def undelivered(self, *, since: datetime) -> Iterator[Listed]:
        """Nothing: only the whole list is asked for here."""
        return iter([each for each in self.found if each.happened_at < since])

    def after(self, external_id: str | None, *, since: datetime) -> Iterator[Listed]:
        """What is in the list."""
        if self.unreachable:
            raise RailUnreachable("the payment provider did not answer")
        names = [each.external_id for each in self.found]
        begins = 0 if external_id is None else names.index(external_id) + 1
        return iter([each for each in self.found[begins:] if each.happened_at >= since])


def test_what_no_webhook_brought_is_recovered_and_handled(
    sessions: Sessions, rail: FakeRail, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = open_attempt(sessions, rail)
    rail.pay(str(attempt.reference))
    missed = Incoming("stripe", "evt_1", "x", (str(attempt.reference),), b"{}", delivered=False)
    listed = ListOf([Listed("evt_1", NOON - timedelta(hours=6), missed)])
    wiring = FakeWiring(sessions, {rail.rail_id: rail}, memory=listed)
    monkeypatch.setattr(tasks, "wired", lambda: wiring)
    swept: list[bool] = []
    monkeypatch.setattr(tasks.sweep, "delay", lambda: swept.append(True))

    with freeze_time(NOON) as clock:
        tasks.recover_notices(added_next_year="x")
        tasks.recover_notices()
        clock.tick(11)
        tasks.sweep()
        tasks.handle_notices(notice_ids=queue.notices, added_next_year="x")

    with sessions() as session:
        kept = session.exec(select(Notice)).one()
        credits = balances.snapshot(session, agent_id=attempt.agent_id, now=NOON).posted.units
    assert (swept, kept.state, credits) == ([True], "handled", 500)


def test_a_processor_that_does_not_answer_is_asked_for_its_list_again_at_the_next_beat(
    sessions: Sessions, queue: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wiring = FakeWiring(sessions, {}, memory=ListOf([], unreachable=True))
    monkeypatch.setattr(tasks, "wired", lambda: wiring)

    tasks.recover_notices()

    assert "could not be read to its end" in caplog.text


def test_a_notice_that_breaks_does_not_stop_the_others_of_its_message(
    sessions: Sessions, rail: FakeRail, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Knock) -> Sequence[str]:
        raise RailUnreachable("the payment provider did not answer")

    wiring = FakeWiring(sessions, {rail.rail_id: rail}, related=broken)
    monkeypatch.setattr(tasks, "wired", lambda: wiring)
    attempt = open_attempt(sessions, rail)
    with sessions() as session:
        ids = [
            inbox.receive(session, Incoming("stripe", f"evt_{about}", "x", (about,), b"{}"), now=NOON)
            for about in ("pi_of_nobody", str(attempt.reference))
        ]

    with freeze_time(NOON):
        tasks.handle_notices(notice_ids=ids)

    with sessions() as session:
        states = [session.get_one(Notice, notice_id).state for notice_id in ids]
    assert states == ["waiting", "handled"]


def test_what_a_slow_processor_leaves_of_a_message_is_found_by_the_sweeper(
    sessions: Sessions, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions() as session:
        ids = [
            inbox.receive(session, Incoming("stripe", f"evt_{name}", "payout.paid", (name,), b"{}"), now=NOON)
            for name in ("po_1", "po_2", "po_3")
        ]
    with freeze_time(NOON) as clock:

        def slow(_: Knock) -> bool:
            clock.tick(41)
            return True

        monkeypatch.setattr(account_news, "heard", slow)
        tasks.handle_notices(notice_ids=ids)
        with sessions() as session:
            states = [session.get_one(Notice, notice_id).state for notice_id in ids]
        clock.tick(11)
        tasks.sweep()

    assert states == ["handled", "waiting", "waiting"]
    assert sorted(queue.notices) == ids[1:]


def test_a_payout_is_of_use_to_somebody_and_other_strangers_are_not(sessions: Sessions, queue: Queue) -> None:
    with sessions() as session:
        ids = [
            inbox.receive(session, Incoming("stripe", f"evt_{kind}", kind, ("po_1",), b"{}"), now=NOON)
            for kind in ("payout.paid", "payment_intent.succeeded")
        ]

    with freeze_time(NOON):
        tasks.handle_notices(notice_ids=ids)

    with sessions() as session:
        states = [session.get_one(Notice, notice_id).state for notice_id in ids]
    assert states == ["handled", "ignored"]


def test_the_worker_credits_what_the_policy_credits_by_itself(
    sessions: Sessions, rail: FakeRail, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_POLICY_OVERPAID", "credit")
    policy.cache_clear()
    attempt, six = open_attempt(sessions, rail), Amount(6_000_000, USDC)
    policy.cache_clear()
    assert queue.attempts == []
    rail._outcomes[str(attempt.reference)] = lambda _: NeedsReview(
        "overpaid", Amount(5_000_000, USDC), six, final=six
    )

    with freeze_time(NOON):
        tasks.settle_attempt(payment_attempt_id=attempt.payment_attempt_id)
        tasks.decide_exceptions()
        tasks.decide_exceptions()

    with sessions() as session:
        assert balances.snapshot(session, agent_id=attempt.agent_id, now=NOON).posted.units == 600
        assert session.get_one(PaymentAttempt, attempt.payment_attempt_id).state == "succeeded"


def test_a_chain_that_changed_below_final_waits_for_a_person_until_it_is_read_again(
    sessions: Sessions, queue: Queue
) -> None:
    cursor = (
        "INSERT INTO chain_cursor (chain_id, generation, block_number, block_hash, block_time, head_number,"
        " head_time, depth_policy, audited_number, scanned_at, deeper_than_final_at)"
        " VALUES (8453, 1, 7, '0x' || repeat('a', 64), now(), 7, now(), 'safe', 0, now(), now())"
    )
    with sessions() as session:
        session.connection().exec_driver_sql(cursor)
        StoryWatch(NOON).deeper_than_final(session, chain_id=8453, detail="final block 7 changed its hash")
    assert queue.attempts == []

    states = []
    with freeze_time(NOON):
        for restarted in (False, True):
            if restarted:
                with sessions() as session:
                    session.connection().exec_driver_sql(
                        "UPDATE chain_cursor SET deeper_than_final_at = NULL"
                    )
            tasks.decide_exceptions()
            with sessions() as session:
                states += [line.state for line in listed(session, Wanted(state="all"), now=NOON)]

    assert states == ["open", "closed"]


def test_proposals_that_nobody_decided_in_time_are_expired_by_the_workers_clock(
    sessions: Sessions, queue: Queue
) -> None:
    people = Office.opened(sessions)
    number = people.propose("policy", {"name": "late", "outcome": "credit"})

    with freeze_time(NOON) as clock:
        clock.tick(timedelta(hours=71))
        tasks.expire_proposals()
        early = people.told()[-1]
        clock.tick(timedelta(hours=1))
        tasks.expire_proposals()

    assert (early[1], people.told()[-1][1]) == ("proposal.create", "proposal.expire")
    assert people.state(number) == "expired"


def test_figures_are_counted_from_what_is_sealed(queue: Queue, sessions: Sessions) -> None:
    assert queue.attempts == []
    do(sessions, make.grant("g1", 10, cents=10))
    tasks.seal()

    tasks.count_figures()
    tasks.count_figures()

    with sessions() as session:
        found = session.connection().execute(text("SELECT what, credits, cents FROM figure_day")).all()
    assert [tuple(row) for row in found] == [("granted", 10, 10)]
