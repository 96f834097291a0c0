"""Refunds, disputes and warnings as Stripe tells them, on both rails, against the twin."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlmodel import select

from ledger import credits, freezes
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Debit
from rails import errors, handles, refunds, reversals
from rails.models import PaymentAttempt, PaymentReversal
from rails.rail import RefundOrder
from rails.settings import story
from sandbox import devnet
from sandbox.stripe_twin.models import Fault
from tests.conftest import new_database
from tests.contract import house as contract_house
from tests.contract.house import CHECKOUT, X402, Caller, House
from tests.waiting import eventually

BOTH = pytest.mark.parametrize("rail", [CHECKOUT, X402])


@pytest.fixture(scope="module")
def open_house(postgres_url: str) -> Iterator[House]:
    """A house over a twin and a devnet, for all tests of this file."""
    with (
        new_database(postgres_url) as database_url,
        devnet.start(block_seconds=0) as net,
        contract_house.opened(database_url, net) as opened,
    ):
        yield opened


@pytest.fixture
def house(open_house: House) -> Iterator[House]:
    before = open_house.twin.switches()
    yield open_house
    open_house.twin.clear_faults()
    open_house.twin.set_switches(before)


@dataclass(frozen=True)
class Paid:
    """A purchase of five dollars that Stripe was paid for."""

    house: House
    agent: Caller
    agent_id: str
    attempt_id: str
    intent: str

    def look(self) -> reversals.Looked:
        return reversals.look(
            self.house.sessions, self.house.rails, payment_attempt_id=self.attempt_id, now=self.house.time()
        )

    def seen(self) -> list[tuple[str, str, int, int]]:
        """Cause, state, cents and booked cents of everything that has left, or may."""
        self.look()
        with self.house.sessions() as session:
            rows = session.exec(
                select(PaymentReversal).where(PaymentReversal.payment_attempt_id == self.attempt_id)
            )
            return sorted((row.cause, row.state, row.cents, row.booked_cents) for row in rows)

    def left(self) -> int:
        """Credits that were bought and can still be spent."""
        found: int = self.agent.quota()["limits"]["payment_backed_remaining_credits"]
        return found

    def told(self) -> list[str]:
        """What the agent's history says of the credits after their grant, in short words."""
        types = [event["type"] for event in self.agent.events(subject="credit")]
        words = [kind.removeprefix("credits.payment_backed_") for kind in types]
        return sorted(word for word in words if word != "granted")

    def refund(self, cents: int | None, key: str = "key") -> refunds.Refund:
        """Ask for a refund, and see how far it is, whether or not that raised."""
        try:
            return self.request(cents, key)
        except errors.RailError:
            with self.house.sessions() as session:
                return refunds.listed(session, payment_attempt_id=self.attempt_id)[0]

    def request(self, cents: int | None, key: str) -> refunds.Refund:
        return refunds.request(
            self.house.sessions,
            self.house.rails,
            payment_attempt_id=self.attempt_id,
            amount=Amount(cents, USD) if cents is not None else None,
            reason="asked",
            requested_by="ops",
            key=f"{self.attempt_id}:{key}",
            now=self.house.time(),
        )


def paid(house: House, rail: str) -> Paid:
    before = {row.id for row in house.twin.payment_intents()}
    agent = house.agent()
    attempt, _ = house.paid(agent, rail)
    [intent] = {row.id for row in house.twin.payment_intents()} - before
    return Paid(house, agent, agent.actor_id(), attempt["payment_attempt_id"], intent)


@BOTH
def test_refunds_on_the_dashboard_are_booked_each_by_itself(house: House, rail: str) -> None:
    one = paid(house, rail)
    first = house.twin.refund(one.intent, 100)
    one.look()
    house.twin.refund(one.intent, 150)

    assert one.seen() == [("refund", "gone", 100, 100), ("refund", "gone", 150, 150)]
    assert first.startswith("re_" if rail == CHECKOUT else "pyr_")
    assert (one.left(), one.told()) == (250, ["refunded", "refunded"])


