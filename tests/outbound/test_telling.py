"""What happens is told once: nothing is lost, nothing doubled, and no secret is in it."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlmodel import col, select

from ledger import seals
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from ledger.operations import Refund
from outbound import payloads as said
from outbound import telling
from outbound.models import Endpoint, Event
from rails import exceptions, purchase, resolutions, reviews
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.pricing import in_usdc, price
from rails.resolutions import Decision
from tests.ledger import make
from tests.ledger.make import AGENT, RAIL, after
from tests.ledger.test_periods import close
from tests.outbound.conftest import House, Json, Receiver, payloads
from tests.rails.conftest import NOON as BUYING_NOON
from tests.rails.conftest import buy

PROCESSOR_ID = re.compile(r"\b(pi|cs|py|ch|re|evt|pm)_|whsec_|fake_reference")


@pytest.fixture
def rail() -> FakeRail:
    return crypto_deposit()


def events(house: House) -> list[tuple[str, Json]]:
    """Every event that was told, with its data."""
    with house.sessions() as session:
        found = session.exec(select(Event).order_by(col(Event.occurred_at))).all()
    return [(each.type, said.ANY.validate_json(each.body).data.model_dump(mode="json")) for each in found]


def types(house: House) -> list[str]:
    return [kind for kind, _ in events(house)]


def test_a_purchase_is_told_once_with_its_receipt_and_no_processor_id(
    house: House, receiver: Receiver, rail: FakeRail
) -> None:
    _, secret = house.endpoint(receiver.url)
    attempt = buy(house.sessions, {rail.rail_id: rail}, rail).attempt
    assert attempt is not None
    rail.pay(str(attempt.reference))
    for _ in range(2):
        purchase.settle(
            house.sessions,
            {rail.rail_id: rail},
            payment_attempt_id=attempt.payment_attempt_id,
            now=BUYING_NOON,
        )

    assert [house.tell(), house.tell()] == [1, 0]
    assert house.deliver() == {"delivered": 1}

    [told] = payloads(receiver, secret)
    assert (told["type"], set(told)) == ("credits.granted", {"type", "timestamp", "data"})
    granted = told["data"]
    assert (granted["agent_id"], granted["credits"], granted["cents"]) == ("agt_1", 500, 500)
    assert granted["purchase"]["payment_attempt_id"] == attempt.payment_attempt_id
    assert granted["purchase"]["receipt_id"].startswith("receipt_")
    assert granted["balance"] == {"posted": 500, "held": 0, "available": 500, "version": 1}
    assert not PROCESSOR_ID.search(receiver.messages[0].body.decode())


def test_a_refund_a_dispute_and_its_end_are_each_told_with_what_was_taken(house: House) -> None:
    house.do(make.grant("g", 100, cents=100), make.debit("d", 70))
    house.do(make.refund("refund:1", "g", cents=50), make.refund("dispute:2", "g", cents=20))
    house.do(make.reinstate("won", "dispute:2"))

    house.tell()

    told = events(house)
    assert [kind for kind, _ in told] == [
        *("credits.granted", "credits.refunded", "credits.disputed", "credits.reinstated")
    ]
    refunded, disputed, reinstated = (data for _, data in told[1:])
    assert (refunded["credits"], refunded["credits_wanted"], refunded["cents"]) == (30, 50, 50)
    assert (refunded["receivable_cents"], refunded["balance"]["available"]) == (20, 0)
    assert (disputed["credits"], disputed["receivable_cents"]) == (0, 20)
    assert (reinstated["reverses"], reinstated["cents"], reinstated["reversed_transaction_id"]) == (
        *("dispute", 20),
        disputed["transaction_id"],
    )


def test_a_hold_that_runs_out_is_told_as_released_or_as_charged(house: House) -> None:
    waiting, started = make.hold("waits", 5), make.hold("runs", 7)
    house.do(make.grant("g", 100, cents=100), waiting, started, make.start("s", started))

    house.do(make.debit("touch", 1), now=after(11))
    house.tell()

    expired = {data["hold_id"]: data for kind, data in events(house) if kind == "hold.expired"}
    assert set(expired) == {waiting.hold_id, started.hold_id}
    assert [expired[each.hold_id]["outcome"] for each in (waiting, started)] == ["released", "charged"]
    assert [expired[each.hold_id]["credits"] for each in (waiting, started)] == [5, 7]
    assert expired[waiting.hold_id]["job_id"] == "job of waits"
    assert expired[waiting.hold_id]["expired_at"] == after(10).isoformat().replace("+00:00", "Z")


def test_a_hold_that_ran_out_in_a_closed_month_is_told_with_its_true_time(house: House) -> None:
    waiting = make.hold("waits", 5)
    house.do(make.grant("g", 100, cents=100), waiting)
    close(house.sessions)

    house.do(make.debit("touch", 1), now=after(60 * 24 * 40))
    house.tell()

    (expired,) = (data for kind, data in events(house) if kind == "hold.expired")
    assert expired["expired_at"] == after(10).isoformat().replace("+00:00", "Z")


def test_holds_captures_debits_and_refusals_are_not_news(house: House) -> None:
    held = make.hold("h", 5)
    house.do(make.grant("g", 10, cents=10), held, make.capture("c", held), make.debit("d", 1))
    refused = Refund(
        key="r", agent_id=AGENT, actor="test", grant="none", cents=price(Amount(1, CREDIT)), clearing=RAIL
    )
    with pytest.raises(AssertionError):
        house.do(refused)

    house.tell()

    assert types(house) == ["credits.granted"]


def test_a_payment_that_needs_a_decision_is_told_when_it_opens_and_when_it_closes(
    house: House, rail: FakeRail
) -> None:
    rails = {rail.rail_id: rail}
    attempt = buy(house.sessions, rails, rail).attempt
    assert attempt is not None
    rail.pay_wrongly(str(attempt.reference), "underpaid", received=in_usdc(price(Amount(3, CREDIT))))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)
    house.tell()
    house.tell()
    opened = events(house)
    rail.pay(str(attempt.reference))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)

    house.tell()
    house.tell()

    [(kind, first)] = opened
    assert (kind, first["state"], first["kind"]) == ("deposit.exception", "opened", "underpaid")
    assert (first["payment_attempt_id"], first["closed_by"]) == (attempt.payment_attempt_id, None)
    assert (first["expected_units"], first["received_units"]) == ("5000000", "30000")
    [last] = [data for kind, data in events(house) if kind == "deposit.exception" and data != first]
    assert (last["state"], last["closed_by"], last["exception_id"]) == (
        *("closed", "house"),
        first["exception_id"],
    )


def test_who_closed_it_is_told_by_role_and_never_by_name(house: House, rail: FakeRail) -> None:
    rails = {rail.rail_id: rail}
    attempt = buy(house.sessions, rails, rail).attempt
    assert attempt is not None
    rail.pay_wrongly(str(attempt.reference), "underpaid", received=in_usdc(price(Amount(3, CREDIT))))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)
    with house.sessions() as session:
        [line] = exceptions.listed(session, exceptions.Wanted(), now=BUYING_NOON)
        decision = Decision(line.exception_id, "operator:ann", "she called")
        resolutions.credit(session, decision, now=BUYING_NOON)
        reviews.chain_changed(session, chain_id=8453, detail="block 7", now=BUYING_NOON)

    house.tell()

    told = {data["kind"]: data for kind, data in events(house) if kind == "deposit.exception"}
    closed = told["underpaid"]
    [granted] = [data for kind, data in events(house) if kind == "credits.granted"]
    assert (closed["state"], closed["closed_by"], closed["resolution"]) == ("closed", "operator", "credit")
    assert (told["deeper_than_final"]["agent_id"], told["deeper_than_final"]["payment_attempt_id"]) == (
        None,
        None,
    )
    assert (granted["cents"], granted["purchase"]["payment_attempt_id"]) == (3, attempt.payment_attempt_id)
    assert "ann" not in str(told)
    assert "she called" not in str(told)


def test_what_was_granted_beside_a_purchase_names_its_receipt(house: House, rail: FakeRail) -> None:
    rails = {rail.rail_id: rail}
    attempt = buy(house.sessions, rails, rail).attempt
    assert attempt is not None
    rail.pay_too_much(str(attempt.reference), received=in_usdc(price(Amount(700, CREDIT))))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)
    with house.sessions() as session:
        [line] = exceptions.listed(session, exceptions.Wanted(), now=BUYING_NOON)
        resolutions.credit(session, Decision(line.exception_id, "ann", "beside"), now=BUYING_NOON)

    house.tell()

    first, second = [data for kind, data in events(house) if kind == "credits.granted"]
    assert (first["credits"], second["credits"]) == (500, 200)
    assert first["purchase"] == second["purchase"]
    assert second["purchase"]["receipt_id"].startswith("receipt_")


def test_one_that_opened_and_closed_unseen_is_told_twice_all_the_same(house: House, rail: FakeRail) -> None:
    rails = {rail.rail_id: rail}
    attempt = buy(house.sessions, rails, rail).attempt
    assert attempt is not None
    rail.pay_wrongly(str(attempt.reference), "underpaid", received=in_usdc(price(Amount(3, CREDIT))))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)
    rail.pay(str(attempt.reference))
    purchase.settle(house.sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=BUYING_NOON)

    house.tell()

    states = [data["state"] for kind, data in events(house) if kind == "deposit.exception"]
    assert sorted(states) == ["closed", "opened"]


def test_a_transaction_that_commits_late_under_a_low_number_is_told(house: House, database_url: str) -> None:
    house.do(make.grant("first", 1, cents=1))
    with psycopg.connect(database_url) as slow:
        # It has its numbers now, and commits after others have come and gone.
        slow.execute("SELECT pg_current_xact_id(), nextval('ledger_transaction_id_seq')")
        house.do(make.grant("second", 2, cents=2))
        before = house.tell()
    after_it = house.tell()

    assert (before, after_it) == (1, 1)
    assert [data["credits"] for _, data in events(house)] == [1, 2]


def test_many_tellers_at_once_tell_everything_once(house: House) -> None:
    for number in range(40):
        house.do(make.grant(f"g{number}", 1 + number, cents=1))
        if number % 5 == 0:
            house.tell()
    barrier = threading.Barrier(6)

    def tell(_: int) -> int:
        barrier.wait()
        return house.tell()

    with ThreadPoolExecutor(6) as tellers:
        list(tellers.map(tell, range(6)))
    house.tell()

    assert sorted(data["credits"] for _, data in events(house)) == list(range(1, 41))


def test_a_teller_that_dies_before_its_commit_has_told_nothing_of_a_seal(house: House) -> None:
    house.do(make.grant("g", 5, cents=5))
    seals.seal_all(house.sessions, now=house.now)

    with pytest.raises(RuntimeError, match=r"\(1, 1\)"), house.sessions() as session:
        raise RuntimeError(telling.tell_next(session, now=house.now))

    assert types(house) == []
    assert house.tell() == 1


def test_an_endpoint_is_told_of_what_it_wants_and_of_nothing_before_it_was_made(
    house: House, receiver: Receiver, sessions: Sessions
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url, "credits.refunded")
    late_id, _ = house.endpoint(receiver.url)
    with sessions() as session:
        late = session.get_one(Endpoint, late_id)
        late.created_at = house.now.replace(year=house.now.year + 1)
    house.do(make.grant("g", 9, cents=9), make.refund("r", "g", cents=2))

    house.tell()

    assert [(each.endpoint_id, each.state) for each in house.deliveries()] == [(endpoint_id, "pending")]


def test_what_was_told_is_never_changed(house: House, sessions: Sessions) -> None:
    house.do(make.grant("g", 9, cents=9))
    house.tell()

    for change in ("UPDATE webhook_event SET body = ''", "DELETE FROM webhook_event"):
        with pytest.raises(Exception, match="never changed"), sessions() as session:
            session.connection().exec_driver_sql(change)
