"""Deliveries: signed, tried again by the clock, never silently given up, never held up by somebody else."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet

from outbound import delivery, endpoints, replays, schedule
from outbound.addresses import Rules
from outbound.errors import NoSuchEndpoint, NoSuchEvent
from outbound.post import Post
from outbound.schedule import Parcel
from outbound.vault import Vault
from sandbox import embedded
from tests.ledger import make
from tests.outbound.conftest import LOOPBACK, House, Receiver, payloads, receiving
from tests.waiting import eventually


def granted(house: House, *keys: str) -> None:
    """Have one event told for each key."""
    house.do(*(make.grant(key, 5, cents=5) for key in keys))
    house.tell()


def states(house: House) -> list[str]:
    return sorted(each.state for each in house.deliveries())


def test_what_is_answered_well_is_delivered_once(house: House, receiver: Receiver) -> None:
    _, secret = house.endpoint(receiver.url)
    granted(house, "a", "b")

    reached = [house.deliver(), house.deliver(after_seconds=10_000)]

    assert reached == [{"delivered": 2}, {}]
    assert [told["data"]["credits"] for told in payloads(receiver, secret)] == [5, 5]
    assert len({message.event_id for message in receiver.messages}) == 2
    assert [(each.status, each.error) for each in house.attempts()] == [(204, None), (204, None)]


def test_an_event_that_exists_is_not_a_delivery_that_was_made(house: House, receiver: Receiver) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    house.tell()

    assert (receiver.messages, states(house)) == ([], ["pending"])
    assert house.deliver() == {"delivered": 1}


@pytest.mark.parametrize("status", [199 + 1, 201, 204, 299])
def test_every_2xx_is_success(house: House, receiver: Receiver, status: int) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status = status

    assert house.deliver() == {"delivered": 1}


def test_a_failure_is_tried_again_by_the_clock_for_a_day_under_the_same_id(
    house: House, receiver: Receiver
) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status, began, waited = 500, house.now, []

    while house.deliver() == {"pending": 1}:
        [kept] = house.deliveries()
        assert kept.try_at is not None
        wait_seconds = (kept.try_at - house.now).total_seconds()
        assert house.deliver(after_seconds=wait_seconds - 0.5) == {}
        house.now = kept.try_at
        waited.append(wait_seconds)

    assert states(house) == ["failed"]
    assert len(receiver.messages) == len(house.attempts()) == len(schedule.STEPS_SECONDS) + 1
    assert len({message.event_id for message in receiver.messages}) == 1
    assert len({message.headers["webhook-timestamp"] for message in receiver.messages}) > 5
    for step, wait in zip(schedule.STEPS_SECONDS, waited, strict=True):
        assert 0.8 * step <= wait <= 1.2 * step
    assert timedelta(hours=19) < house.now - began < timedelta(hours=29)
    assert {(each.status, each.error) for each in house.attempts()} == {(500, "status")}


@pytest.mark.parametrize(("status", "error"), [(302, "redirect"), (404, "status"), (500, "status")])
def test_whatever_is_not_2xx_is_a_failure_with_its_class(
    house: House, receiver: Receiver, status: int, error: str
) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status, receiver.headers = status, {"location": "http://127.0.0.1:1/"}

    assert house.deliver() == {"pending": 1}
    assert [(each.status, each.error) for each in house.attempts()] == [(status, error)]


def test_an_endpoint_that_is_gone_is_disabled_and_told_nothing_more(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status = 410

    house.deliver()
    granted(house, "b")

    assert (house.deliver(after_seconds=3600), len(receiver.messages)) == ({}, 1)
    gone = house.found(endpoint_id)
    assert (gone.state, gone.disabled_reason) == ("disabled", "it answered 410 Gone")


def test_who_asks_for_time_gets_it_for_all_events(house: House, receiver: Receiver) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status, receiver.headers = 429, {"retry-after": "600"}
    house.deliver()
    granted(house, "b")
    receiver.status = 204

    assert house.deliver(after_seconds=590) == {}
    assert house.deliver(after_seconds=11) == {"delivered": 2}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *((None, 5), ("600", 600), ("1", 5), ("999999999", 8 * 3600), ("-5", 5), ("soon", 5), ("٣", 5)),
        *(("Sat, 21 Nov 2026 12:10:00 GMT", 600), ("Sat, 21 Nov 2020 12:10:00 GMT", 5)),
        *(("Sat, 21 Nov 9999 12:10:00 GMT", 8 * 3600), ("99999999999999999999", 5)),
    ],
)
def test_retry_after_is_believed_within_bounds(header: str | None, seconds: int) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    parcel = Parcel("ep_1", "msg_1", 0, "", "", ())

    again = schedule.next_try(parcel, retry_after=schedule.asked_wait(header, now=noon), now=noon)

    assert again is not None
    assert 0.8 * seconds <= (again - noon).total_seconds() <= 1.2 * seconds


def test_an_endpoint_that_took_nothing_for_days_is_disabled(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    receiver.status = 500
    granted(house, "a")
    house.deliver()
    house.now += timedelta(hours=119)
    granted(house, "b")
    house.deliver()
    before = house.found(endpoint_id).state

    house.deliver(after_seconds=2 * 3600)

    disabled = house.found(endpoint_id)
    assert (before, disabled.state) == ("enabled", "disabled")
    assert str(disabled.disabled_reason).startswith("nothing came through since 20")


def test_enabled_again_it_gets_what_was_pending_and_what_it_missed_on_request(
    house: House, receiver: Receiver
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    granted(house, "pending")
    with house.sessions() as session:
        endpoints.disable(session, endpoint_id, reason="by hand", now=house.now)
    with receiving() as another:
        another_id, _ = house.endpoint(another.url)
        granted(house, "missed")
        assert house.deliver() == {"delivered": 1}
        with house.sessions() as session:
            endpoints.disable(session, another_id, reason="over", now=house.now)

    with house.sessions() as session:
        assert endpoints.enable(session, endpoint_id) == house.now
    resumed = house.deliver()
    with house.sessions() as session:
        again = replays.replay_since(session, since=make.NOON, endpoint_id=endpoint_id, now=house.now)
    house.deliver()

    assert (resumed, again, len(receiver.messages)) == ({"delivered": 1}, 2, 3)
    assert set(states(house)) == {"delivered"}


def test_one_success_makes_an_endpoint_patient_again(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    for hours, status in ((0, 500), (100, 204), (100, 500), (100, 500)):
        house.now += timedelta(hours=hours)
        receiver.status = status
        granted(house, f"at {house.now}")
        house.deliver()

    assert house.found(endpoint_id).state == "enabled"


def test_during_a_rotation_both_secrets_verify_and_afterwards_one(house: House, receiver: Receiver) -> None:
    endpoint_id, old = house.endpoint(receiver.url)
    with house.sessions() as session:
        new = endpoints.rotate_secret(
            session, endpoint_id, overlap=timedelta(minutes=2), vault=house.vault, now=house.now
        )
    granted(house, "during")
    house.deliver()
    granted(house, "after")
    house.deliver(after_seconds=121)

    during, afterwards = receiver.messages
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert during.verified(old) == during.verified(new)
    assert afterwards.verified(new)
    with pytest.raises(Exception, match="no signature is of this secret"):
        afterwards.verified(old)


def test_one_event_and_all_since_a_time_are_told_again_under_their_ids(
    house: House, receiver: Receiver
) -> None:
    endpoint_id, secret = house.endpoint(receiver.url)
    granted(house, "a", "b", "c")
    house.deliver()
    first = {message.event_id for message in receiver.messages}
    one = receiver.messages[0].event_id
    receiver.messages.clear()

    with house.sessions() as session:
        replays.replay_one(session, event_id=one, endpoint_id=endpoint_id, now=house.now)
    house.deliver()
    again = [message.event_id for message in receiver.messages]
    with house.sessions() as session:
        everything = replays.replay_since(session, since=make.NOON, endpoint_id=endpoint_id, now=house.now)
    house.deliver()

    assert (again, everything) == ([one], 3)
    assert {message.event_id for message in receiver.messages} == first
    assert len(payloads(receiver, secret)) == 4
    with pytest.raises(NoSuchEvent), house.sessions() as session:
        replays.replay_one(session, event_id="msg_none", endpoint_id=endpoint_id, now=house.now)
    with pytest.raises(NoSuchEndpoint), house.sessions() as session:
        replays.replay_one(session, event_id=one, endpoint_id="ep_none", now=house.now)


def test_what_is_being_told_is_not_told_a_second_time_by_a_replay(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    granted(house, "a")

    def replay(_: object) -> None:
        receiver.before = lambda _: None
        with house.sessions() as session:
            replays.replay_since(session, since=make.NOON, endpoint_id=endpoint_id, now=house.now)
        time.sleep(4 * delivery.LOOK_SECONDS)

    receiver.before = replay
    house.deliver()

    assert len(receiver.messages) == 1
    assert states(house) == ["delivered"]


def test_what_waits_long_for_its_next_try_is_told_at_once_by_a_replay(
    house: House, receiver: Receiver
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    granted(house, "a")
    receiver.status = 500
    for seconds in (0, 7, 37):
        assert house.deliver(after_seconds=seconds) == {"pending": 1}
    receiver.status = 204

    before = house.deliver()
    with house.sessions() as session:
        replays.replay_since(session, since=make.NOON, endpoint_id=endpoint_id, now=house.now)
    after = house.deliver()

    assert (before, after) == ({}, {"delivered": 1})


def test_a_test_reaches_one_endpoint_and_no_other(house: House, receiver: Receiver) -> None:
    endpoint_id, secret = house.endpoint(receiver.url, "hold.expired")
    house.endpoint(receiver.url)

    with house.sessions() as session:
        replays.send_test(session, endpoint_id, now=house.now)
    house.deliver()

    [told] = payloads(receiver, secret)
    assert (told["type"], told["data"]) == ("webhook.test", {"endpoint_id": endpoint_id})


def test_one_that_hangs_holds_nobody_up(house: House, receiver: Receiver) -> None:
    release = threading.Event()
    with receiving() as hanging:
        hanging.before = lambda _: release.wait(10)
        house.endpoint(hanging.url)
        house.endpoint(receiver.url)
        granted(house, *(f"g{number}" for number in range(30)))
        began = time.monotonic()
        passing = threading.Thread(target=house.deliver)
        passing.start()
        eventually(lambda: len(receiver.messages) == 30, seconds=5)
        took_seconds = time.monotonic() - began
        stuck = len(hanging.messages)
        release.set()
        passing.join(60)

    assert took_seconds < 1.9, "as long as one try may take"
    assert stuck == house.at_once_each


def test_a_fault_of_ours_stops_nobody_else(house: House, receiver: Receiver) -> None:
    def resolve(host: str, _port: int) -> list[str]:
        if host == "broken.example":
            raise RuntimeError
        return [host]

    house.post = Post(LOOPBACK, resolve=resolve)
    house.endpoint("http://broken.example/")
    house.endpoint(receiver.url)
    granted(house, "a", "b")

    assert house.deliver() == {"broken": 2, "delivered": 2}
    assert house.deliver(after_seconds=91) == {"broken": 2}


def test_who_fails_is_tried_one_at_a_time(house: House, receiver: Receiver) -> None:
    failing_id, _ = house.endpoint(receiver.url)
    receiver.status = 500
    granted(house, "first")
    house.deliver()
    well_id, _ = house.endpoint(receiver.url)
    granted(house, *(f"g{number}" for number in range(10)))

    with house.sessions() as session:
        taken = schedule.take(session, busy={well_id: 1}, each=4, most=32, now=house.now)
        more = schedule.take(session, busy={failing_id: 1, well_id: 4}, each=4, most=32, now=house.now)

    assert Counter(parcel.endpoint_id for parcel in taken) == {failing_id: 1, well_id: 3}
    assert more == []


def test_two_deliverers_at_once_send_nothing_twice(house: House, receiver: Receiver) -> None:
    house.endpoint(receiver.url)
    granted(house, *(f"g{number}" for number in range(40)))
    passes = [threading.Thread(target=house.deliver) for _ in range(4)]
    for each in passes:
        each.start()
    for each in passes:
        each.join()
    house.deliver()

    assert len(receiver.messages) == len({message.event_id for message in receiver.messages}) == 40


def test_a_deliverer_that_is_at_it_is_left_alone_until_its_turn_is_over(
    house: House, receiver: Receiver
) -> None:
    release = threading.Event()
    house.at_once, house.post = 1, Post(LOOPBACK, timeout_seconds=20)
    with receiving() as hanging:
        hanging.before = lambda _: release.wait(10)
        house.endpoint(hanging.url)
        granted(house, "stuck")
        passing = threading.Thread(target=house.deliver)
        passing.start()
        eventually(lambda: hanging.messages)
        waiting_id, _ = house.endpoint(receiver.url)
        with house.sessions() as session:
            replays.send_test(session, waiting_id, now=house.now)

        meanwhile = house.deliver()
        # As after a death: nobody gives the turn back, and its time is over.
        later = house.deliver(after_seconds=76)
        release.set()
        passing.join(60)

    assert (meanwhile, later) == ({}, {"delivered": 1})


DELIVERER = """
import sys
from datetime import datetime, timedelta
from ledger import database
from outbound import delivery
from outbound.addresses import Rules
from outbound.delivery import Courier
from outbound.post import Post
from outbound.vault import Vault

