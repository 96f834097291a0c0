"""Rows 120 to 131 and 155: an agent's own history."""

from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

from ledger.money import USD, Amount
from rails import activity, reversals
from tests.app.conftest import Json, ok
from tests.contract.house import CHECKOUT, X402, Caller, House
from tests.internal.conftest import done

REGISTRY = {
    "usage.credit_consumed": ("usage", "usage"),
    "payment.checkout_session.created": ("payment", "payment"),
    "credits.payment_backed_granted": ("credits", "credit"),
    "credits.payment_backed_refunded": ("credits", "credit"),
    "credits.payment_backed_disputed": ("credits", "credit"),
    "credits.payment_backed_reinstated": ("credits", "credit"),
    "credits.payment_backed_reversal_pending": ("credits", "credit"),
    "credits.payment_backed_reversal_rejected": ("credits", "credit"),
}


def told(agent: Caller, kind: str) -> list[Json]:
    """The events of one type in this agent's history."""
    return [event for event in agent.events() if event["type"] == kind]


def take_back(house: House, attempt: Json, cause: reversals.Cause, cents: int, reference: str) -> None:
    """Have money of a purchase go back, as the processor would tell it."""
    with house.sessions() as session:
        reversals.take_back(
            session,
            payment_attempt_id=attempt["payment_attempt_id"],
            cause=cause,
            reference=reference,
            cents=Amount(cents, USD),
            now=house.time(),
        )


def test_row_120_the_list_has_events_and_its_source(house: House, agent: Caller) -> None:
    empty = ok(agent.get("/v1/activity"))
    house.paid(agent)

    data = ok(agent.get("/v1/activity"))

    assert (empty["events"], len(data["events"])) == ([], 1)
    assert empty["source"] == data["source"] == "hosted_activity_ledger"


def test_row_121_an_event_has_exactly_its_fields(house: House, agent: Caller) -> None:
    house.paid(agent, CHECKOUT)
    done(house.service().debit(agent.actor_id(), 1))

    fields = "event_id type occurred_at summary operation subject links status cost"
    for event in agent.events():
        assert set(event) == set(fields.split())
        assert event["event_id"].startswith("evt_")
        assert (event["operation"], event["subject"]["type"]) == REGISTRY[event["type"]]
        assert datetime.fromisoformat(event["occurred_at"]).tzinfo is not None
        assert {"job_id", "asset_ids", "feedback_id", "usage_event_id"} <= set(event["links"])
        assert event["summary"]


def test_row_122_no_type_but_the_registrys_can_be_told(house: House, agent: Caller) -> None:
    insert = text(
        "INSERT INTO activity (event_id, agent_id, type, operation, subject_type, subject_id, status,"
        " summary, links, occurred_at) VALUES (:id, 'a', 'payment.x402_deposit.created', 'payment',"
        " 'payment', :id, 'ok', 'x', '{}', now())"
    )

    with pytest.raises(IntegrityError, match="activity_type_known"), house.sessions() as session:
        session.connection().execute(insert, {"id": uuid4().hex})

    assert set(REGISTRY) == activity.TYPES


def test_row_123_a_checkout_session_is_told_once_with_its_three_links(house: House, agent: Caller) -> None:
    quote = agent.quote(payment_method=CHECKOUT)
    attempt = agent.buy(quote)
    agent.buy(quote)
    agent.buy(agent.quote(payment_method=X402))

    [event] = agent.events()

    assert event["type"] == "payment.checkout_session.created"
    assert event["subject"] == {"type": "payment", "id": attempt["payment_attempt_id"]}
    for name in ("quote_id", "payment_attempt_id", "checkout_session_id"):
        assert event["links"][name] == attempt[name]
    assert event["cost"] is None


def test_row_124_a_grant_is_told_once_with_its_links(house: House, agent: Caller) -> None:
    attempt, settled = house.paid(agent)
    house.look(attempt["payment_attempt_id"])

    [event] = told(agent, "credits.payment_backed_granted")

    assert event["links"]["quote_id"] == attempt["quote_id"]
    assert event["links"]["receipt_id"] == settled["receipt"]["receipt_id"]
    assert event["links"]["credit_event_id"] == settled["credit_event"]["credit_event_id"]


@pytest.mark.parametrize(("cause", "word"), [("refund", "refunded"), ("dispute", "disputed")])
def test_row_125_refunds_and_disputes_debit_paid_credits_and_link_the_reversal(
    house: House, agent: Caller, cause: reversals.Cause, word: str
) -> None:
    attempt, settled = house.paid(agent)
    reference = uuid4().hex

    for _ in range(2):
        take_back(house, attempt, cause, 200, reference)

    [event] = told(agent, f"credits.payment_backed_{word}")
    assert agent.quota()["limits"] == {"remaining_credits": 20, "payment_backed_remaining_credits": 300}
    assert event["links"]["quote_id"] == attempt["quote_id"]
    assert event["links"]["receipt_id"] == settled["receipt"]["receipt_id"]
    assert event["links"]["payment_reversal_id"].startswith("reversal_")
    assert event["links"]["credit_event_id"].startswith("credit_event_")


def test_row_126_reinstated_pending_and_rejected_reversals_link_the_reversal(
    house: House, agent: Caller
) -> None:
    attempt, settled = house.paid(agent)
    done(house.service().debit(agent.actor_id(), 420))
    won, refused = uuid4().hex, uuid4().hex
    take_back(house, attempt, "dispute", 500, won)
    with house.sessions() as session:
        reversals.reinstate(
            session,
            payment_attempt_id=attempt["payment_attempt_id"],
            cause="dispute",
            reference=won,
            now=house.time(),
        )
    take_back(house, attempt, "refund", 501, refused)

    for word in ("reinstated", "reversal_pending", "reversal_rejected"):
        [event] = told(agent, f"credits.payment_backed_{word}")
        assert event["links"]["quote_id"] == attempt["quote_id"]
        assert event["links"]["receipt_id"] == settled["receipt"]["receipt_id"]
        assert event["links"]["payment_reversal_id"].startswith("reversal_")
    assert agent.balance() == 100


