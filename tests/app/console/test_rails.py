"""Rail health on the console, and who may turn a switch."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from office.models import AuditRow
from rails import switches
from tests.app.conftest import Client
from tests.app.console.seats import Console
from tests.app.test_switchboard import methods, soon

DEPOSIT = "fake_deposit"
OFF = f"/console/rails/{DEPOSIT}/off"
ON = f"/console/rails/{DEPOSIT}/on"


def is_off(console: Console) -> bool:
    with console.sessions() as session:
        return switches.is_off(session, rail_id=DEPOSIT)


def actions(console: Console) -> list[tuple[str, str, str]]:
    with console.sessions() as session:
        rows = session.exec(
            select(AuditRow).where(AuditRow.about_id == DEPOSIT).order_by(col(AuditRow.audit_id))
        )
        return [(each.action, each.outcome, each.reason) for each in rows]


def test_an_admin_switches_a_rail_off_and_on_and_agents_are_told(console: Console) -> None:
    admin = console.operator("admin")
    visitor = Client(console.client())

    admin.act(OFF, reason="the node lies")
    soon(lambda: not methods(visitor)[DEPOSIT]["available"])
    page = admin.page("/console/rails")
    admin.act(ON, reason="it is well")
    soon(lambda: bool(methods(visitor)[DEPOSIT]["available"]))

    assert "switched off" in page
    assert "the node lies" in page
    assert not is_off(console)
    assert actions(console) == [
        ("rail.switch_off", "done", "the node lies"),
        ("rail.switch_on", "done", "it is well"),
    ]


@pytest.mark.parametrize("role", ["viewer", "support", "finance", "approver"])
def test_nobody_else_may_and_the_try_is_written_down(console: Console, role: str) -> None:
    seat = console.operator(role)  # type: ignore[arg-type]

    answer = seat.send(OFF, reason="why not", code=seat.code())
    page = seat.page("/console/rails")

    assert answer.status_code == 403
    assert not is_off(console)
    assert "Switch off" not in page
    with console.sessions() as session:
        refused = session.exec(select(AuditRow).where(AuditRow.outcome == "refused")).one()
    assert (refused.action, refused.actor) == ("forbidden.switch_rail", f"operator:{role}@example.com")


def test_without_a_code_a_reason_or_a_form_of_ours_nothing_is_switched(console: Console) -> None:
    admin = console.operator("admin")
    console.clock.now += timedelta(hours=1)
    admin.sign_in()
    console.clock.now += timedelta(minutes=10)

    answers = [
        admin.send(OFF, reason="no code"),
        admin.http.post(OFF, data={"reason": "no token", "code": admin.code()}),
        admin.send(OFF, reason=" ", code=admin.code()),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 422]
    assert "this needs a code" in answers[0].text
    assert not is_off(console)


def test_what_is_so_already_and_what_is_no_rail_is_said(console: Console) -> None:
    admin = console.operator("admin")

    again = admin.send(ON, reason="it is on", code=admin.code())
    unknown = admin.send("/console/rails/nothing/off", reason="typo", code=admin.code())

    assert (again.status_code, "is on already" in again.text) == (409, True)
    assert unknown.status_code == 404


def test_a_reason_is_shown_as_it_was_typed_and_runs_nowhere(console: Console) -> None:
    admin = console.operator("admin")
    typed = "<script>alert(1)</script>"
    admin.act(OFF, reason=typed)

    for page in (admin.page("/console/rails"), admin.page("/console/")):
        assert typed not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_machine_reads_what_the_page_shows(console: Console) -> None:
    viewer = console.operator("viewer")

    told = viewer.json("/console/rails")

    by_rail = {each["health"]["rail_id"]: each for each in told["rails"]}
    assert set(by_rail) == {"fake_page", DEPOSIT}
    assert by_rail[DEPOSIT]["health"]["is_on"] is True
    assert by_rail[DEPOSIT]["health"]["day"] == {"granted": 0, "ended": 0, "percent": None}
    assert told["house"]["difference"] == {"credits": 0, "cents": 0, "none": True}


def test_a_rail_that_is_closed_by_itself_says_why(console: Console) -> None:
    console.deposit.unavailable_reason = "chain_unreachable"

    page = console.operator("viewer").page("/console/rails")

    assert "The rail itself says: <code>chain_unreachable</code>" in page


def test_a_process_that_knows_no_nodes_says_so(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENNYRAIL_BASE_RPC_URL", raising=False)

    assert "no settings of a chain" in console.operator("viewer").page("/console/rails/nodes")


def test_a_node_that_does_not_answer_is_told_without_its_key(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_BASE_RPC_URL", "http://127.0.0.1:9/v2/SECRETKEY")

    page = console.operator("viewer").page("/console/rails/nodes")

    assert "silent" in page
    assert "127.0.0.1:9" in page
    assert "SECRETKEY" not in page
