"""The door Stripe knocks on: kept before it is answered, whatever else is slow, broken or away."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe
from pydantic import SecretStr
from sqlalchemy.exc import DataError
from sqlmodel import select

from app import ingest
from app.api import webhooks
from app.house import House
from app.ingest import Ingest
from app.main import create_app
from ledger import book, chart, database
from ledger.database import Sessions
from rails import inbox
from rails.conformance.fakes import crypto_deposit
from rails.models import Notice
from rails.notice import Incoming
from rails.rail import Rails
from rails.stripe.settings import StripeSettings
from tests.app.conftest import served, settings
from tests.rails.conftest import AGENT, buy
from tests.sandbox import twin_world
from tests.waiting import eventually

CURRENT = "whsec_current_current_current"
NEXT = "whsec_next_next_next_next_next"
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"


@dataclass
class Woken:
    """Who was woken, and a way to make waking slow or broken."""

    notice_ids: list[int] = field(default_factory=list)
    held: threading.Event | None = None
    error: Exception | None = None
    calls: int = 0

    def __call__(self, notice_ids: Sequence[int]) -> None:
        self.calls += 1
        if self.held is not None:
            self.held.wait(30)
        if self.error is not None:
            raise self.error
        self.notice_ids += notice_ids


@contextmanager
def door(
    sessions: Sessions,
    woken: Woken,
    *,
    secrets: Sequence[str] = (CURRENT,),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[str]:
    """The address of a house whose webhook door knows these secrets."""
    app = create_app(sessions, {}, settings(), clock)
    told = StripeSettings(
        secret_key=SecretStr(KEY), webhook_secrets=tuple(SecretStr(each) for each in secrets)
    )
    webhooks.install(app, told, wake=woken)
    with served(app) as url:
        yield f"{url}/webhooks/stripe"


def event(event_id: str, about: str = "pi_1", **changes: Any) -> bytes:
    told = {
        "id": event_id,
        "object": "event",
        "type": "payment_intent.succeeded",
        "livemode": False,
        "data": {"object": {"id": about}},
    }
    return json.dumps(told | changes).encode()


def thin(event_id: str, about: str) -> bytes:
    told = {
        "id": event_id,
        "object": "v2.core.event",
        "type": "v1.payment_intent.succeeded",
        "created": "2026-11-20T12:00:00.000Z",
        "livemode": False,
        "related_object": {"id": about, "type": "payment_intent", "url": f"/v1/payment_intents/{about}"},
    }
    return json.dumps(told).encode()


def post(url: str, body: bytes, *, secret: str = CURRENT, seconds: int = 0) -> httpx.Response:
    at = int(time.time()) + seconds
    header = str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at))
    return httpx.post(url, content=body, headers={"stripe-signature": header}, timeout=30, trust_env=False)


def kept(sessions: Sessions) -> dict[str, Notice]:
    with sessions() as session:
        return {row.external_id: row for row in session.exec(select(Notice))}


def test_every_event_of_a_crowd_is_in_the_table_when_it_is_answered(sessions: Sessions) -> None:
    woken = Woken()

    def send(number: int) -> bool:
        answer = post(url, event(f"evt_{number}"))
        return answer.status_code == 200 and f"evt_{number}" in kept(sessions)

    with door(sessions, woken) as url, ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(send, range(100)))
        eventually(lambda: len(woken.notice_ids) == 100)

    assert all(seen)
    assert set(woken.notice_ids) == {row.notice_id for row in kept(sessions).values()}


def test_given_the_same_event_from_many_at_once_then_it_is_kept_once_and_wakes_once(
    sessions: Sessions,
) -> None:
    woken = Woken()

    with door(sessions, woken) as url, ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda _: post(url, event("evt_1")).status_code, range(48)))
        eventually(lambda: woken.notice_ids)

    assert statuses == {200}
    assert kept(sessions)["evt_1"].deliveries == 48
    assert len(woken.notice_ids) == 1


def test_a_queue_that_hangs_holds_up_no_answer(sessions: Sessions) -> None:
    woken = Woken(held=threading.Event())

    with door(sessions, woken) as url:
        statuses = [post(url, event(f"evt_{number}")).status_code for number in range(20)]
        calls = woken.calls
        assert woken.held is not None
        woken.held.set()
        eventually(lambda: len(woken.notice_ids) == 20)

    assert statuses == [200] * 20
    assert calls == 1


def test_a_wake_up_that_fails_loses_nothing(sessions: Sessions) -> None:
    woken = Woken(error=ConnectionError("the queue is away"))

    with door(sessions, woken) as url:
        statuses = [post(url, event(f"evt_{number}")).status_code for number in range(3)]
        eventually(lambda: woken.calls)

    with sessions() as session:
        due = inbox.due(session, now=datetime.now(UTC).replace(year=2100))
    assert (statuses, len(due)) == ([200] * 3, 3)


def test_two_secrets_are_good_while_stripe_signs_with_both_and_then_only_the_new_one(
    sessions: Sessions,
) -> None:
    def delivered(url: str, secrets: list[str]) -> list[int | None]:
        registered = twin.control.register_endpoint(url, secrets=secrets)
        before = len(twin.control.attempts())
        twin_world.deposit(client)
        twin_world.until(lambda: len(twin.control.attempts()) >= before + 2)
        twin.control.remove_endpoint(registered.id)
        return [row.status for row in twin.control.attempts()[before : before + 2]]

    with twin_world.running(twin_world.config(retry_delays_seconds=())) as twin:
        client = twin_world.sdk(twin.url)
        with door(sessions, Woken(), secrets=(CURRENT,)) as url:
            before = delivered(url, [CURRENT])
        with door(sessions, Woken(), secrets=(NEXT, CURRENT)) as url:
            during = [delivered(url, [CURRENT]), delivered(url, [NEXT, CURRENT]), delivered(url, [NEXT])]
        with door(sessions, Woken(), secrets=(NEXT,)) as url:
            after = [delivered(url, [NEXT, CURRENT]), delivered(url, [NEXT]), delivered(url, [CURRENT])]

    assert before == [200, 200]
    assert during == [[200, 200]] * 3
    assert after == [[200, 200], [200, 200], [400, 400]]
    assert len(kept(sessions)) == 2 * 6


def test_a_snapshot_and_a_thin_event_of_one_change_are_both_kept_and_have_one_effect(
    sessions: Sessions,
) -> None:
    rail = crypto_deposit()
    rails: Rails = {rail.rail_id: rail}
    attempt = buy(sessions, rails, rail).attempt
    assert attempt is not None
    reference = str(attempt.reference)
    rail.pay(reference)

    with door(sessions, Woken()) as url:
        answers = [post(url, event("evt_snapshot", reference)), post(url, thin("evt_thin", reference))]
    states = {
        name: inbox.handle(sessions, rails, notice_id=int(str(row.notice_id)), now=datetime.now(UTC))
        for name, row in kept(sessions).items()
    }

    assert [answer.status_code for answer in answers] == [200, 200]
    assert states == {"evt_snapshot": "handled", "evt_thin": "handled"}
    with sessions() as session:
        assert book.balance(session, account=chart.agent(AGENT)).units == 500


@pytest.mark.parametrize(
    "refused",
    [
        {"secret": "whsec_of_somebody_else_entirely"},
        {"seconds": -400},
        {"seconds": 400},
    ],
    ids=["forged", "old", "from the future"],
)
def test_what_is_not_signed_for_us_now_is_refused_and_not_kept(
    sessions: Sessions, refused: dict[str, Any]
) -> None:
    with door(sessions, Woken()) as url:
        answers = [post(url, body, **refused) for body in (event("evt_1"), thin("evt_2", "pi_1"))]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert {answer.json()["error"]["code"] for answer in answers} == {"WEBHOOK_REFUSED"}
    assert kept(sessions) == {}


def test_an_event_of_the_other_mode_and_one_of_an_unknown_type_are_kept_and_wake_nobody(
    sessions: Sessions,
) -> None:
    woken = Woken()

    with door(sessions, woken) as url:
        post(url, event("evt_live", livemode=True))
        post(url, event("evt_odd", type="customer.hopped"))
        post(url, event("evt_ours"))
        eventually(lambda: woken.notice_ids)

    rows = kept(sessions)
    assert {name: row.state for name, row in rows.items()} == {
        "evt_live": "ignored",
        "evt_odd": "ignored",
        "evt_ours": "waiting",
    }
    assert woken.notice_ids == [rows["evt_ours"].notice_id]


def test_a_body_that_is_too_long_or_no_event_is_refused(sessions: Sessions) -> None:
    with door(sessions, Woken()) as url:
        statuses = [post(url, body).status_code for body in (b" " * 1_100_000, b"[]", b"null", b"{}", b"")]
        wrong_verb = httpx.get(url, trust_env=False).status_code

    assert statuses == [413, 400, 400, 400, 400]
    assert wrong_verb == 405
    assert kept(sessions) == {}


def test_the_door_is_in_the_access_log_without_any_id(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="pennyrail.http"), door(sessions, Woken()) as url:
        post(url, event("evt_secret_name"))

    (line,) = [record.getMessage() for record in caplog.records if record.name == "pennyrail.http"]
    assert line.startswith("POST /webhooks/stripe 200 ")
    assert "evt_" not in line


def test_a_database_that_is_away_is_a_503_and_stripe_sends_it_again(tmp_path: Any) -> None:
    engine = database.connect(f"postgresql://nobody@/nothing?host={tmp_path}", pool_size=1)

    with door(database.sessions(engine), Woken()) as url:
        answer = post(url, event("evt_1"))

    engine.dispose()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")


def test_one_notice_that_the_database_refuses_does_not_keep_out_the_others(sessions: Sessions) -> None:
    house = House(sessions, {}, settings(), lambda: datetime.now(UTC))
    woken = Woken()
    came = [Incoming("stripe", f"evt_{number}", "x", (), b"{}") for number in range(9)]
    bad = Incoming("stripe", "evt_bad", "a NUL \x00", (), b"{}")

    async def keep_all() -> list[BaseException | None]:
        queue = Ingest(house, woken)
        return list(
            await asyncio.gather(*(queue.keep(each) for each in [*came, bad]), return_exceptions=True)
        )

    outcomes = asyncio.run(keep_all())

    assert outcomes[:9] == [None] * 9
    assert isinstance(outcomes[9], DataError)
    assert set(kept(sessions)) == {each.external_id for each in came}


def test_whoever_finds_too_many_waiting_is_sent_away(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_WAITING_MOST", 0)

    with door(sessions, Woken()) as url:
        answer = post(url, event("evt_1"))

    assert answer.status_code == 503
    assert kept(sessions) == {}


def test_an_endpoint_that_is_sent_both_kinds_of_events_keeps_each_change_twice_under_two_ids(
    sessions: Sessions,
) -> None:
    with twin_world.running(twin_world.config()) as twin, door(sessions, Woken()) as url:
        twin.control.register_endpoint(url, secrets=[CURRENT], payload="both")
        intent = twin_world.deposit(twin_world.sdk(twin.url))
        twin_world.until(lambda: len(kept(sessions)) == 4)
        rows = list(kept(sessions).values())
        delivered = [row.status for row in twin.control.attempts()]

    by_kind: dict[str, list[list[str]]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.refs)
    assert by_kind == {
        "payment_intent.created": [[intent.id], [intent.id]],
        "payment_intent.requires_action": [[intent.id], [intent.id]],
    }
    assert set(delivered) == {200}
