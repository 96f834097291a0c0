"""What agents are told of a rail that is switched off, by every process of the house."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from app.main import create_app
from ledger.database import Sessions
from rails import switches
from tests.app.conftest import NOON, Client, Doors, Json, ok, served, settings

DEPOSIT = "fake_deposit"
PATIENCE_SECONDS = 5


def turn_off(sessions: Sessions, rail_id: str = DEPOSIT) -> None:
    with sessions() as session:
        switches.turn_off(session, rail_id=rail_id, reason="SECRET REASON", by="operator:ann", now=NOON)


def turn_on(sessions: Sessions, rail_id: str = DEPOSIT) -> None:
    with sessions() as session:
        switches.turn_on(session, rail_id=rail_id, reason="it is well", by="operator:ann", now=NOON)


def soon(is_so: Callable[[], bool]) -> float:
    """Wait until it is; how many seconds that took."""
    began_at = time.monotonic()
    while not is_so():
        assert time.monotonic() - began_at < PATIENCE_SECONDS, "nobody was told"
        time.sleep(0.02)
    return time.monotonic() - began_at


def methods(client: Client) -> dict[str, Json]:
    return {row["method_id"]: row for row in ok(client.get("/v1/payment-methods"))["methods"]}


def test_agents_are_told_within_two_seconds_and_not_why(doors: Doors) -> None:
    visitor = doors.visitor()
    before = methods(visitor)[DEPOSIT]
    turn_off(doors.sessions)

    seconds = soon(lambda: not methods(visitor)[DEPOSIT]["available"])

    told = methods(visitor)[DEPOSIT]
    assert seconds < 2
    assert (before["available"], before["settlement_blocker"]) == (True, None)
    assert (told["status"], told["quoteable"], told["purchasable"]) == ("unavailable", False, False)
    assert told["unavailable_reason"] == "switched_off_by_operator"
    assert told["agent_settleable"] is False
    assert told["settlement_blocker"].startswith("the operator has switched")
    assert "SECRET" not in visitor.seen[-1].text
    assert methods(visitor)["fake_page"]["available"]


def test_a_rail_with_a_blocker_of_its_own_keeps_it(doors: Doors) -> None:
    visitor = doors.visitor()
    turn_off(doors.sessions, "fake_page")

    soon(lambda: not methods(visitor)["fake_page"]["available"])

    assert methods(visitor)["fake_page"]["settlement_blocker"] == "requires a person in a browser"


def test_new_quotes_and_purchases_are_refused_at_once_and_open_ones_settle(doors: Doors) -> None:
    agent = doors.agent()
    under_way, unbought = agent.buy(agent.quote(credits=100)), agent.quote(credits=200)
    turn_off(doors.sessions)

    refused = [
        agent.post("/v1/credit-quotes", credits=300, payment_method=DEPOSIT, idempotency_key="k1"),
        agent.post("/v1/credit-purchases/fake-deposits", quote_id=unbought["quote_id"], idempotency_key="k2"),
    ]
    doors.deposit.pay(doors.reference(under_way["payment_attempt_id"]))
    doors.settle(under_way["payment_attempt_id"])

    assert [each["error"]["code"] for each in refused] == ["PAYMENT_METHOD_UNAVAILABLE"] * 2
    assert agent.balance() == 100


def test_what_is_repeated_by_its_key_is_answered_as_before(doors: Doors) -> None:
    agent = doors.agent()
    bought, quote = agent.buy(agent.quote(credits=100)), agent.quote(credits=200)
    turn_off(doors.sessions)

    again = agent.post(
        "/v1/credit-quotes", credits=200, payment_method=DEPOSIT, idempotency_key=quote["idempotency_key"]
    )

    assert ok(again)["quote_id"] == quote["quote_id"]
    assert (
        ok(
            agent.post(
                "/v1/credit-purchases/fake-deposits", quote_id=bought["quote_id"], idempotency_key="another"
            )
        )["payment_attempt_id"]
        == bought["payment_attempt_id"]
    )


def test_a_quote_that_was_polled_before_leads_elsewhere_afterwards_and_back(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()

    def action() -> str:
        found: str = agent.status(quote_id=quote["quote_id"])["next"]["action"]
        return found

    before = action()
    turn_off(doors.sessions)
    soon(lambda: action() == "request_new_quote")
    turn_on(doors.sessions)
    soon(lambda: action() == "buy")

    assert before == "buy"


def test_the_document_and_the_recommendations_know_it(doors: Doors) -> None:
    visitor = doors.visitor()
    turn_off(doors.sessions)
    soon(lambda: not methods(visitor)[DEPOSIT]["available"])

    document = doors.http.get("/openapi.json").json()
    recommended = ok(visitor.get("/v1/payment-methods"))["next_actions"]["recommended_quote"]

    offers = document["paths"]["/v1/credit-quotes"]["post"]["x-payment-info"]["offers"]
    assert {each["method_id"]: each["available"] for each in offers} == {DEPOSIT: False, "fake_page": True}
    assert recommended["method_id"] == "fake_page"


@contextmanager
def another_process(doors: Doors) -> Iterator[Client]:
    """Doors of the same house that were opened apart."""
    app = create_app(doors.sessions, doors.rails, settings(), doors.clock)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Client(http)


def test_every_process_knows_those_that_are_up_and_those_that_start_later(doors: Doors) -> None:
    with another_process(doors) as beside:
        turn_off(doors.sessions)
        soon(lambda: not methods(beside)[DEPOSIT]["available"])
        soon(lambda: not methods(doors.visitor())[DEPOSIT]["available"])
    with another_process(doors) as started_later:
        at_once = methods(started_later)[DEPOSIT]["available"]

    assert at_once is False