@BOTH
def test_a_refund_that_fails_after_it_succeeded_gives_the_credits_back(house: House, rail: str) -> None:
    one = paid(house, rail)
    refund = house.twin.refund(one.intent)
    taken = (one.seen(), one.left())

    house.twin.settle_refund(refund, "failed", "declined")

    assert taken == ([("refund", "gone", 500, 500)], 0)
    assert one.seen() == [("refund", "back", 500, 0)]
    assert (one.left(), one.told()) == (500, ["refunded", "reinstated"])


def test_a_notice_alone_has_a_refund_booked_by_the_end(house: House) -> None:
    one = paid(house, X402)

    house.twin.refund(one.intent, 200)

    eventually(lambda: one.left() == 300)


def test_a_pending_refund_books_nothing_until_its_bank_has_answered(house: House) -> None:
    house.twin.set_switches(house.twin.switches().model_copy(update={"refunds_stay_pending": True}))
    one = paid(house, X402)
    refund = house.twin.refund(one.intent, 200)
    pending = (one.seen(), one.left())

    house.twin.settle_refund(refund, "succeeded")

    assert pending == ([("refund", "pending", 200, 0)], 500)
    assert (one.seen(), one.left()) == ([("refund", "gone", 200, 200)], 300)


def test_a_dispute_is_taken_when_its_money_is_withdrawn_and_given_back_when_it_is_won(house: House) -> None:
    one = paid(house, CHECKOUT)
    dispute = house.twin.dispute(one.intent, withdraw=False)
    opened = (one.seen(), one.left())
    house.twin.withdraw_dispute(dispute)
    withdrawn = (one.seen(), one.left())

    house.twin.close_dispute(dispute, "won")

    assert opened == ([("dispute", "pending", 500, 0)], 500)
    assert withdrawn == ([("dispute", "gone", 500, 500)], 0)
    assert (one.seen(), one.left()) == ([("dispute", "back", 500, 0)], 500)
    assert one.told() == ["disputed", "reinstated"]


def test_a_dispute_that_is_first_heard_of_when_lost_is_taken(house: House) -> None:
    one = paid(house, CHECKOUT)

    house.twin.close_dispute(house.twin.dispute(one.intent), "lost")

    assert (one.seen(), one.left()) == ([("dispute", "gone", 500, 500)], 0)


def test_a_dispute_of_less_than_the_charge_takes_that_much(house: House) -> None:
    one = paid(house, CHECKOUT)
    house.twin.refund(one.intent, 200)

    house.twin.dispute(one.intent, 300)

    assert one.seen() == [("dispute", "gone", 300, 300), ("refund", "gone", 200, 200)]
    assert one.left() == 0


def test_an_inquiry_moves_no_money_and_ends_without_any(house: House) -> None:
    one = paid(house, CHECKOUT)
    dispute = house.twin.dispute(one.intent, warning=True)
    asked = one.seen()

    house.twin.close_dispute(dispute, "warning_closed")

    assert asked == [("dispute", "pending", 500, 0)]
    assert (one.seen(), one.left(), one.told()) == ([("dispute", "void", 500, 0)], 500, [])


def test_a_warning_freezes_by_setting_and_thaws_when_the_payment_was_refunded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_FRAUD_WARNING", "freeze")
    story.cache_clear()
    one = paid(house, CHECKOUT)
    house.twin.warn_of_fraud(one.intent)
    warned = one.seen()
    wish = Debit(key="frozen?", agent_id=one.agent_id, actor="test", credits=Amount(1, CREDIT), job="j")
    refused = credits.perform(house.sessions, [wish], now=house.time())[0].code

    refunded = one.refund(None)

    story.cache_clear()
    assert (warned, refused) == ([("fraud_warning", "pending", 0, 0)], "frozen")
    assert refunded.state == "done"
    with house.sessions() as session:
        assert freezes.standing(session, agent_id=one.agent_id) == []


