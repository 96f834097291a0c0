"""Outgoing webhooks as operators read them: what each endpoint was told, every try, and telling again."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from ledger.database import Sessions
from office import delivery_desk, delivery_queue, errors
from office.actor import Actor
from office.delivery_queue import Page, Shown, State
from office.models import AuditRow
from outbound.errors import NoSuchEndpoint
from outbound.models import Delivery, Event
from tests.ledger import make
from tests.ledger.make import NOON
from tests.outbound.conftest import House, Receiver, house, receiver

__all__ = ["house", "receiver"]
ANN = Actor("operator:ann@example.com", role="support", via="console")


def told(house: House, *keys: str) -> None:
    """One event for each key."""
    house.do(*(make.grant(key, 5, cents=5) for key in keys))
    house.tell()


def page(sessions: Sessions, state: State = "all", **wanted: object) -> Page:
    with sessions() as session:
        return delivery_queue.listed(session, state=state, **wanted)  # type: ignore[arg-type]


def shown(sessions: Sessions, event_id: str) -> Shown:
    with sessions() as session:
        return delivery_queue.shown(session, event_id)


def test_deliveries_are_listed_by_state_with_their_newest_try(
    sessions: Sessions, house: House, receiver: Receiver
) -> None:
    well, _ = house.endpoint(receiver.url)
    broken, _ = house.endpoint("http://127.0.0.1:9/hooks")
    told(house, "a")
    house.deliver()

    [delivered] = page(sessions, "delivered").lines
    [retrying] = page(sessions, "retrying").lines
    assert (delivered.endpoint_id, delivered.status, delivered.error, delivered.tries) == (well, 204, None, 1)
    assert (retrying.endpoint_id, retrying.status, retrying.error) == (broken, None, "connect")
    assert (retrying.state, retrying.tries) == ("retrying", 1)
    assert retrying.try_at is not None
    assert page(sessions, "pending").lines == (retrying,)
    assert page(sessions, "failed").lines == ()
    assert set(page(sessions).lines) == {delivered, retrying}
    assert page(sessions, endpoint_id=well).lines == (delivered,)
    with sessions() as session:
        receivers = {each.endpoint_id: each for each in delivery_queue.receivers(session)}
    assert (receivers[well].pending, receivers[well].failing_since) == (0, None)
    assert receivers[broken].pending == 1
    assert receivers[broken].failing_since is not None


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_of_several_endpoints_follow_each_other_and_leave_nothing_out(
    sessions: Sessions, house: House, order: str
) -> None:
    for _ in range(2):
        house.endpoint("http://127.0.0.1:9/hooks")
    told(house, "a", "b", "c", "d")

    seen: list[tuple[datetime, str, str]] = []
    after = None
    for _ in range(3):
        found = page(sessions, order=order, after=after, limit=3)
        seen += [(line.created_at, line.event_id, line.endpoint_id) for line in found.lines]
        after = found.more

    assert after is None
    assert seen == sorted(seen, reverse=order == "newest")
    assert len(set(seen)) == 8


def test_an_event_is_shown_with_every_try_at_each_endpoint(
    sessions: Sessions, house: House, receiver: Receiver
) -> None:
    receiver.status, receiver.answer = 500, b"<script>alert(1)</script> sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    endpoint_id, _ = house.endpoint(receiver.url)
    told(house, "a")
    house.deliver()
    receiver.status = 204
    house.deliver(after_seconds=10_000)
    never, _ = house.endpoint("http://127.0.0.1:9/hooks?token=secret")

    [line] = page(sessions).lines
    event = shown(sessions, line.event_id)

    [to] = event.to
    assert [(each.status, each.error) for each in to.attempts] == [(204, None), (500, "status")]
    assert to.attempts[1].answer == "<script>alert(1)</script> [redacted]"
    assert (to.receiver.endpoint_id, to.state) == (endpoint_id, "delivered")
    assert '"type": "credits.granted"' in event.body
    assert [(each.endpoint_id, each.url) for each in event.others] == [(never, "http://127.0.0.1:9/hooks")]


def test_one_event_is_told_again_to_one_endpoint(
    sessions: Sessions, house: House, receiver: Receiver
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    told(house, "a", "b")
    house.deliver()
    event_id = page(sessions).lines[0].event_id

    with sessions() as session:
        delivery_desk.replay(
            session, event_id, endpoint_id=endpoint_id, reason="they lost it", by=ANN, now=house.now
        )
    house.deliver(after_seconds=1)

    assert [message.event_id for message in receiver.messages].count(event_id) == 2
    assert len(receiver.messages) == 3
    with sessions() as session:
        [row] = session.exec(select(AuditRow)).all()
    assert (row.action, row.about_id, row.reason) == ("delivery.replay", event_id, "they lost it")
    assert row.before == {"endpoint_id": endpoint_id, "state": "delivered"}
    assert row.after == {"endpoint_id": endpoint_id, "state": "pending"}


def test_a_time_is_told_again_until_before_its_end(
    sessions: Sessions, house: House, receiver: Receiver
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    for hour in range(3):
        house.do(make.grant(str(hour), 5, cents=5), now=NOON + timedelta(hours=hour))
    house.tell()
    house.deliver()
    with sessions() as session:
        moments = [each.occurred_at for each in session.exec(select(Event).order_by(col(Event.occurred_at)))]

    with sessions() as session:
        count = delivery_desk.replay_range(
            session,
            endpoint_id=endpoint_id,
            since=moments[1],
            until=moments[2],
            reason="their disk was full",
            by=ANN,
            now=house.now,
        )

    assert (len(moments), count) == (3, 1)
    [line] = page(sessions, "pending").lines
    assert line.occurred_at == moments[1]
    with sessions() as session:
        [row] = session.exec(select(AuditRow)).all()
    assert (row.action, row.about_kind, row.about_id) == ("delivery.replay_range", "endpoint", endpoint_id)
    assert row.after is not None
    assert row.after["events"] == 1


def test_what_is_no_event_or_endpoint_or_too_much_is_refused(
    sessions: Sessions, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint_id, _ = house.endpoint("http://127.0.0.1:9/hooks")
    told(house, "a", "b")
    [first, _] = page(sessions).lines
    monkeypatch.setattr(delivery_desk, "MOST_AT_ONCE", 1)
    wanted = {"reason": "again", "by": ANN, "now": house.now}

    with sessions() as session:
        with pytest.raises(errors.NoDelivery):
            delivery_queue.shown(session, "msg_nobody")
        with pytest.raises(errors.NoDelivery):
            delivery_desk.replay(session, "msg_nobody", endpoint_id=endpoint_id, **wanted)  # type: ignore[arg-type]
        with pytest.raises(NoSuchEndpoint):
            delivery_desk.replay(session, first.event_id, endpoint_id="ep_nobody", **wanted)  # type: ignore[arg-type]
        with pytest.raises(errors.TooMany, match="more than 1 events"):
            delivery_desk.replay_range(
                session,
                endpoint_id=endpoint_id,
                since=NOON - timedelta(days=1),
                until=house.now + timedelta(days=1),
                **wanted,  # type: ignore[arg-type]
            )
        assert session.exec(select(AuditRow)).all() == []
        assert {each.tries for each in session.exec(select(Delivery))} == {0}
