"""An agent's own history. Numbers are rows of the contract."""

from datetime import timedelta

import pytest

from tests.app.conftest import Client, Doors, Json, ok


def events(agent: Client, **query: str | int) -> list[Json]:
    found: list[Json] = ok(agent.get("/v1/activity", **query))["events"]
    return found


def paid_page(doors: Doors, agent: Client) -> Json:
    bought = agent.buy(agent.quote(payment_method="fake_page"))
    doors.clock.now += timedelta(minutes=1)
    doors.page.pay(doors.reference(bought["payment_attempt_id"]))
    doors.settle(bought["payment_attempt_id"])
    return bought


def test_rows_120_to_124_and_155_a_paid_page_is_two_events_newest_first(doors: Doors) -> None:
    agent = doors.agent()
    bought = paid_page(doors, agent)

    granted, created = events(agent)

    assert ok(agent.get("/v1/activity"))["source"] == "hosted_activity_ledger"
    assert granted["type"] == "credits.payment_backed_granted"
    assert set(created) == {
        "event_id",
        "type",
        "occurred_at",
        "summary",
        "operation",
        "subject",
        "links",
        "status",
        "cost",
    }
    assert created["type"] == "payment.checkout_session.created"
    assert created["subject"] == {"type": "payment", "id": bought["payment_attempt_id"]}
    assert created["links"] == {
        "job_id": None,
        "asset_ids": [],
        "feedback_id": None,
        "usage_event_id": None,
        "quote_id": bought["quote_id"],
        "payment_attempt_id": bought["payment_attempt_id"],
        "checkout_session_id": bought["checkout_session_id"],
    }
    assert created["occurred_at"] < granted["occurred_at"]


def test_row_129_limit_and_subject_narrow_the_list(doors: Doors) -> None:
    agent = doors.agent()
    paid_page(doors, agent)

    assert len(events(agent, limit=1)) == 1
    assert [each["operation"] for each in events(agent, subject="payment")] == ["payment"]
    assert len(events(agent, limit=10**9)) == 2


@pytest.mark.parametrize("limit", ["0", "-5", "2.5", "many", ""])
def test_row_129_a_limit_that_counts_nothing_is_refused(doors: Doors, limit: str) -> None:
    error = doors.agent().get("/v1/activity", limit=limit)["error"]

    assert error["code"] == "INVALID_ARGUMENTS"
    assert error["recovery"]["required_flag"] == "--limit"


@pytest.mark.parametrize("link", ["quote_id", "payment_attempt_id", "checkout_session_id"])
def test_row_130_events_are_found_by_what_they_link_to(doors: Doors, link: str) -> None:
    agent = doors.agent()
    bought = paid_page(doors, agent)

    data = ok(agent.get(f"/v1/activity/{bought[link]}"))

    assert data["reference"] == bought[link]
    assert data["events"][-1]["type"] == "payment.checkout_session.created"
    assert data["event"] == data["events"][0]


def test_row_130_an_event_is_found_by_its_own_id_and_by_its_receipt(doors: Doors) -> None:
    agent = doors.agent()
    paid_page(doors, agent)
    granted = events(agent)[0]

    by_id = ok(agent.get(f"/v1/activity/{granted['event_id']}"))
    by_receipt = ok(agent.get(f"/v1/activity/{granted['links']['receipt_id']}"))

    assert by_id["events"] == by_receipt["events"] == [granted]


def test_row_131_only_ones_own_events_are_seen_and_strange_references_find_nothing(doors: Doors) -> None:
    bought = paid_page(doors, doors.agent("other"))
    agent = doors.agent()

    assert events(agent) == []
    for reference in (bought["quote_id"], "evt_none", "$", '" || true', "%27"):
        error = agent.get(f"/v1/activity/{reference}")["error"]
        assert error["code"] == "ACTIVITY_NOT_FOUND"
    assert agent.get("/v1/activity/%00")["error"]["code"] == "INVALID_ARGUMENTS"