@BOTH
def test_an_operator_gives_back_a_part_and_then_the_rest(house: House, rail: str) -> None:
    one = paid(house, rail)

    states = [one.refund(200).state, one.refund(200).state, one.refund(None, "rest").state]

    assert states == ["done", "done", "done"]
    assert one.seen() == [("refund", "gone", 200, 200), ("refund", "gone", 300, 300)]
    assert one.left() == 0


def test_without_the_balance_for_it_a_crypto_refund_fails_and_a_cards_waits(house: House) -> None:
    house.twin.set_switches(
        house.twin.switches().model_copy(update={"overdraft_cents": 0, "funds_pending_seconds": 86_400})
    )
    by_wallet, by_card = paid(house, X402), paid(house, CHECKOUT)

    failed, waits = by_wallet.refund(500), by_card.refund(500)

    assert (failed.state, failed.request.failure) == ("failed", "insufficient_funds")
    assert waits.state == "pending"
    assert (by_wallet.left(), by_card.left()) == (500, 500)


def test_what_stripe_refuses_fails_with_its_word_for_why(house: House) -> None:
    one = paid(house, CHECKOUT)
    house.twin.dispute(one.intent, 100)

    refused = one.refund(100)

    assert (refused.state, refused.request.failure) == ("failed", "charge_disputed")


@pytest.mark.parametrize("kind", ["lost_answer", "drop"])
def test_a_refund_whose_answer_is_lost_is_made_once(house: House, kind: str) -> None:
    one = paid(house, CHECKOUT)
    house.twin.fail(
        Fault.model_validate({"kind": kind, "path_prefix": "/v1/refunds", "method": "POST", "times": 3})
    )

    first = one.refund(200)
    house.twin.clear_faults()
    again = refunds.ask(house.sessions, house.rails, refund_id=first.request.refund_id, now=house.time())

    assert again.state == "done"
    assert one.seen() == [("refund", "gone", 200, 200)]


def test_a_refund_is_asked_for_under_its_own_id(house: House) -> None:
    one = paid(house, CHECKOUT)

    asked = one.refund(200)

    sent = house.twin.requests(path_prefix="/v1/refunds", method="POST")[-1]
    assert sent.idempotency_key == asked.request.refund_id


def test_a_refund_that_stripe_made_longer_ago_than_it_remembers_keys_is_found_again(
    database_url: str,
) -> None:
    with devnet.start(block_seconds=0) as net, contract_house.opened(database_url, net) as house:
        one = paid(house, CHECKOUT)
        with house.sessions() as session:
            handle = handles.of(session, session.get_one(PaymentAttempt, one.attempt_id))
        assert handle is not None
        order = RefundOrder("refund_1", handle, Amount(200, USD))
        fault = {"kind": "lost_answer", "path_prefix": "/v1/refunds", "method": "POST", "times": 3}
        house.twin.fail(Fault.model_validate(fault))
        with pytest.raises(errors.RailUnreachable):
            house.rails[CHECKOUT].refund(order)
        house.twin.advance_clock(seconds=25 * 3600)

        again = house.rails[CHECKOUT].refund(order)

        assert [each.reference for each in house.rails[CHECKOUT].reversals(handle)] == [again]


def test_an_error_that_stripe_repeats_for_a_day_ends_with_one_refund(database_url: str) -> None:
    with devnet.start(block_seconds=0) as net, contract_house.opened(database_url, net) as house:
        one = paid(house, CHECKOUT)
        fault = {"kind": "status", "path_prefix": "/v1/refunds", "method": "POST", "times": 3}
        house.twin.fail(Fault.model_validate(fault))
        asked = one.refund(200)
        house.twin.clear_faults()
        house.twin.advance_clock(seconds=25 * 3600)

        again = refunds.ask(house.sessions, house.rails, refund_id=asked.request.refund_id, now=house.time())

        assert (asked.state, again.state) == ("asked", "done")
        assert one.seen() == [("refund", "gone", 200, 200)]
