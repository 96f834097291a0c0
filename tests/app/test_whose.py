"""Every id of one agent at every door with the token of another: answered like an id that never was."""

from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import select

from ledger import credits, operations
from ledger.money import CREDIT, Amount
from rails.models import Activity, EvidenceRow, PaymentAttempt, Receipt
from tests.app.conftest import NOON, Client, Doors, ok

STATUS = "/v1/credit-purchases/status"
UNKNOWN = {
    "quote_id": f"quote_{'0' * 24}",
    "payment_attempt_id": f"payatt_{'0' * 24}",
    "checkout_session_id": f"cs_test_{'0' * 32}",
    "receipt_id": f"receipt_{'0' * 24}",
}


@pytest.fixture
def owner(doors: Doors) -> Client:
    """An agent that has bought on both rails, and holds some of it."""
    agent = doors.agent("owner")
    for rail in (doors.deposit, doors.page):
        bought = agent.buy(agent.quote(payment_method=rail.rail_id))
        rail.pay(doors.reference(bought["payment_attempt_id"]))
        doors.settle(bought["payment_attempt_id"])
    agent.buy(agent.quote())
    hold = operations.Hold(
        key="hold-1",
        agent_id=ok(agent.get("/v1/whoami"))["actor"]["actor_id"],
        actor="tests",
        credits=Amount(5, CREDIT),
        job="job-1",
        expires_at=NOON.replace(hour=23),
        timeout_seconds=60,
    )
    with doors.sessions() as session:
        assert credits.apply_one(session, hold, now=NOON).done
    return agent


def every_id(doors: Doors) -> Iterator[tuple[str, str]]:
    """Every id that belongs to an agent, and what it is."""
    with doors.sessions() as session:
        for attempt in session.exec(select(PaymentAttempt)):
            yield "quote_id", attempt.quote_id
            yield "payment_attempt_id", attempt.payment_attempt_id
            yield "checkout_session_id", str(attempt.reference)
            yield "address", str(attempt.deposit_address)
        for receipt in session.exec(select(Receipt)):
            yield "receipt_id", receipt.receipt_id
            yield "credit_event_id", receipt.credit_event_id
        for event in session.exec(select(Activity)):
            yield "event_id", event.event_id
        for evidence in session.exec(select(EvidenceRow)):
            yield "transaction_hash", evidence.external_id
    yield "hold_id", operations.hold_id("hold-1")


def asked(agent: Client, path: str, **query: str) -> httpx.Response:
    """The reply to a GET."""
    return agent.http.get(path, params=query, headers={"authorization": f"Bearer {agent.token}"})


def told(response: httpx.Response) -> tuple[object, ...]:
    """All that a reply tells, but for its own number and the time."""
    reply = response.json()
    varying = {"date", "content-length", "traceparent"}
    headers = {name: value for name, value in response.headers.items() if name not in varying}
    return response.status_code, reply["error"], reply["data"], reply["actor"], headers


def test_no_door_shows_another_agents_purchase(doors: Doors, owner: Client) -> None:
    stranger = doors.agent("stranger")
    purchases = [(kind, each) for kind, each in every_id(doors) if kind in UNKNOWN]

    for kind, each in purchases:
        nothing = told(asked(stranger, STATUS, **{kind: UNKNOWN[kind]}))

        assert told(asked(stranger, STATUS, **{kind: each})) == nothing, kind
        assert nothing[0] == 404

    assert {kind for kind, _ in purchases} == set(UNKNOWN)
    assert asked(owner, STATUS, quote_id=purchases[0][1]).status_code == 200


def test_no_door_shows_another_agents_receipt_or_history(doors: Doors, owner: Client) -> None:
    stranger = doors.agent("stranger")
    never_was = {
        door: told(asked(stranger, f"{door}/never_was")) for door in ("/v1/receipts", "/v1/activity")
    }

    for kind, each in every_id(doors):
        for door, nothing in never_was.items():
            answered = told(asked(stranger, f"{door}/{each}"))

            # A hash of the chain looks like a private key: whoever's it is, nobody is answered.
            refused = kind == "transaction_hash" and each.startswith("0x")
            assert answered == nothing or (refused and answered[0] == 400), (door, kind)
            if refused:
                assert answered == told(asked(stranger, f"{door}/0x{'0' * 64}:0"))


def test_no_door_buys_another_agents_quote(doors: Doors, owner: Client) -> None:
    stranger = doors.agent("stranger")

    for path in ("/v1/credit-purchases/fake-deposits", "/v1/credit-purchases/fake-pages"):
        answers = []
        for quote_id in (
            *(each for kind, each in every_id(doors) if kind == "quote_id"),
            UNKNOWN["quote_id"],
        ):
            stranger.post(path, quote_id=quote_id, idempotency_key="k")
            answers.append(told(stranger.seen[-1]))

        assert all(each == answers[-1] for each in answers)
        assert answers[-1][0] == 404


def test_nobody_hears_by_a_cache_that_another_agents_purchase_is_as_it_was(
    doors: Doors, owner: Client
) -> None:
    stranger = doors.agent("stranger")
    for kind, each in [(kind, each) for kind, each in every_id(doors) if kind in UNKNOWN]:
        seen = asked(owner, STATUS, **{kind: each})
        if seen.status_code != 200:
            continue
        tags = (seen.headers.get("etag", '"none"'), "*")

        for tag in tags:
            headers = {"authorization": f"Bearer {stranger.token}", "if-none-match": tag}
            response = stranger.http.get(STATUS, params={kind: each}, headers=headers)

            assert response.status_code == 404, (kind, tag)
            assert "etag" not in response.headers


def test_a_history_and_a_balance_are_the_agents_own(doors: Doors, owner: Client) -> None:
    stranger = doors.agent("stranger")
    ids = [each for _, each in every_id(doors)]

    shown = [asked(stranger, path).text for path in ("/v1/activity", "/v1/quota", "/v1/whoami", STATUS)]

    assert not [each for each in ids for text in shown if each in text]
    assert (owner.balance(), stranger.balance()) == (995, 0)
