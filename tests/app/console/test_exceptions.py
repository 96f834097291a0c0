"""The exceptions queue in the console: found, taken, decided by who may and saw what there is."""

import html
import re
from datetime import timedelta

import pytest
from sqlmodel import col, select

from ledger import book, chart
from office.models import AuditRow
from tests.app.console.seats import Console, Seat
from tests.office import troubles

BAIT = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
ACTIONS = ("credit", "refund", "write-off", "wait")


def excepted(console: Console, **changed: object) -> int:
    """An exception that was found two hours ago."""
    then = console.clock.now - timedelta(hours=2)
    return troubles.excepted(console.sessions, console.deposit, now=then, **changed)  # type: ignore[arg-type]


def here(exception_id: int, action: str = "") -> str:
    return f"/console/exceptions/{exception_id}" + (f"/{action}" if action else "")


def held(console: Console, account: str) -> int:
    with console.sessions() as session:
        return book.balance(session, account=account).units


def state(seat: Seat, exception_id: int) -> str:
    found: str = seat.json(here(exception_id))["case"]["line"]["state"]
    return found


def audited(console: Console) -> list[tuple[str, str, str]]:
    with console.sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    return [(row.actor, row.action, row.outcome) for row in rows]


def test_an_underpayment_is_found_taken_and_credited(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")

    queue = seat.page("/console/exceptions")
    page = seat.page(here(exception_id))
    taken = seat.send(here(exception_id, "owner"), owner="me", turn=0)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen is not None
    done = seat.act(here(exception_id, "credit"), seen=seen[1], reason="the payer wrote")
    after = seat.page(done.headers["location"])

    for words in (f'href="{here(exception_id)}"', "underpaid", "2 h 0 min", "4.990001 USDC", "nobody"):
        assert words in queue
    for words in ("less arrived than was asked for", "-0.009999 USDC", "/console/purchases/payatt_"):
        assert words in page.replace("Less", "less")
    assert "the processor has matched no payment, so it has no charge to refund" in page
    assert taken.status_code == 303
    assert "499 credits are granted." in after
    assert "operator:finance@example.com" in after
    assert held(console, chart.agent("agt_1")) == 499
    assert state(seat, exception_id) == "closed"
    assert [row[1:] for row in audited(console)][-2:] == [
        ("exception.assign", "done"),
        ("exception.resolve", "done"),
    ]


def test_a_machine_reads_and_decides_the_same(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")

    listed = seat.json("/console/exceptions", kind="underpaid", state="all")
    case = seat.json(here(exception_id))["case"]
    fields = {
        "form_token": seat.form_token(),
        "seen": case["seen"],
        "reason": "by script",
        "code": seat.code(),
    }
    answer = seat.http.post(
        here(exception_id, "write-off"), data=fields, headers={"accept": "application/json"}
    ).json()

    [line] = listed["lines"]
    assert (line["exception_id"], line["worth"]) == (exception_id, {"units": 4990001, "asset": "USDC"})
    assert {each["action"]: each["allowed"] for each in case["offers"]} == {
        "credit": True,
        "refund": False,
        "wait": True,
        "write_off": True,
    }
    assert (answer["resolved"]["action"], answer["resolved"]["cents"]["units"]) == ("write_off", 499)
    assert held(console, chart.UNCLAIMED) == 499


def test_what_is_put_off_leaves_the_queue_until_its_time(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")

    seat.act(here(exception_id, "wait"), seen=4_990_001, reason="they ask", wait_for="4h")

    assert "Nothing waits for a decision." in seat.page("/console/exceptions")
    assert "until" in seat.page("/console/exceptions", state="waiting")
    console.clock.now += timedelta(hours=5)
    seat.sign_in()
    assert here(exception_id) in seat.page("/console/exceptions")


@pytest.mark.parametrize("role", ["viewer", "support", "admin"])
@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_not_decide_is_refused_and_audited(console: Console, role: str, action: str) -> None:
    exception_id = excepted(console)
    seat = console.operator(role)  # type: ignore[arg-type]

    answer = seat.send(
        here(exception_id, action), seen=4_990_001, reason="mine", code=seat.code(), wait_for="1d"
    )

    assert answer.status_code == 403
    assert audited(console)[-1] == (f"operator:{role}@example.com", "forbidden.resolve", "refused")
    assert state(seat, exception_id) == "open"
    assert f'action="{here(exception_id, action)}"' not in seat.page(here(exception_id))


def test_a_viewer_takes_nothing_and_writes_nothing(console: Console) -> None:
    exception_id = excepted(console)
    viewer = console.operator("viewer")

    answers = [
        viewer.send(here(exception_id, "owner"), owner="me", turn=0),
        viewer.send("/console/notes", about_kind="exception", about_id=exception_id, said="hello"),
    ]

    assert [each.status_code for each in answers] == [403, 403]
    assert [row[1:] for row in audited(console)][-2:] == [("forbidden.note", "refused")] * 2
    page = viewer.page(here(exception_id))
    assert "<textarea" not in page
    assert "Take it" not in page


def test_money_moves_only_with_a_fresh_code_and_the_forms_token(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")
    console.clock.now += timedelta(minutes=6)
    fields: dict[str, str | int] = {"seen": 4_990_001, "reason": "the payer wrote"}

    without_code = seat.send(here(exception_id, "credit"), **fields)
    without_token = seat.http.post(here(exception_id, "credit"), data={**fields, "code": seat.code()})
    without_reason = seat.send(here(exception_id, "credit"), seen=1, reason="  ", code=seat.code())

    assert [each.status_code for each in (without_code, without_token, without_reason)] == [403, 403, 422]
    assert held(console, chart.agent("agt_1")) == 0


def test_what_changed_since_the_page_was_read_is_refused(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")
    seen = seat.json(here(exception_id))["case"]["seen"]
    attempt_id = seat.json(here(exception_id))["case"]["line"]["payment_attempt_id"]

    troubles.found_again(
        console.sessions, console.deposit, attempt_id, now=console.clock.now, received=4_995_000
    )
    answer = seat.send(here(exception_id, "credit"), seen=seen, reason="the payer wrote", code=seat.code())

    assert answer.status_code == 409
    assert "is about 4.995000 USDC now, not 4.990001 USDC" in answer.text
    assert held(console, chart.agent("agt_1")) == 0


def test_a_refund_is_asked_of_the_processor_and_again_when_it_did_not_answer(console: Console) -> None:
    exception_id = excepted(console, kind="unseen", received=0, charged=True)
    seat = console.operator("finance")
    console.deposit.unreachable = True
    refused = seat.send(here(exception_id, "refund"), seen=0, reason="they asked", code=seat.code())
    page = seat.page(here(exception_id))
    console.deposit.unreachable = False

    done = seat.act(here(exception_id, "refund"), seen=0, reason="they asked")

    assert refused.status_code == 502
    assert "the processor has not answered" in page
    assert "Ask the processor again" in page
    assert f'action="{here(exception_id, "credit")}"' not in page
    assert "5.00 USD are asked back" in seat.page(done.headers["location"])
    assert state(seat, exception_id) == "closed"


def test_more_than_one_may_give_away_is_led_to_a_proposal(console: Console) -> None:
    exception_id = excepted(console, kind="overpaid", received=250_000_000)
    seat = console.operator("finance")

    page = seat.page(here(exception_id))
    answer = seat.send(here(exception_id, "write-off"), seen=250_000_000, reason="mine", code=seat.code())

    assert f"/console/proposals/new?kind=write_off&amp;exception_id={exception_id}" in page
    assert f'action="{here(exception_id, "write-off")}"' not in page
    assert answer.status_code == 409
    assert "takes a second person" in answer.text
    assert state(seat, exception_id) == "open"


def test_an_owner_is_taken_handed_over_and_given_back(console: Console) -> None:
    exception_id = excepted(console)
    ann, ben = console.operator("finance", "ann@example.com"), console.operator("support", "ben@example.com")
    to = here(exception_id, "owner")

    ann.send(to, owner="me", turn=0)
    late = ben.send(to, owner="me", turn=0)
    mine = ann.json("/console/exceptions", owner="me")["lines"]
    ann.send(to, owner="operator:ben@example.com", turn=1)
    his = ben.json("/console/exceptions", owner="me")["lines"]
    stranger = ben.send(to, owner="operator:nobody@example.com", turn=2)
    ben.send(to, owner="", turn=2)

    assert (late.status_code, stranger.status_code) == (409, 409)
    assert "went to operator:ann@example.com meanwhile" in late.text
    assert [len(each) for each in (mine, his)] == [1, 1]
    assert ben.json("/console/exceptions", owner="me")["lines"] == []
    assert len(ben.json("/console/exceptions", owner="nobody")["lines"]) == 1


def test_whatever_people_and_payers_write_is_shown_as_text(console: Console) -> None:
    exception_id = excepted(console, agent_id=BAIT, detail={"said": BAIT})
    seat = console.operator("finance")
    seat.send("/console/notes", about_kind="exception", about_id=exception_id, said=BAIT)
    seat.act(here(exception_id, "wait"), seen=4_990_001, reason=BAIT, wait_for="1h")

    queue = seat.page("/console/exceptions", state="waiting", agent=BAIT)
    page = seat.page(here(exception_id))

    for shown in (queue, page):
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in shown
        assert "{{7*7}}" in shown
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_the_next_page_begins_after_the_last_line(console: Console) -> None:
    ids = [excepted(console) for _ in range(52)]
    seat = console.operator("viewer")

    first = seat.page("/console/exceptions", state="all")
    link = re.search(r'<a rel="next" href="([^"]+)"', first)
    assert link is not None
    second = seat.http.get(html.unescape(link[1]), headers={"accept": "application/json"}).json()

    assert [line["exception_id"] for line in second["lines"]] == ids[50:]
    assert second["wanted"]["state"] == "all"
    assert second["more"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/exceptions/99", 404),
        ("/console/exceptions/99999999999999999999", 404),
        ("/console/exceptions/x", 422),
        ("/console/exceptions?state=strange", 422),
        ("/console/exceptions?older_than=soon", 422),
        ("/console/exceptions?after=nowhere", 409),
        ("/console/exceptions?agent=%00", 404),
        ("/console/exceptions?kind=strange", 200),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(console: Console, path: str, status: int) -> None:
    assert console.operator("viewer").http.get(path).status_code == status


def test_an_exception_leads_to_its_purchase_receipt_and_booking(console: Console) -> None:
    exception_id = excepted(console)
    seat = console.operator("finance")
    case = seat.json(here(exception_id))["case"]
    attempt_id = case["line"]["payment_attempt_id"]
    assert f'href="/console/purchases/{attempt_id}"' in seat.page("/console/exceptions")
    assert '<option value="1d" selected>1 day</option>' in seat.page(here(exception_id))

    seat.act(here(exception_id, "credit"), seen=case["seen"], reason="the payer wrote")

    page = seat.page(here(exception_id))
    assert 'href="/console/receipts/receipt_' in page
    assert re.search(r'href="/console/ledger/transactions/\d+"', page)
    assert "499 CREDIT</span> granted for" in seat.page(f"/console/purchases/{attempt_id}")
