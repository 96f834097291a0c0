"""The inbox and the deliveries in the console: read by all, replayed and ignored by who may."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from ledger import credits, seals
from office.models import AuditRow
from office.roles import Role
from outbound import endpoints, telling, vault
from outbound.addresses import Rules
from outbound.models import Attempt, Delivery
from rails import inbox
from rails.models import Notice, NoticeAction
from rails.notice import Incoming, Knock
from tests.app.console.seats import Console
from tests.ledger import make
from tests.office import troubles

BAIT = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
KNOCK = Incoming("stripe", "evt_1", "charge.refunded", ("pi_nobody",), b"{}")


def received(console: Console, incoming: Incoming = KNOCK) -> int:
    with console.sessions() as session:
        notice_id = inbox.receive(session, incoming, now=console.clock.now)
    assert notice_id is not None
    return notice_id


def killed(console: Console, incoming: Incoming = KNOCK, *, words: str = "it broke") -> int:
    """A notice that is dead: its handling broke too often, with these words."""

    def broken(_: Knock) -> tuple[str, ...]:
        raise ZeroDivisionError(words)

    notice_id = received(console, incoming)
    for _ in range(inbox.MOST_ATTEMPTS):
        inbox.handle(console.sessions, {}, notice_id=notice_id, now=console.clock.now, ask=broken)
    return notice_id


def state(console: Console, notice_id: int) -> str:
    with console.sessions() as session:
        return session.get_one(Notice, notice_id).state


def last_audited(console: Console) -> tuple[str, str]:
    with console.sessions() as session:
        row = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
    assert row is not None
    return row.action, row.outcome


def told(console: Console, *keys: str, url: str = "http://127.0.0.1:9/hooks", at: datetime) -> str:
    """A new endpoint that one event for each key is to be told to."""
    with console.sessions() as session:
        made, _ = endpoints.create(
            session,
            url=url,
            event_types=[],
            rules=Rules(loopback=True),
            vault=vault.Vault.of([vault.new_key()]),
            now=at - timedelta(hours=1),
        )
        endpoint_id = made.endpoint_id
    credits.perform(console.sessions, [make.grant(key, 5, cents=5) for key in keys], now=at)
    seals.seal_all(console.sessions, now=at)
    telling.tell_all(console.sessions, now=at)
    return endpoint_id


def event_ids(console: Console) -> list[str]:
    with console.sessions() as session:
        return [each.event_id for each in session.exec(select(Delivery))]


def test_a_dead_notice_is_read_and_handled_anew(console: Console) -> None:
    attempt_id = troubles.bought(console.sessions, console.deposit, now=console.clock.now)
    notice_id = killed(console)
    reference = console.deposit.opened[attempt_id].reference
    about = received(console, replace(KNOCK, external_id="evt_2", refs=(reference,)))
    seat = console.operator("support")

    queue = seat.page("/console/inbox")
    page = seat.page(f"/console/inbox/{notice_id}")
    seat.act(f"/console/inbox/{notice_id}/replay", reason="it is mended")
    after = seat.page(f"/console/inbox/{notice_id}")

    assert f'href="/console/inbox/{notice_id}"' in queue
    assert "dead (1)" in queue
    for words in ("evt_1", "ZeroDivisionError", "it broke", "20 of 20", "none that is known"):
        assert words in page
    assert f"/console/purchases/{attempt_id}" in seat.page(f"/console/inbox/{about}")
    assert "it is mended" in after
    assert "operator:support@example.com" in after
    assert state(console, notice_id) == "waiting"
    assert last_audited(console) == ("notice.replay", "done")


def test_a_notice_is_ignored_for_a_reason_by_who_may(console: Console) -> None:
    notice_id = received(console)
    support, finance = console.operator("support"), console.operator("finance")

    refused = support.send(f"/console/inbox/{notice_id}/ignore", reason="a test of theirs")
    said = last_audited(console)
    silent = finance.send(f"/console/inbox/{notice_id}/ignore", reason=" ")
    finance.act(f"/console/inbox/{notice_id}/ignore", reason="a test of theirs")
    again = finance.send(f"/console/inbox/{notice_id}/ignore", reason="a test of theirs")

    assert (refused.status_code, silent.status_code, again.status_code) == (403, 422, 409)
    assert said == ("forbidden.ignore", "refused")
    assert state(console, notice_id) == "ignored"
    assert "/ignore" not in support.page(f"/console/inbox/{notice_id}")


def test_all_the_dead_are_replayed_at_once(console: Console) -> None:
    dead = [killed(console, replace(KNOCK, external_id=f"evt_{number}")) for number in range(2)]
    seat = console.operator("admin")

    answer = seat.act("/console/inbox/replay-dead", reason="the database was away")

    assert [state(console, each) for each in dead] == ["waiting", "waiting"]
    assert "2 to be handled anew" in seat.page(answer.headers["location"])
    assert "No notice is dead." in seat.page("/console/inbox")


@pytest.mark.parametrize(
    "path", ["/console/inbox/1/replay", "/console/inbox/replay-dead", "/console/deliveries/replay"]
)
def test_a_viewer_replays_nothing(console: Console, path: str) -> None:
    killed(console)
    viewer = console.operator("viewer")

    answer = viewer.send(path, reason="mine", endpoint_id="ep_1", since="2026-01-01T00:00")

    assert (answer.status_code, last_audited(console)) == (403, ("forbidden.replay", "refused"))
    assert state(console, 1) == "dead"
    assert '<form class="action' not in viewer.page("/console/inbox")


@pytest.mark.parametrize("role", ["viewer", "support", "finance", "approver", "admin"])
def test_everybody_reads_every_queue(console: Console, role: Role) -> None:
    notice_id = killed(console)
    endpoint_id = told(console, "a", at=console.clock.now)
    [event_id] = event_ids(console)
    seat = console.operator(role)

    assert endpoint_id in seat.page("/console/deliveries")
    assert "credits.granted" in seat.page(f"/console/deliveries/{event_id}")
    for path in ("/console/exceptions", "/console/inbox", f"/console/inbox/{notice_id}"):
        assert seat.get(path).status_code == 200
    for each in ("waiting", "retrying", "ignored", "handled"):
        assert f"No notice is {each}." in seat.page("/console/inbox", state=each)


def test_one_event_and_a_time_are_told_again(console: Console) -> None:
    endpoint_id = told(console, "a", "b", at=console.clock.now)
    one = event_ids(console)[0]
    with console.sessions() as session:
        for each in session.exec(select(Delivery)):
            each.state, each.try_at, each.tries = "failed", None, 11
    seat = console.operator("support")

    failed = seat.json("/console/deliveries", state="failed")["lines"]
    seat.act(f"/console/deliveries/{one}/replay", endpoint_id=endpoint_id, reason="they lost it")
    pending = seat.json("/console/deliveries", state="pending")["lines"]
    noon = console.clock.now
    range_ = {"since": f"{noon - timedelta(hours=1):%Y-%m-%dT%H:%M}", "until": ""}
    console.clock.now += timedelta(minutes=1)
    answer = seat.act("/console/deliveries/replay", endpoint_id=endpoint_id, reason="all of it", **range_)

    assert len(failed) == 2
    assert [line["event_id"] for line in pending] == [one]
    assert "2 events are on their way." in seat.page(answer.headers["location"])
    assert len(seat.json("/console/deliveries", state="pending", endpoint=endpoint_id)["lines"]) == 2
    assert last_audited(console) == ("delivery.replay_range", "done")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"until": "soon"}, 422),
        ({"since": "soon"}, 422),
        ({"since": "2026-12-01T00:00", "until": "2026-12-01T00:00"}, 422),
        ({"until": "2026-01-01T00:00"}, 422),
        ({"endpoint_id": "ep_nobody"}, 409),
        ({"endpoint_id": ""}, 422),
        ({"reason": ""}, 422),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(
    console: Console, changed: dict[str, str], status: int
) -> None:
    endpoint_id = told(console, "a", at=console.clock.now)
    fields = {"endpoint_id": endpoint_id, "since": "2026-01-02T00:00", "until": "", "reason": "x", **changed}

    assert console.operator("support").send("/console/deliveries/replay", **fields).status_code == status


def test_whatever_others_sent_is_shown_as_text_and_without_secrets(console: Console) -> None:
    secret = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    body = f'{{"type": "{BAIT.replace(chr(34), "")}", "email": "payer@example.com", "key": "{secret}"}}'
    bait = replace(KNOCK, external_id=BAIT, kind=f"a{BAIT}", refs=(BAIT,), body=body.encode())
    notice_id = killed(console, bait, words=f"{BAIT} {secret}")
    endpoint_id = told(console, "a", at=console.clock.now, url="http://127.0.0.1:9/hooks?token=hidden")
    [event_id] = event_ids(console)
    with console.sessions() as session:
        session.add(
            Attempt(
                endpoint_id=endpoint_id,
                event_id=event_id,
                started_at=console.clock.now,
                duration_ms=7,
                status=500,
                error="status",
                answer=f"{BAIT} {secret}",
            )
        )
        session.add(
            NoticeAction(
                notice_id=notice_id,
                action="replay",
                actor=BAIT,
                reason=BAIT,
                from_state="dead",
                acted_at=console.clock.now,
            )
        )
    seat = console.operator("support")
    seat.send("/console/notes", about_kind="notice", about_id=notice_id, said=f"{BAIT} {secret}")
    seat.act(f"/console/inbox/{notice_id}/replay", reason=f"{BAIT} {secret}")
    console.clock.now += timedelta(seconds=30)

    for path in (
        "/console/inbox?state=waiting",
        f"/console/inbox/{notice_id}",
        f"/console/deliveries/{event_id}",
        "/console/deliveries",
    ):
        answer = seat.http.get(path)
        assert answer.status_code == 200
        shown = answer.text + str(seat.http.get(path, headers={"accept": "application/json"}).json())
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        for hidden in (secret, "payer@example.com", "token=hidden"):
            assert hidden not in shown
    page = seat.page(f"/console/inbox/{notice_id}")
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 6
    assert "&lt;img src=x" in seat.page(f"/console/deliveries/{event_id}")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/inbox/99", 404),
        ("/console/inbox/99999999999999999999", 422),
        ("/console/inbox?state=strange", 422),
        ("/console/inbox?after=x", 409),
        ("/console/inbox?kind=%00", 404),
        ("/console/inbox?kind=%25_", 200),
        ("/console/deliveries/msg_nobody", 404),
        ("/console/deliveries/%00", 404),
        ("/console/deliveries?after=x~y~z", 409),
        ("/console/deliveries?endpoint=strange", 200),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(console: Console, path: str, status: int) -> None:
    assert console.operator("viewer").http.get(path).status_code == status
