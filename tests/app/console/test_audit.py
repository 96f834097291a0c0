"""The audit log at the console."""

from datetime import timedelta

from office import audit
from office.actor import Actor
from tests.app.console.seats import Console

ANN = Actor("operator:ann@example.com", "finance", via="console")
HOSTILE = '<img src=x onerror="alert(1)">'


def wrote(console: Console, number: int, **more: object) -> None:
    about = ("exception", str(number))
    with console.sessions() as session:
        audit.write(
            session,
            ANN,
            "exception.resolve",
            about=about,
            reason=str(more.get("reason", "why")),
            before={"state": "open"},
            after={"state": "closed", "note": str(more.get("note", ""))},
            now=console.clock.now,
        )


def test_every_entry_is_shown_with_who_why_and_what_changed(console: Console) -> None:
    viewer = console.operator("viewer")
    wrote(console, 7)

    page = viewer.page("/console/audit")
    entry = viewer.json("/console/audit")["entries"][0]

    assert "operator:ann@example.com" in page
    assert 'href="/console/exceptions/7"' in page
    assert (entry["actor"], entry["before"], entry["after"]["state"]) == (
        "operator:ann@example.com",
        {"state": "open"},
        "closed",
    )


def test_the_log_is_searched_and_paged(console: Console) -> None:
    viewer = console.operator("viewer")
    for number in range(60):
        wrote(console, number)

    first = viewer.json("/console/audit", action="exception.resolve")
    second = viewer.json("/console/audit", action="exception.resolve", after=first["next"])

    told = [each["about_id"] for each in (*first["entries"], *second["entries"])]
    assert sorted(map(int, told)) == list(range(60))
    assert second["next"] is None
    assert 'rel="next"' in viewer.page("/console/audit", action="exception.resolve")
    found = viewer.json("/console/audit", kind="exception", about="33")["entries"]
    assert [each["about_id"] for each in found] == ["33"]
    assert {
        each["action"] for each in viewer.json("/console/audit", who=f"operator:{viewer.email}")["entries"]
    } <= {
        "session.open",
        "operator.enrol",
    }
    assert "Nothing of this was done." in viewer.page("/console/audit", who="operator:nobody@example.com")


def test_hostile_words_are_words(console: Console) -> None:
    viewer = console.operator("viewer")
    wrote(console, 1, reason=HOSTILE, note=HOSTILE)

    page = viewer.page("/console/audit", who=HOSTILE) + viewer.page("/console/audit")

    assert HOSTILE not in page
    assert "&lt;img src=x" in page


def test_a_wrong_day_or_place_is_refused_in_words(console: Console) -> None:
    viewer = console.operator("viewer")

    assert viewer.get("/console/audit", begins="yesterday").status_code == 409
    assert viewer.get("/console/audit", after="nowhere").status_code == 409


def test_what_was_refused_is_found_by_its_outcome(console: Console) -> None:
    viewer = console.operator("viewer")
    viewer.get("/console/exports/new")

    found = viewer.json("/console/audit", outcome="refused")["entries"]

    assert [each["action"] for each in found] == ["forbidden.export"]


def test_what_broke_off_is_found_and_what_ended_or_is_under_way_is_not(console: Console) -> None:
    viewer, about = console.operator("viewer"), ("purchase", "payatt_1")
    before, lately = (console.clock.now - timedelta(minutes=minutes) for minutes in (30, 10))
    with audit.recorded(console.sessions, ANN, "purchase.look", about=about, now=before):
        pass
    for action, at in (("refund.create", before), ("purchase.cancel", lately)):
        with console.sessions() as session:
            audit.write(session, ANN, action, about=about, outcome="asked", now=at)

    found = viewer.json("/console/audit", outcome="unanswered")["entries"]

    assert [(each["action"], each["outcome"]) for each in found] == [("refund.create", "asked")]
    assert "asked, and never ended" in viewer.page("/console/audit", outcome="unanswered")


def test_operators_are_linked_for_who_may_open_them(console: Console) -> None:
    viewer, admin = console.operator("viewer"), console.operator("admin")

    assert "/console/operators/" not in viewer.page("/console/audit")
    assert 'href="/console/operators/op_' in admin.page("/console/audit")
