"""Gap recovery, against the Stripe twin: an endpoint that was away for hours loses nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from pydantic import SecretStr
from sqlmodel import col, select

from ledger.database import Sessions
from rails import errors, inbox, recovery
from rails.models import Notice, NoticeCursor
from rails.notice import Listed
from rails.stripe.client import connect
from rails.stripe.events import StripeMemory
from rails.stripe.settings import StripeSettings
from sandbox.stripe_twin import Fault, Switches
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin, Receiver

SECRET = "whsec_of_the_recovery_tests"
REACHES = timedelta(days=30)


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def receiver(twin: LocalTwin) -> Iterator[Receiver]:
    """An endpoint that answers, but keeps nothing here."""
    with twin_world.receiver() as listening:
        twin.control.register_endpoint(listening.url, secrets=[SECRET])
        yield listening


@pytest.fixture
def memory(twin: LocalTwin) -> StripeMemory:
    settings = StripeSettings(
        secret_key=SecretStr(twin_world.KEY),
        webhook_secrets=(SecretStr(SECRET),),
        api_base=twin.url,
        retries=0,
    )
    return StripeMemory(connect(settings), settings)


@pytest.fixture
def client(twin: LocalTwin) -> stripe.StripeClient:
    return twin_world.sdk(twin.url)


@contextmanager
def away(twin: LocalTwin) -> Iterator[None]:
    """Nothing is delivered, and nothing tried again."""
    twin.control.set_switches(Switches(drop_all=True))
    yield
    twin.control.set_switches(Switches())


def now(twin: LocalTwin) -> datetime:
    return datetime.fromtimestamp(twin.control.now(), UTC)


def notices(sessions: Sessions) -> list[Notice]:
    with sessions() as session:
        return list(session.exec(select(Notice).order_by(col(Notice.notice_id))).all())


def cursor(sessions: Sessions) -> NoticeCursor | None:
    with sessions() as session:
        return session.get(NoticeCursor, "stripe")


def happened(client: stripe.StripeClient) -> list[stripe.Event]:
    """Every event that Stripe lists and that this house acts on, oldest first."""
    wanted = list(client.v1.events.list({"limit": 100}).auto_paging_iter())
    return [each for each in wanted if not each.type.endswith(".created")][::-1]


def test_an_endpoint_that_was_away_for_hours_loses_nothing(
    sessions: Sessions, twin: LocalTwin, receiver: Receiver, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    with away(twin):
        for _ in range(60):
            twin_world.deposit(client)
        twin.control.advance_clock(seconds=6 * 3600)

    found = recovery.recover(sessions, memory, now=now(twin))

    kept = notices(sessions)
    assert receiver.received == []
    assert len(kept) == 60
    assert found.notice_ids == [row.notice_id for row in kept]
    assert {row.external_id for row in kept} == {event.id for event in happened(client)}
    assert {(row.state, row.deliveries) for row in kept} == {("waiting", 0)}


def test_recovering_again_finds_nothing_and_reads_on_from_the_cursor(
    sessions: Sessions, twin: LocalTwin, receiver: Receiver, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    for _ in range(3):
        twin_world.deposit(client)
    twin.control.advance_clock(seconds=600)
    first = recovery.recover(sessions, memory, now=now(twin))
    read_until = cursor(sessions)
    twin.control.forget_requests()

    second = recovery.recover(sessions, memory, now=now(twin))
    twin_world.deposit(client)
    third = recovery.recover(sessions, memory, now=now(twin))

    assert read_until is not None
    assert (len(first.notice_ids), second.notice_ids, len(third.notice_ids)) == (3, [], 1)
    assert read_until.external_id == happened(client)[2].id
    assert len(notices(sessions)) == 4


def test_what_was_delivered_and_what_was_not_are_kept_once_each(
    sessions: Sessions, twin: LocalTwin, receiver: Receiver, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)
    delivered = happened(client)[0]
    with sessions() as session:
        listed = next(each for each in memory.after(None, since=now(twin) - REACHES) if each.incoming)
        assert listed.incoming is not None
        inbox.receive(session, listed.incoming, now=now(twin))
    with away(twin):
        twin_world.deposit(client)

    found = recovery.recover(sessions, memory, now=now(twin))

    assert [row.external_id for row in notices(sessions)] == [event.id for event in happened(client)]
    assert len(found.notice_ids) == 1
    assert listed.external_id == delivered.id


def test_what_was_not_delivered_comes_first(
    sessions: Sessions, twin: LocalTwin, receiver: Receiver, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)
    twin_world.until(lambda: len(receiver.received) == 2)
    twin_world.until(lambda: {row.state for row in twin.control.deliveries()} == {"delivered"})
    with away(twin):
        lost = twin_world.deposit(client)

    recovery.recover(sessions, memory, now=now(twin))

    assert notices(sessions)[0].refs[0] == lost.id
    assert len(notices(sessions)) == 2


def test_a_young_event_does_not_move_the_cursor_past_one_that_is_listed_late(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)

    recovery.recover(sessions, memory, now=now(twin))
    young = cursor(sessions)
    twin.control.advance_clock(seconds=301)
    recovery.recover(sessions, memory, now=now(twin))

    settled = cursor(sessions)
    assert young is None
    assert settled is not None
    assert settled.external_id == happened(client)[-1].id


def test_given_stripe_breaks_in_the_middle_then_the_next_pass_goes_on_there(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    for _ in range(120):
        twin_world.deposit(client)
    twin.control.advance_clock(seconds=600)
    breaking = Breaking(memory, after=150)

    with pytest.raises(errors.RailUnreachable):
        recovery.recover(sessions, breaking, now=now(twin))
    half, kept = cursor(sessions), len(notices(sessions))
    recovery.recover(sessions, memory, now=now(twin))

    assert half is not None
    assert 0 < kept < 120
    assert {row.external_id for row in notices(sessions)} == {event.id for event in happened(client)}
    assert len(notices(sessions)) == 120


def test_given_the_cursors_event_is_listed_no_more_then_all_that_is_listed_is_read(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    with sessions() as session:
        long_ago = now(twin) - timedelta(days=40)
        session.add(
            NoticeCursor(source="stripe", external_id="evt_gone", happened_at=long_ago, moved_at=long_ago)
        )
    twin_world.deposit(client)
    twin.control.advance_clock(seconds=600)

    found = recovery.recover(sessions, memory, now=now(twin))

    moved = cursor(sessions)
    assert len(found.notice_ids) == 1
    assert moved is not None
    assert moved.external_id == happened(client)[-1].id


def test_recovering_since_a_time_leaves_the_cursor_where_it_is(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)
    twin.control.advance_clock(seconds=3600)
    twin_world.deposit(client)
    twin.control.advance_clock(seconds=600)

    part = recovery.recover(sessions, memory, now=now(twin), since=now(twin) - timedelta(minutes=30))
    whole = recovery.recover(sessions, memory, now=now(twin), since=now(twin) - timedelta(days=400))

    assert cursor(sessions) is None
    assert (len(part.notice_ids), len(whole.notice_ids)) == (1, 1)


def test_types_that_nobody_acts_on_are_not_taken_from_the_list(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory, client: stripe.StripeClient
) -> None:
    twin_world.deposit(client)

    found = recovery.recover(sessions, memory, now=now(twin))

    assert found.listed > len(found.notice_ids) == 1
    assert {row.kind for row in notices(sessions)} == {"payment_intent.requires_action"}


def test_a_stripe_that_does_not_answer_changes_nothing(
    sessions: Sessions, twin: LocalTwin, memory: StripeMemory
) -> None:
    twin.control.fail(Fault(kind="status", path_prefix="/v1/events", status=503, times=9))

    with pytest.raises(errors.RailUnreachable):
        recovery.recover(sessions, memory, now=now(twin))

    assert cursor(sessions) is None


class Breaking:
    """A memory that breaks in the middle of the list."""

    source = "stripe"
    reaches = REACHES

    def __init__(self, memory: StripeMemory, *, after: int) -> None:
        self._memory = memory
        self._left = after

    def undelivered(self, *, since: datetime) -> Iterator[Listed]:
        """What the list says."""
        return self._memory.undelivered(since=since)

    def after(self, external_id: str | None, *, since: datetime) -> Iterator[Listed]:
        """The list, up to where it breaks."""
        for each in self._memory.after(external_id, since=since):
            if not self._left:
                raise errors.RailUnreachable("the payment provider did not answer")
            self._left -= 1
            yield each