url, key, now = sys.argv[1:]
moment = datetime.fromisoformat(now)
sessions = database.sessions(database.connect(url))
post = Post(Rules(loopback=True), 20)
delivery.deliver(Courier(sessions, post, Vault.of([key]), lambda: moment, timedelta(hours=120), 4, 4))
"""


def test_a_deliverer_that_is_killed_after_it_sent_sends_the_same_id_again(
    house: House, receiver: Receiver, database_url: str
) -> None:
    key = Fernet.generate_key().decode()
    house.vault = Vault.of([key])
    _, secret = house.endpoint(receiver.url)
    granted(house, "a")
    release = threading.Event()
    receiver.before = lambda _: release.wait(20)
    deliverer = subprocess.Popen([sys.executable, "-c", DELIVERER, database_url, key, house.now.isoformat()])
    eventually(lambda: receiver.messages)

    os.kill(deliverer.pid, signal.SIGKILL)
    deliverer.wait()
    release.set()
    receiver.before = lambda _: None

    assert (states(house), house.attempts()) == (["pending"], [])
    assert house.deliver(after_seconds=80) == {}
    assert house.deliver(after_seconds=11) == {"delivered": 1}
    assert len({message.event_id for message in receiver.messages}) == 1
    assert len(payloads(receiver, secret)) == 2


def test_a_secret_under_a_lost_key_is_told_and_nothing_is_sent_unsigned(
    house: House, receiver: Receiver
) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    house.vault = Vault.of([Fernet.generate_key().decode()])

    assert house.deliver() == {"pending": 1}
    assert receiver.messages == []
    assert [each.error for each in house.attempts()] == ["secret_unreadable"]


def test_a_house_that_may_not_reach_this_machine_refuses_at_every_send(
    house: House, receiver: Receiver
) -> None:
    house.endpoint(receiver.url)
    granted(house, "a")
    house.post = Post(Rules())

    house.deliver()

    assert receiver.messages == []
    assert [each.error for each in house.attempts()] == ["forbidden_url"]


def test_neither_log_nor_database_holds_a_secret_in_clear(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture, database_url: str
) -> None:
    caplog.set_level(logging.DEBUG)
    _, secret = house.endpoint(receiver.url + "?token=hidden-in-url")
    receiver.status = 500
    receiver.answer = f"you sent {secret} and sk_live_0123456789abcdef\x00\x1b[31m".encode() + b"\xff" * 4000
    granted(house, "a")

    house.deliver()

    bare = secret.removeprefix("whsec_")
    [attempt] = house.attempts()
    assert str(attempt.answer).startswith("you sent [redacted] and [redacted]")
    assert len(str(attempt.answer)) <= 2048
    assert str(attempt.answer).isprintable()
    dumped = subprocess.run(
        [str(embedded.binary("pg_dump")), "--data-only", database_url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert bare not in dumped
    assert bare not in logged
    assert "hidden-in-url" not in logged
    assert "msg_" in logged
