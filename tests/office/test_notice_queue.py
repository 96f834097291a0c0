"""The inbox as operators read and decide it: its lists, bodies without secrets, an audit row for each act."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from ledger.database import Sessions
from office import errors, notice_desk, notice_queue
from office.actor import Actor
from office.models import AuditRow
from office.notice_queue import Page, Recovery, State
from rails import errors as rails_errors
from rails import inbox, inbox_desk
from rails.conformance.fakes import crypto_deposit
from rails.models import Notice, NoticeCursor
from rails.notice import Incoming, Knock
from tests.office import troubles

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ANN = Actor("operator:ann@example.com", role="finance", via="console")
KNOCK = Incoming("stripe", "evt_1", "charge.refunded", ("pi_nobody",), b"{}")


def received(sessions: Sessions, incoming: Incoming) -> int:
    with sessions() as session:
        notice_id = inbox.receive(session, incoming, now=NOON)
    assert notice_id is not None
    return notice_id


def broken(sessions: Sessions, incoming: Incoming, *, times: int = inbox.MOST_ATTEMPTS) -> int:
    """A notice whose handling broke so often: after the last time it is dead."""

    def fail(_: Knock) -> tuple[str, ...]:
        raise ZeroDivisionError("<b>by sk_live_4eC39HqLyjWDarjtT1zdp7dc</b>")

    notice_id = received(sessions, incoming)
    for _ in range(times):
        inbox.handle(sessions, {}, notice_id=notice_id, now=NOON, ask=fail)
    return notice_id


def named(number: int, kind: str = "charge.refunded") -> Incoming:
    return replace(KNOCK, external_id=f"evt_{number}", kind=kind)


def listed(sessions: Sessions, state: State, **wanted: object) -> list[int]:
    return [line.notice_id for line in page(sessions, state, **wanted).lines]


def page(sessions: Sessions, state: State, **wanted: object) -> Page:
    with sessions() as session:
        return notice_queue.listed(session, state=state, **wanted)  # type: ignore[arg-type]


def test_each_state_has_its_list(sessions: Sessions) -> None:
    dead = broken(sessions, named(1))
    retrying = broken(sessions, named(2), times=3)
    waiting = received(sessions, named(3))
    ignored = received(sessions, named(4))
    inbox.handle(sessions, {}, notice_id=ignored, now=NOON)

    assert listed(sessions, "dead") == [dead]
    assert listed(sessions, "retrying") == [retrying]
    assert listed(sessions, "waiting") == [waiting, retrying]
    assert listed(sessions, "waiting", order="oldest") == [retrying, waiting]
    assert listed(sessions, "ignored") == [ignored]
    assert listed(sessions, "handled") == []
    with sessions() as session:
        counted = [(each.state, each.count, each.more) for each in notice_queue.counts(session)]
    assert counted == [("waiting", 2, False), ("retrying", 1, False), ("dead", 1, False)]
    [line] = page(sessions, "retrying").lines
    assert (line.state, line.attempts, line.reason) == ("retrying", 3, "ZeroDivisionError")


def test_types_are_chosen_by_how_they_begin(sessions: Sessions) -> None:
    kinds = ("charge.dispute.created", "charge.dispute.closed", "charge.refunded", "payout.paid")
    ids = {kind: received(sessions, named(number, kind)) for number, kind in enumerate(kinds)}

    assert listed(sessions, "waiting", kind="charge.dispute.*") == [ids[kinds[1]], ids[kinds[0]]]
    assert listed(sessions, "waiting", kind="charge.refunded") == [ids[kinds[2]]]
    assert listed(sessions, "waiting", kind="charge_%") == []


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_of_several_types_follow_each_other_and_leave_nothing_out(
    sessions: Sessions, order: str
) -> None:
    ids = [received(sessions, named(number, f"kind.{number % 3}")) for number in range(8)]

    seen: list[int] = []
    after = None
    for _ in range(3):
        found = page(sessions, "waiting", order=order, after=after, limit=3)
        seen += [line.notice_id for line in found.lines]
        after = found.more

    assert seen == (ids if order == "oldest" else ids[::-1])
    assert after is None


def test_what_is_shown_of_a_body_has_no_secret_and_nobody_in_it(sessions: Sessions) -> None:
    body = {
        "id": "evt_1",
        "data": {
            "object": {
                "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
                "amount": 500,
                "client_secret": "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HV",
                "next": "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HV",
                "billing_details": {"email": "payer@example.com", "name": "Pat"},
                "charges": [{"receipt_email": "payer@example.com", "phone": None}],
                "description": "sk_live_4eC39HqLyjWDarjtT1zdp7dc <script>alert(1)</script>",
            }
        },
    }
    notice_id = received(sessions, replace(KNOCK, body=json.dumps(body).encode()))

    with sessions() as session:
        shown = notice_queue.shown(session, notice_id)

    for secret in ("YrKJ", "payer@example.com", "Pat", "sk_live"):
        assert secret not in shown.body
    told = json.loads(shown.body)["data"]["object"]
    assert (told["id"], told["amount"]) == ("pi_3MtwBwLkdIwHu7ix28a3tqPa", 500)
    assert told["charges"] == [{"receipt_email": "[redacted]", "phone": None}]
    assert "<script>" in told["description"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe{", b"not json", b"[" * 100_000])
def test_a_body_that_is_no_json_is_shown_as_it_came(body: bytes) -> None:
    assert notice_queue.readable(body)[:4] == body.decode("utf-8", "replace")[:4]


def test_a_notice_leads_to_the_purchase_that_it_is_about(sessions: Sessions) -> None:
    rail = crypto_deposit()
    attempt_id = troubles.bought(sessions, rail, now=NOON)
    notice_id = received(sessions, replace(KNOCK, refs=(rail.opened[attempt_id].reference,)))

    with sessions() as session:
        shown = notice_queue.shown(session, notice_id)
        with pytest.raises(rails_errors.NoticeNotFound):
            notice_queue.shown(session, 99)

    assert (shown.about, shown.line.state, shown.acts) == ((attempt_id,), "waiting", ())


def test_a_replay_and_an_ignore_are_acts_of_the_operator_and_audited(sessions: Sessions) -> None:
    dead = broken(sessions, named(1))
    with sessions() as session:
        notice_desk.replay(session, dead, reason="mended sk_live_4eC39HqLyjWDarjtT1", by=ANN, now=LATER)
    with sessions() as session:
        notice_desk.ignore(session, dead, reason="a test of theirs", by=ANN, now=LATER)

    with sessions() as session:
        shown = notice_queue.shown(session, dead)
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    assert [(each.what, each.who, each.from_state, each.reason) for each in shown.acts] == [
        ("replay", ANN.name, "dead", "mended [redacted]"),
        ("ignore", ANN.name, "waiting", "a test of theirs"),
    ]
    assert [(row.action, row.about_id, row.before, row.after) for row in rows] == [
        ("notice.replay", str(dead), {"state": "dead"}, {"state": "waiting"}),
        ("notice.ignore", str(dead), {"state": "waiting"}, {"state": "ignored"}),
    ]


def test_without_a_reason_or_while_somebody_handles_it_nothing_is_done(sessions: Sessions) -> None:
    notice_id = received(sessions, KNOCK)
    with sessions() as session, pytest.raises(errors.SayWhy):
        notice_desk.ignore(session, notice_id, reason=" ", by=ANN, now=LATER)
    with sessions() as session:
        session.get_one(Notice, notice_id).leased_until = LATER + timedelta(minutes=1)
    with sessions() as session, pytest.raises(rails_errors.NoticeBusy):
        notice_desk.replay(session, notice_id, reason="again", by=ANN, now=LATER)

    with sessions() as session:
        assert session.exec(select(AuditRow)).all() == []


def test_the_dead_are_replayed_together_and_the_others_left(sessions: Sessions) -> None:
    dead = [broken(sessions, named(number)) for number in range(2)]
    received(sessions, named(7))

    with sessions() as session:
        done = notice_desk.replay_dead(session, reason="the node is back", by=ANN, now=LATER)
        assert [each.notice_id for each in done] == dead

    assert listed(sessions, "dead") == []
    with sessions() as session:
        assert len(inbox_desk.actions(session, session.get_one(Notice, dead[0]))) == 1
        [row] = session.exec(select(AuditRow)).all()
    assert (row.action, row.after) == ("notice.replay_dead", {"count": 2, "notices": dead})


def test_how_far_the_processors_list_was_read_is_told(sessions: Sessions) -> None:
    with sessions() as session:
        session.add(NoticeCursor(source="stripe", external_id="evt_9", happened_at=NOON, moved_at=LATER))
    with sessions() as session:
        assert notice_queue.recovery(session) == [Recovery("stripe", NOON, LATER)]
