"""What a repeated request does, and what it is told."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from ledger.database import Sessions
from rails.rail import Opened, Order
from rails.settings import story
from tests.app.conftest import Client, Doors, Json, ok, opened, settings

QUOTES, DEPOSITS = "/v1/credit-quotes", "/v1/credit-purchases/fake-deposits"
KEY = "Idempotency-Key"


def send(agent: Client, path: str, body: Json, *keys: str) -> httpx.Response:
    """The reply to a POST with these Idempotency-Key headers."""
    headers = [("authorization", f"Bearer {agent.token}"), *((KEY, key) for key in keys)]
    response = agent.http.post(path, json=body, headers=headers)
    agent.envelope(response)
    return response


def test_the_header_alone_is_enough_for_a_quote_and_a_purchase(doors: Doors) -> None:
    agent = doors.agent()

    quoted = send(agent, QUOTES, {"credits": 5, "payment_method": "fake_deposit"}, "k-1").json()
    bought = send(agent, DEPOSITS, {"quote_id": quoted["data"]["quote_id"]}, "k-2").json()

    assert ok(quoted)["idempotency_key"] == "k-1"
    assert ok(bought)["state"] == "action_required"


def test_header_and_body_name_the_same_key(doors: Doors) -> None:
    agent = doors.agent()
    terms = {"credits": 5, "payment_method": "fake_deposit"}
    first = send(agent, QUOTES, {**terms, "idempotency_key": "same"})

    again = [
        send(agent, QUOTES, terms, "same"),
        send(agent, QUOTES, terms, '"same"'),
        send(agent, QUOTES, {**terms, "idempotency_key": "same"}, "same"),
    ]

    ids = {reply.json()["data"]["quote_id"] for reply in (first, *again)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("body_key", "headers"),
    [("one", ["other"]), (None, ["one", "other"]), (None, [""]), (None, ["x" * 256]), (None, ["a\tb"])],
)
def test_two_different_keys_and_what_is_no_key_are_refused(
    doors: Doors, body_key: str | None, headers: list[str]
) -> None:
    agent = doors.agent()
    quote = agent.quote()
    given = {"idempotency_key": body_key} if body_key else {}

    replies = [
        send(agent, QUOTES, {"credits": 5, **given}, *headers),
        send(agent, DEPOSITS, {"quote_id": quote["quote_id"], **given}, *headers),
    ]

    for reply in replies:
        error = reply.json()["error"]
        expected = (409, "IDEMPOTENCY_CONFLICT") if body_key else (400, "INVALID_ARGUMENTS")
        assert (reply.status_code, error["code"]) == expected
        assert error["recovery"]["required_flag"] == "--idempotency-key"
    assert doors.deposit.opened == {}


def test_a_key_in_the_header_is_no_place_for_a_credential(doors: Doors) -> None:
    agent = doors.agent()

    reply = send(agent, QUOTES, {"credits": 5}, "sk_live_abcdefgh1234")

    assert reply.json()["error"]["code"] == "PAYMENT_CREDENTIAL_REJECTED"


def test_a_replay_says_so_and_a_first_answer_does_not(doors: Doors) -> None:
    agent = doors.agent()
    terms = {"credits": 5, "payment_method": "fake_deposit", "idempotency_key": "q"}

    quotes = [send(agent, QUOTES, terms) for _ in range(2)]
    wanted = {"quote_id": quotes[0].json()["data"]["quote_id"], "idempotency_key": "b"}
    bought = [send(agent, DEPOSITS, wanted) for _ in range(2)]

    for first, again in (quotes, bought):
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json()["data"] == first.json()["data"]


def test_a_refusal_of_the_processor_is_replayed_as_it_was(doors: Doors) -> None:
    agent = doors.agent()
    wanted = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "b"}
    doors.deposit.refusing = True
    first = send(agent, DEPOSITS, wanted)
    doors.deposit.refusing = False

    again = send(agent, DEPOSITS, wanted)

    assert (first.status_code, again.status_code) == (502, 502)
    assert first.json()["error"] == again.json()["error"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


def test_a_purchase_that_nobody_answered_is_no_replay_when_it_is_finished(doors: Doors) -> None:
    agent = doors.agent()
    wanted = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "b"}
    doors.deposit.unreachable = True
    first = send(agent, DEPOSITS, wanted)
    doors.deposit.unreachable = False

    again = send(agent, DEPOSITS, wanted)

    assert (first.status_code, again.status_code) == (502, 200)
    assert "idempotent-replayed" not in again.headers


class Slow:
    """A processor that answers when it is told to."""

    def __init__(self, doors: Doors) -> None:
        self.asked, self.answer, self._opening = Event(), Event(), doors.deposit.opening
        doors.deposit.opening = self._think

    def _think(self, order: Order) -> Opened:
        self.asked.set()
        assert self.answer.wait(20)
        return self._opening(order)


@pytest.fixture
def impatient(sessions: Sessions) -> Iterator[Doors]:
    """A house where nobody waits long for another."""
    with opened(sessions, settings(in_flight_wait_seconds=0.3)) as doors:
        yield doors


def test_who_comes_while_the_first_waits_gets_its_answer_as_a_replay(doors: Doors) -> None:
    agent, processor = doors.agent(), Slow(doors)
    wanted = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "b"}

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(send, agent, DEPOSITS, wanted)
        assert processor.asked.wait(10)
        second = pool.submit(send, agent, DEPOSITS, wanted)
        time.sleep(0.3)
        waiting = not second.done()
        processor.answer.set()
        replies = [first.result(), second.result()]

    assert waiting
    assert [reply.status_code for reply in replies] == [200, 200]
    assert [reply.headers.get("idempotent-replayed") for reply in replies] == [None, "true"]
    assert len(doors.deposit.opened) == 1


def test_who_has_waited_long_enough_is_told_to_come_back_with_the_same_key(impatient: Doors) -> None:
    agent, processor = impatient.agent(), Slow(impatient)
    wanted = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "b"}

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, agent, DEPOSITS, wanted)
        assert processor.asked.wait(10)
        second = send(agent, DEPOSITS, wanted)
        processor.answer.set()
        first.result()
    third = send(agent, DEPOSITS, wanted)

    error = second.json()["error"]
    assert (second.status_code, error["code"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    assert error["retryable"] is True
    assert second.headers["retry-after"] == str(error["recovery"]["retry_after_seconds"])
    assert error["recovery"]["idempotency_key"] == "b"
    assert error["recovery"]["suggested_command"].startswith("pennyrail credits buy --provider fake_deposit ")
    assert (third.status_code, third.headers["idempotent-replayed"]) == (200, "true")


def test_waiters_hold_no_connection_to_the_database(impatient: Doors) -> None:
    agent, processor = impatient.agent(), Slow(impatient)
    wanted = {"quote_id": agent.quote()["quote_id"], "idempotency_key": "b"}

    with ThreadPoolExecutor(13) as pool:
        first = pool.submit(send, agent, DEPOSITS, wanted)
        assert processor.asked.wait(10)
        others = [pool.submit(send, agent, DEPOSITS, wanted) for _ in range(12)]
        served = send(agent, QUOTES, {"credits": 5})
        refused = [each.result().status_code for each in others]
        processor.answer.set()
        first.result()

    assert served.status_code == 200
    assert refused == [409] * 12
    assert len(impatient.deposit.opened) == 1


def test_what_is_over_the_limit_of_the_day_is_refused_with_what_still_fits(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_DAILY_SPEND_CENTS", "700")
    story.cache_clear()
    agent = doors.agent()
    agent.buy(agent.quote())

    reply = agent.post(DEPOSITS, quote_id=agent.quote()["quote_id"], idempotency_key="over")
    shown = ok(agent.get("/v1/quota"))["spend_limit"]
    story.cache_clear()

    recovery, told = reply["error"]["recovery"], agent.seen[-2]
    assert (told.status_code, told.headers["x-image-skill-exit-code"]) == (402, "5")
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("PURCHASE_LIMIT_EXCEEDED", False)
    expected = {
        "limit_cents": 700,
        "used_cents": 500,
        "remaining_cents": 200,
        "resets_at": "2026-11-21T00:00:00.000Z",
    }
    assert shown == expected
    assert expected.items() <= recovery.items()
    assert recovery["top_up"]["available"] is False
    assert recovery["suggested_command"] == (
        "pennyrail credits quote --credits 200 --payment-method fake_deposit --json"
    )
