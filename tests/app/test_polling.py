"""A status made for polling: what to do next, when to come back, and never an invitation to pay twice."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import get_args

import httpx
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url

from app.shapes.next_step import Action, Actor, MayPay
from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from rails.conformance.fakes import FakeRail
from rails.rail import Limits
from rails.status import PurchaseState
from tests.app.conftest import Client, Doors, Json, ok, opened, settings

PATH = "/v1/credit-purchases/status"
_TWICE, _THRICE = Amount(10_000_000, USDC), Amount(15_000_000, USDC)


def bought(doors: Doors, agent: Client, rail_id: str = "fake_deposit") -> Json:
    return agent.buy(agent.quote(payment_method=rail_id))


def poll(doors: Doors, agent: Client, purchase: Json, *, tag: str = "", **query: str | int) -> httpx.Response:
    headers = {"authorization": f"Bearer {agent.token}"} | ({"if-none-match": tag} if tag else {})
    asked = {"payment_attempt_id": purchase["payment_attempt_id"], **query}
    return doors.http.get(PATH, params=asked, headers=headers)


def settle(doors: Doors, purchase: Json, happen: Callable[[FakeRail, str], object]) -> None:
    rail = doors.rails[purchase["accepted_payment_method"]]
    happen(rail, doors.reference(purchase["payment_attempt_id"]))
    doors.settle(purchase["payment_attempt_id"])


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def underpay(rail: FakeRail, reference: str) -> None:
    rail.pay_wrongly(reference, "underpaid", received=Amount(4_990_000, USDC))


@pytest.mark.parametrize(
    ("rail_id", "happen", "told"),
    [
        (
            "fake_deposit",
            None,
            ("action_required", "agent", "pay_unless_sent", "once_unless_sent", False, 10),
        ),
        ("fake_page", None, ("action_required", "human", "open_checkout_url", "once_unless_sent", False, 10)),
        ("fake_deposit", FakeRail.arrive, ("processing", "none", "wait_for_settlement", "no", False, 5)),
        ("fake_deposit", underpay, ("needs_review", "operator", "wait_for_review", "no", False, 300)),
        ("fake_deposit", FakeRail.pay, ("succeeded", "agent", "use_credits", "no", True, None)),
        ("fake_deposit", FakeRail.fail, ("failed", "none", "wait_for_late_payment", "no", False, 60)),
        ("fake_page", FakeRail.fail, ("failed", "agent", "request_new_quote", "no", True, None)),
    ],
)
def test_every_state_says_who_does_what_next_and_when_to_come_back(
    doors: Doors,
    rail_id: str,
    happen: Callable[[FakeRail, str], None] | None,
    told: tuple[PurchaseState, Actor, Action, MayPay, bool, int | None],
) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent, rail_id)
    if happen is not None:
        settle(doors, purchase, happen)

    reply = poll(doors, agent, purchase)

    shown = reply.json()["data"]
    step = shown["next"]
    seconds = step.get("retry_after_seconds")
    assert (
        shown["state"],
        step["actor"],
        step["action"],
        step["may_pay"],
        shown["terminal"],
        seconds,
    ) == told
    assert reply.headers.get("retry-after") == (str(seconds) if seconds else None)
    assert step["message"]
    assert step["suggested_commands"]
    assert shown["state"] in get_args(PurchaseState)
    assert step["actor"] in get_args(Actor)
    assert step["action"] in get_args(Action)
    assert step["may_pay"] in get_args(MayPay)


def test_a_quote_that_was_not_bought_is_open_until_it_expires(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()

    fresh = agent.status(quote_id=quote["quote_id"])
    doors.clock.now += timedelta(hours=1)
    stale = agent.status(quote_id=quote["quote_id"])

    assert (fresh["terminal"], fresh["next"]["action"], fresh["next"]["may_pay"]) == (False, "buy", "no")
    assert (stale["terminal"], stale["next"]["action"]) == (True, "request_new_quote")


def test_the_balance_points_at_a_purchase_that_may_be_paid_and_not_at_another_one(doors: Doors) -> None:
    agent = doors.agent()
    before = ok(agent.get("/v1/quota"))["top_up"]
    purchase = bought(doors, agent)

    meanwhile = ok(agent.get("/v1/quota"))["top_up"]
    settle(doors, purchase, FakeRail.pay)
    after = ok(agent.get("/v1/quota"))["top_up"]

    command = f"pennyrail credits status --payment-attempt-id {purchase['payment_attempt_id']} --json"
    assert (before["recommended"], meanwhile["recommended"]) == (True, False)
    assert before["first_command"] == before["quote_command"]
    assert meanwhile["first_command"] == command
    assert meanwhile["pending_purchases"] == [
        {
            "payment_attempt_id": purchase["payment_attempt_id"],
            "state": "action_required",
            "credits": 500,
            "status_command": command,
        }
    ]
    assert before["pending_purchases"] == after["pending_purchases"] == []


def test_a_purchase_that_is_pending_is_told_although_no_rail_takes_payments_any_more(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    for rail in doors.rails.values():
        rail.unavailable_reason = "maintenance"

    told = ok(agent.get("/v1/quota"))["top_up"]

    assert (told["available"], told["recommended"], told["more_pending_purchases"]) == (False, False, False)
    assert [each["payment_attempt_id"] for each in told["pending_purchases"]] == [
        purchase["payment_attempt_id"]
    ]


def test_more_purchases_than_are_shown_are_said_and_those_whose_money_was_seen_come_first(
    doors: Doors,
) -> None:
    agent = doors.agent()
    seen = bought(doors, agent)
    settle(doors, seen, FakeRail.arrive)
    for _ in range(4):
        bought(doors, agent)

    five = ok(agent.get("/v1/quota"))["top_up"]
    bought(doors, agent)
    six = ok(agent.get("/v1/quota"))["top_up"]

    assert [(len(told["pending_purchases"]), told["more_pending_purchases"]) for told in (five, six)] == [
        (5, False),
        (5, True),
    ]
    first = six["pending_purchases"][0]
    assert (first["payment_attempt_id"], first["state"]) == (seen["payment_attempt_id"], "processing")


def test_a_quote_and_a_purchase_warn_of_another_purchase_whose_money_may_be_on_its_way(doors: Doors) -> None:
    agent = doors.agent()
    terms = {"credits": 500, "payment_method": "fake_deposit"}
    before = agent.post("/v1/credit-quotes", **terms)
    path, body = "/v1/credit-purchases/fake-deposits", {"quote_id": ok(before)["quote_id"]}

    alone = agent.post(path, **body, idempotency_key="a")
    other_id = ok(alone)["payment_attempt_id"]
    quoted = agent.post("/v1/credit-quotes", **terms)
    second = agent.post(path, quote_id=ok(quoted)["quote_id"], idempotency_key="b")
    settle(doors, ok(alone), FakeRail.pay)
    settled = agent.post("/v1/credit-quotes", **terms, idempotency_key=ok(quoted)["idempotency_key"])

    assert before["warnings"] == alone["warnings"] == settled["warnings"] == []
    for reply in (quoted, second):
        [warning] = reply["warnings"]
        assert f"{other_id} (action_required)" in warning
        assert f"pennyrail credits status --payment-attempt-id {other_id} --json" in warning
        assert "before you pay" in warning


def test_money_that_arrives_is_pointed_at_however_many_purchases_were_refused_since(doors: Doors) -> None:
    agent = doors.agent()
    arriving = bought(doors, agent)
    settle(doors, arriving, FakeRail.arrive)
    doors.deposit.refusing = True

    for number in range(6):
        quote = agent.quote(credits=10 + number)
        refused = agent.post(
            "/v1/credit-purchases/fake-deposits", quote_id=quote["quote_id"], idempotency_key=f"key-{number}"
        )
    top_up = ok(agent.get("/v1/quota"))["top_up"]

    for told in (top_up, refused["error"]["recovery"]["top_up"]):
        assert [each["payment_attempt_id"] for each in told["pending_purchases"]] == [
            arriving["payment_attempt_id"]
        ]
        assert told["recommended"] is False


def test_a_quote_of_a_rail_that_is_closed_leads_to_another_one(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    doors.deposit.unavailable_reason = "closed for a while"

    step = agent.status(quote_id=quote["quote_id"])["next"]

    assert (step["action"], step["suggested_commands"]) == (
        "request_new_quote",
        ["pennyrail credits methods --json"],
    )


def test_one_agent_that_waits_much_leaves_room_for_others(sessions: Sessions) -> None:
    with opened(sessions, settings(status_waiting_most_each=2)) as doors, ThreadPoolExecutor(2) as pool:
        greedy, other = doors.agent(), doors.agent("other")
        wanted, others = bought(doors, greedy), bought(doors, other)

        waiting = [pool.submit(poll, doors, greedy, wanted, wait=4) for _ in range(2)]
        time.sleep(1)
        began_at = time.monotonic()
        third = poll(doors, greedy, wanted, wait=20)
        third_seconds = time.monotonic() - began_at
        others_reply = poll(doors, other, others, wait=1)
        others_seconds = time.monotonic() - began_at - third_seconds

        assert [each.result().status_code for each in waiting] == [200, 200]
    assert third.status_code == others_reply.status_code == 200
    assert third_seconds < 1
    assert others_seconds >= 1


def test_a_stream_ends_quietly_when_the_database_is_away(
    doors: Doors, database_url: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    headers = {"authorization": f"Bearer {agent.token}", "accept": "text/event-stream"}
    asked = {"payment_attempt_id": purchase["payment_attempt_id"]}
    name = str(make_url(database_url).database)

    with (
        psycopg.connect(postgres_url, autocommit=True) as server,
        doors.http.stream("GET", PATH, params=asked, headers=headers) as stream,
    ):
        lines = stream.iter_lines()
        first = next(lines)
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pennyrail-polling' AND datname = %s",
            (name,),
        )
        rest = list(lines)

    assert first == "retry: 2000"
    assert any(line.startswith("data: ") for line in rest)
    assert "AdminShutdown" in caplog.text
    assert "broke with" not in caplog.text


def test_a_quote_that_its_rail_does_not_take_is_not_led_to_a_purchase(doors: Doors) -> None:
    agent = doors.agent()
    doors.page.limits = Limits(Amount(50, USD), Amount(5000, USD))
    quote = agent.quote(credits=10, payment_method="fake_page")

    shown = agent.status(quote_id=quote["quote_id"])

    assert (shown["state"], shown["next"]["action"]) == ("created", "request_new_quote")
    assert (
        "pennyrail credits quote --credits 10 --payment-method fake_deposit --json"
        in (shown["next"]["suggested_commands"])
    )


def test_a_purchase_that_the_processor_has_not_opened_asks_to_buy_again_and_not_to_pay(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    doors.deposit.unreachable = True
    agent.post("/v1/credit-purchases/fake-deposits", quote_id=quote["quote_id"], idempotency_key="key")

    shown = agent.status(quote_id=quote["quote_id"])

    assert (shown["terminal"], shown["next"]["action"]) == (False, "repeat_buy")
    assert shown["next"]["may_pay"] == "no"
    assert shown["next"]["suggested_commands"] == [
        f"pennyrail credits buy --provider fake_deposit --quote-id {quote['quote_id']}"
        f" --idempotency-key purchase:{quote['quote_id']} --json"
    ]


def test_a_deposit_that_was_sent_in_time_is_awaited_before_a_new_quote_is_spoken_of(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    doors.clock.now += timedelta(minutes=60)

    unseen = agent.status(payment_attempt_id=purchase["payment_attempt_id"])
    doors.settle(purchase["payment_attempt_id"])
    expired = agent.status(payment_attempt_id=purchase["payment_attempt_id"])
    doors.clock.now += timedelta(minutes=15)
    unlooked = agent.status(payment_attempt_id=purchase["payment_attempt_id"])
    doors.settle(purchase["payment_attempt_id"])
    closed = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert (unseen["state"], expired["state"], closed["state"]) == ("action_required", "expired", "expired")
    for each in (unseen, expired, unlooked):
        assert (each["terminal"], each["next"]["action"]) == (False, "wait_for_late_payment")
        assert each["next"]["may_pay"] == "no"
        assert each["next_actions"] == {}
        assert not any("credits quote" in command for command in each["next"]["suggested_commands"])
    assert (closed["terminal"], closed["next"]["action"]) == (True, "request_new_quote")
    assert closed["next"]["suggested_commands"] == [
        "pennyrail credits quote --credits 500 --payment-method fake_deposit --json"
    ]
    assert "do not pay again" in closed["next"]["message"]


def test_what_arrives_after_the_end_is_granted_and_told(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    doors.clock.now += timedelta(hours=2)
    doors.settle(purchase["payment_attempt_id"])
    before = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    settle(doors, purchase, FakeRail.pay)

    after = agent.status(payment_attempt_id=purchase["payment_attempt_id"])
    assert (before["state"], after["state"], after["terminal"]) == ("expired", "succeeded", True)


def test_a_page_that_is_past_its_end_is_not_offered_any_more(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent, "fake_page")
    doors.clock.now += timedelta(hours=2)

    shown = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    assert (shown["next"]["action"], shown["next"]["may_pay"]) == ("wait_for_settlement", "no")


@pytest.mark.parametrize(
    ("rail_id", "exact", "late", "under"),
    [
        ("fake_deposit", True, "granted_when_verified", "held_for_review"),
        ("fake_page", False, "impossible", "impossible"),
    ],
)
def test_the_rules_for_late_and_wrong_payments_are_told_before_paying(
    doors: Doors, rail_id: str, exact: bool, late: str, under: str
) -> None:
    agent = doors.agent()
    quote = agent.quote(payment_method=rail_id)
    purchase = agent.buy(quote)
    status = agent.status(payment_attempt_id=purchase["payment_attempt_id"])

    for reply in (quote, purchase, status):
        policy = reply["payment_policy"]
        assert policy["exact_amount_required"] is exact
        assert (policy["late"]["outcome"], policy["underpaid"]["outcome"]) == (late, under)
        assert set(policy) == {
            *("exact_amount_required", "pay_until", "watched_until"),
            *("late", "underpaid", "overpaid", "topped_up", "repeated", "wrong_token_or_network"),
        }
    assert quote["payment_policy"]["pay_until"] is None
    assert status["payment_policy"]["pay_until"] == "2026-11-20T13:00:00.000Z"


def test_who_has_the_latest_is_answered_with_nothing_until_something_changes(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    first = poll(doors, agent, purchase)

    same = poll(doors, agent, purchase, tag=first.headers["etag"])
    settle(doors, purchase, FakeRail.pay)
    changed = poll(doors, agent, purchase, tag=first.headers["etag"])

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert (same.headers["retry-after"], same.headers["x-image-skill-exit-code"]) == ("10", "0")
    assert (changed.status_code, changed.json()["data"]["state"]) == (200, "succeeded")
    assert changed.headers["etag"] != first.headers["etag"]


def test_the_tag_of_an_answer_is_the_same_in_every_process_and_by_every_reference(
    doors: Doors, sessions: Sessions
) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    here = poll(doors, agent, purchase)

    with opened(sessions, settings()) as other:
        there = poll(other, agent, purchase)
    by_quote = agent.http.get(
        PATH,
        params={"quote_id": purchase["quote_id"]},
        headers={"authorization": f"Bearer {agent.token}", "if-none-match": f'"x", {here.headers["etag"]}'},
    )

    assert there.headers["etag"] == here.headers["etag"]
    assert by_quote.status_code == 304


def test_the_balance_has_a_tag_too(doors: Doors) -> None:
    agent = doors.agent()
    headers = {"authorization": f"Bearer {agent.token}"}
    first = doors.http.get(PATH, headers=headers)

    same = doors.http.get(PATH, headers={**headers, "if-none-match": first.headers["etag"]})

    assert (first.status_code, same.status_code) == (200, 304)


def test_an_unchanged_purchase_costs_one_reading_and_nothing_else(doors: Doors, engine: Engine) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    first = poll(doors, agent, purchase)

    with statements(engine) as asked:
        replies = [poll(doors, agent, purchase, tag=first.headers["etag"]) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [304] * 3
    assert asked == []


def test_many_who_ask_at_once_are_each_told_their_own(doors: Doors) -> None:
    agents = [doors.agent(f"painter {number}") for number in range(8)]
    purchases = [bought(doors, agent) for agent in agents]
    asked = list(zip(agents, purchases, strict=True)) * 20

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda each: poll(doors, *each).json(), asked))

    assert [reply["data"]["payment_attempt"]["payment_attempt_id"] for reply in replies] == [
        purchase["payment_attempt_id"] for _, purchase in asked
    ]
    assert len({reply["trace_id"] for reply in replies}) == 160


def test_a_connection_that_was_cut_is_opened_again(doors: Doors, engine: Engine) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    poll(doors, agent, purchase)

    with engine.begin() as connection:
        cut = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = :name AND datname = current_database()"
            ),
            {"name": "pennyrail-polling"},
        ).all()
    reply = poll(doors, agent, purchase)

    assert len(cut) == 1
    assert reply.status_code == 200


def test_a_token_that_was_rotated_is_refused_although_its_answer_is_remembered(doors: Doors) -> None:
    body = {"agent_name": "painter", "runtime": "tests", "agent_contact": "a@example.invalid"}
    signed_up = ok(doors.visitor().post("/v1/agent-signups", **body, return_token=True))
    agent = doors.visitor(signed_up["token"])
    purchase = bought(doors, agent)
    first = poll(doors, agent, purchase)
    doors.visitor().post("/v1/agent-signups", **body, return_token=True)

    refused = poll(doors, agent, purchase, tag=first.headers["etag"])

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "AUTH_REQUIRED")
    assert "etag" not in refused.headers


def test_another_agent_hears_nothing_of_an_answer_that_is_remembered(doors: Doors) -> None:
    agent, other = doors.agent(), doors.agent("other")
    purchase = bought(doors, agent)
    tag = poll(doors, agent, purchase).headers["etag"]

    foreign = poll(doors, other, purchase, tag=tag)
    unknown = poll(doors, other, {"payment_attempt_id": "payatt_unknown"}, tag=tag)

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["error"] == unknown.json()["error"]
    assert "etag" not in foreign.headers


@pytest.mark.parametrize("wait", ["0", "21", "soon", "1.5"])
def test_a_wait_that_is_out_of_range_is_refused(doors: Doors, wait: str) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)

    refused = poll(doors, agent, purchase, wait=wait)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_ARGUMENTS")
    assert "wait" in refused.json()["error"]["message"]


def test_a_bad_query_without_a_token_is_told_about_the_token_first(doors: Doors) -> None:
    refused = doors.http.get(PATH, params={"wait": 99, "quote_id": "a", "receipt_id": "b"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


def test_a_reply_that_waits_comes_as_soon_as_something_changes(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    later = threading.Timer(0.6, settle, (doors, purchase, FakeRail.pay))

    later.start()
    began_at = time.monotonic()
    reply = poll(doors, agent, purchase, wait=15)

    assert reply.json()["data"]["state"] == "succeeded"
    assert 0.5 < time.monotonic() - began_at < 10
    later.join()


def test_a_reply_that_waited_in_vain_says_that_nothing_changed(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    tag = poll(doors, agent, purchase).headers["etag"]

    began_at = time.monotonic()
    with_tag = poll(doors, agent, purchase, tag=tag, wait=1)
    waited_seconds = time.monotonic() - began_at
    without_tag = poll(doors, agent, purchase, wait=1)

    assert (with_tag.status_code, without_tag.status_code) == (304, 200)
    assert waited_seconds >= 1


def test_nobody_waits_for_what_is_over_or_for_what_is_new_to_them(doors: Doors) -> None:
    agent = doors.agent()
    done, open_still = bought(doors, agent), bought(doors, agent)
    settle(doors, done, FakeRail.pay)

    began_at = time.monotonic()
    over = poll(doors, agent, done, wait=20)
    news = poll(doors, agent, open_still, wait=20, tag='W/"old"')

    assert over.json()["data"]["terminal"] is True
    assert news.status_code == 200
    assert time.monotonic() - began_at < 10


def test_a_process_in_which_too_many_wait_answers_at_once(sessions: Sessions) -> None:
    with opened(sessions, settings(status_waiting_most=0)) as doors:
        agent = doors.agent()
        purchase = bought(doors, agent)

        began_at = time.monotonic()
        reply = poll(doors, agent, purchase, wait=20)
        stream = doors.http.get(
            PATH,
            params={"payment_attempt_id": purchase["payment_attempt_id"]},
            headers={"authorization": f"Bearer {agent.token}", "accept": "text/event-stream"},
        )

    assert reply.status_code == 200
    assert time.monotonic() - began_at < 10
    assert (stream.status_code, stream.headers["retry-after"]) == (503, "5")


def test_a_stream_tells_every_change_and_ends_with_the_last(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)
    headers = {"authorization": f"Bearer {agent.token}", "accept": "text/event-stream"}
    asked = {"payment_attempt_id": purchase["payment_attempt_id"]}
    events: list[tuple[str, Json]] = []

    with doors.http.stream("GET", PATH, params=asked, headers=headers) as stream:
        media_type, last_id = stream.headers["content-type"], ""
        for line in stream.iter_lines():
            if line.startswith("id: "):
                last_id = line.removeprefix("id: ")
            if line.startswith("data: "):
                events.append((last_id, json.loads(line.removeprefix("data: "))))
                settle(doors, purchase, FakeRail.arrive if len(events) == 1 else FakeRail.pay)
    again = doors.http.get(PATH, params=asked, headers={**headers, "last-event-id": last_id})

    assert media_type.startswith("text/event-stream")
    assert [told["data"]["state"] for _, told in events] == ["action_required", "processing", "succeeded"]
    assert [told["ok"] for _, told in events] == [True] * 3
    assert last_id == poll(doors, agent, purchase).headers["etag"]
    assert again.status_code == 204


def test_a_stream_of_test_money_says_so_as_every_other_answer_does(doors: Doors) -> None:
    doors.deposit.live_money = False
    agent = doors.agent()
    purchase = bought(doors, agent)
    settle(doors, purchase, FakeRail.pay)
    headers = {"authorization": f"Bearer {agent.token}", "accept": "text/event-stream"}

    asked = {"payment_attempt_id": purchase["payment_attempt_id"]}
    lines = doors.http.get(PATH, params=asked, headers=headers).text.splitlines()

    [told] = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert told["warnings"] == poll(doors, agent, purchase).json()["warnings"]
    assert told["warnings"][0].startswith("test money")


def test_a_stream_ends_when_its_token_is_rotated(doors: Doors) -> None:
    body = {"agent_name": "painter", "runtime": "tests", "agent_contact": "a@example.invalid"}
    signed_up = ok(doors.visitor().post("/v1/agent-signups", **body, return_token=True))
    agent = doors.visitor(signed_up["token"])
    purchase = bought(doors, agent)
    headers = {"authorization": f"Bearer {agent.token}", "accept": "text/event-stream"}
    asked = {"payment_attempt_id": purchase["payment_attempt_id"]}

    with doors.http.stream("GET", PATH, params=asked, headers=headers) as stream:
        lines = stream.iter_lines()
        first = next(lines)
        doors.visitor().post("/v1/agent-signups", **body, return_token=True)
        settle(doors, purchase, FakeRail.pay)
        rest = list(lines)

    assert first == "retry: 2000"
    assert not any("succeeded" in line for line in rest)


def test_a_witness_that_says_more_is_told_although_the_state_stays(doors: Doors) -> None:
    agent = doors.agent()
    purchase = bought(doors, agent)

    settle(doors, purchase, lambda rail, reference: rail.pay_wrongly(reference, "several", received=_TWICE))
    after = poll(doors, agent, purchase).json()["data"]
    settle(doors, purchase, lambda rail, reference: rail.pay_wrongly(reference, "several", received=_THRICE))
    again = poll(doors, agent, purchase).json()["data"]

    assert (after["state"], again["state"]) == ("needs_review", "needs_review")
    assert after["payment_attempt"]["exception"]["received_atomic"] == str(_TWICE.units)
    assert again["payment_attempt"]["exception"]["received_atomic"] == str(_THRICE.units)


def test_a_purchase_that_the_processor_refused_is_told_although_nobody_looked(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    doors.deposit.unreachable = True
    body = {"quote_id": quote["quote_id"], "idempotency_key": "key"}
    agent.post("/v1/credit-purchases/fake-deposits", **body)
    before = agent.status(quote_id=quote["quote_id"])

    doors.deposit.unreachable, doors.deposit.refusing = False, True
    agent.post("/v1/credit-purchases/fake-deposits", **body)
    after = agent.status(quote_id=quote["quote_id"])

    assert (before["state"], after["state"], after["terminal"]) == ("action_required", "failed", True)


def test_a_balance_that_another_purchase_raised_is_told(doors: Doors) -> None:
    agent = doors.agent()
    waiting, paid = bought(doors, agent), bought(doors, agent)
    before = poll(doors, agent, waiting).json()["data"]["limits"]

    settle(doors, paid, FakeRail.pay)
    after = poll(doors, agent, waiting).json()["data"]["limits"]

    assert before["payment_backed_remaining_credits"] == 0
    assert after["payment_backed_remaining_credits"] == 500