def test_row_127_usage_links_its_job_and_its_usage_event(house: House, agent: Caller) -> None:
    service, agent_id = house.service(), agent.actor_id()
    hold = done(service.hold(agent_id, 6, job_id="job-a"))["hold_id"]
    done(service.post(f"holds/{hold}/capture", {"agent_id": agent_id, "credits": 5}, key=uuid4().hex))
    done(service.debit(agent_id, 2, job_id="job-b", idempotency_key="spend-b"))
    done(service.post("unwinds", {"agent_id": agent_id, "spend_key": "spend-b"}, key=uuid4().hex))

    back, debited, captured = told(agent, "usage.credit_consumed")

    assert [each["links"]["job_id"] for each in (captured, debited, back)] == ["job-a", "job-b", "job-b"]
    assert [each["cost"]["credits"] for each in (captured, debited, back)] == [5, 2, -2]
    assert captured["subject"] == {"type": "usage", "id": captured["links"]["usage_event_id"]}
    assert captured["links"]["usage_event_id"].startswith("usage_")
    assert told(agent, "usage.credit_consumed") == [back, debited, captured]
    for reference in (captured["event_id"], captured["links"]["usage_event_id"], "job-a"):
        assert ok(agent.get(f"/v1/activity/{reference}"))["events"] == [captured]


def test_row_128_creative_debits_cost_what_the_model_costs_after_its_success(
    house: House, agent: Caller
) -> None:
    service, agent_id = house.service(), agent.actor_id()
    [model] = ok(house.visitor().get("/v1/models"))["models"]
    listed = model["economics"]["credit_pricing"]["credits_required"]
    priced = done(service.post("pricing", {"model": model["id"]}))["credits_required"]
    failed = done(service.hold(agent_id, priced, job_id="job-failed"))["hold_id"]
    done(service.post(f"holds/{failed}/release", {"agent_id": agent_id}, key=uuid4().hex))
    hold = done(service.hold(agent_id, priced, job_id="job-good"))["hold_id"]
    before_success = told(agent, "usage.credit_consumed")

    done(service.post(f"holds/{hold}/capture", {"agent_id": agent_id}, key=uuid4().hex))

    [event] = told(agent, "usage.credit_consumed")
    assert before_success == []
    assert event["cost"] == {"credits": priced} == {"credits": listed}
    assert event["links"]["job_id"] == "job-good"


def test_row_129_limit_and_subject_narrow_the_list(house: House, agent: Caller) -> None:
    house.paid(agent, CHECKOUT)
    done(house.service().debit(agent.actor_id(), 1))

    assert len(agent.events()) == 3
    assert [each["type"] for each in agent.events(limit=1)] == ["usage.credit_consumed"]
    for subject in ("usage", "payment", "credit"):
        assert [each["subject"]["type"] for each in agent.events(subject=subject)] == [subject]
    assert agent.get("/v1/activity", limit="-3")["error"]["code"] == "INVALID_ARGUMENTS"
    assert len(agent.events(limit=10**9)) == 3


def test_row_130_events_are_shown_by_id_and_by_what_they_link_to(house: House, agent: Caller) -> None:
    attempt, settled = house.paid(agent, CHECKOUT)
    granted, created = agent.events()
    references = {
        granted["event_id"]: [granted],
        created["event_id"]: [created],
        attempt["checkout_session_id"]: [created],
        attempt["quote_id"]: [granted, created],
        attempt["payment_attempt_id"]: [granted, created],
        settled["receipt"]["receipt_id"]: [granted],
        settled["credit_event"]["credit_event_id"]: [granted],
    }

    for reference, events in references.items():
        data = ok(agent.get(f"/v1/activity/{reference}"))
        assert (data["reference"], data["events"], data["event"]) == (reference, events, events[0])
        assert data["source"] == "hosted_activity_ledger"


def test_row_131_one_sees_ones_own_events_and_no_providers_details(house: House, agent: Caller) -> None:
    other = house.agent()
    attempt, _ = house.paid(other)
    done(house.service().debit(other.actor_id(), 1, job_id="job-131"))
    mine = other.events()

    seen = agent.events()
    refused = [
        agent.get(f"/v1/activity/{reference}")["error"]["code"]
        for event in mine
        for reference in (event["event_id"], event["subject"]["id"], attempt["quote_id"], "job-131")
    ]

    assert seen == []
    assert set(refused) == {"ACTIVITY_NOT_FOUND"}
    text_of_mine = str(mine)
    assert attempt["stripe_x402"]["payable_instructions"]["deposit_address"] not in text_of_mine
    assert "pi_" not in text_of_mine
    assert "0x" not in text_of_mine


def test_row_155_the_newest_event_comes_first(house: House, agent: Caller) -> None:
    house.paid(agent, CHECKOUT)
    for job in ("job-1", "job-2"):
        done(house.service().debit(agent.actor_id(), 1, job_id=job))

    events = agent.events()

    times = [event["occurred_at"] for event in events]
    assert times == sorted(times, reverse=True)
    assert [event["links"]["job_id"] for event in events] == ["job-2", "job-1", None, None]
    assert events[-1]["type"] == "payment.checkout_session.created"
