"""Proposals about payments: refunds, write-offs, credits to take back, policies; and what one does alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import Session

from ledger import chart
from ledger.database import Sessions
from ledger.money import USD, Amount
from office.proposals import left_alone, needs_two, reading
from office.proposals.errors import NotPossible
from office.proposals.settings import proposals
from rails import errors, promises, refund_requests, refunds
from rails.conformance.fakes import crypto_deposit
from rails.models import PaymentAttempt
from rails.rail import Evidence, NeedsReview, Pending
from tests.office.proposing import LATER, Office
from tests.rails.conftest import attempt_id, bought, rail, rails, reference  # noqa: F401
from tests.rails.reversing import Bought, opened, state
from tests.rails.test_resolutions import Desk, desk, usdc  # noqa: F401

CLEARING = "clearing:fake_deposit"
SOON = LATER + timedelta(minutes=1)


@pytest.fixture
def people(sessions: Sessions) -> Office:
    return Office.opened(sessions)


@pytest.fixture
def paid(sessions: Sessions) -> Bought:
    """A purchase of 500 credits that was paid for."""
    found = opened(sessions, crypto_deposit())
    assert found.settle()
    return found


def refund_of(paid: Bought, dollars: str) -> dict[str, str]:
    return {"payment_attempt_id": paid.attempt_id, "amount": dollars}


def sweep(paid: Bought, *, minutes: int = 1) -> list[str]:
    """What the sweeper does so long after the approval."""
    now = LATER + timedelta(minutes=minutes)
    with paid.sessions() as session:
        due = refund_requests.due(session, now=now)
    return [refunds.ask(paid.sessions, paid.rails, refund_id=each, now=now).state for each in due]


def effect(people: Office, number: int) -> reading.Effect:
    with people.sessions() as session:
        return reading.effect(session, reading.shown(session, number, now=SOON))


def test_an_approved_refund_is_asked_for_once_by_whoever_sweeps_next(people: Office, paid: Bought) -> None:
    number = people.propose("refund", refund_of(paid, "2.00"))

    # Whoever approved may die right after the commit: nobody has asked the processor yet.
    people.approve(number)
    asked = effect(people, number).refund
    first, second = sweep(paid), sweep(paid, minutes=200)
    people.approve(number)

    assert (asked and asked.state, first, second) == ("asked", ["done"], [])
    assert state(people.sessions) == (300, ["refunded"])
    done = effect(people, number).refund
    assert done is not None
    assert (done.state, done.request.idempotency_key, done.request.requested_by) == (
        "done",
        f"proposal:{number}",
        f"proposal:{number}",
    )


def test_a_refund_without_an_answer_is_asked_again_under_the_same_name(people: Office, paid: Bought) -> None:
    people.approve(people.propose("refund", refund_of(paid, "2.00")))
    paid.rail.unreachable = True
    silent = sweep(paid)
    paid.rail.unreachable = False

    assert (silent, sweep(paid, minutes=60)) == (["asked"], ["done"])
    assert state(people.sessions) == (300, ["refunded"])


def test_a_refund_of_more_than_is_left_by_now_is_refused_and_stays_undecided(
    people: Office, paid: Bought
) -> None:
    first = people.propose("refund", refund_of(paid, "3.00"))
    second = people.propose("refund", refund_of(paid, "3.00"))
    people.approve(first)

    with pytest.raises(errors.RefundTooLarge, match=r"only 2\.00 dollars"):
        people.approve(second)

    assert (people.state(second), effect(people, second).refund) == ("pending", None)


def test_a_write_off_is_decided_by_two_and_booked_once(desk: Desk, people: Office) -> None:  # noqa: F811
    desk.arrive(4_990_000)
    exception_id = desk.reviewed("underpaid", 4_990_000)
    number = people.propose("write_off", {"exception_id": str(exception_id)}, evidence="")

    people.approve(number)
    people.approve(number)

    assert (desk.holds(CLEARING), desk.holds(chart.UNCLAIMED), desk.open()) == (-499, 499, [])
    legs = {account: amount.units for account, amount in effect(people, number).legs}
    assert legs == {CLEARING: -499, chart.UNCLAIMED: 499}
    desk.check_book()


def test_a_write_off_that_another_decided_meanwhile_is_refused(desk: Desk, people: Office) -> None:  # noqa: F811
    desk.arrive(4_990_000)
    exception_id = desk.reviewed("underpaid", 4_990_000)
    fields = {"exception_id": str(exception_id)}
    first, second = people.propose("write_off", fields), people.propose("write_off", fields)
    people.approve(first)

    with pytest.raises(NotPossible, match="by somebody else"):
        people.approve(second)
    with pytest.raises(NotPossible, match="is closed"):
        people.propose("write_off", fields)

    assert (people.state(second), desk.holds(chart.UNCLAIMED)) == ("pending", 499)


def test_a_write_off_of_another_amount_than_was_proposed_is_refused(
    desk: Desk,  # noqa: F811
    people: Office,
) -> None:
    desk.arrive(4_000_000)
    exception_id = desk.reviewed("underpaid", 4_000_000)
    number = people.propose("write_off", {"exception_id": str(exception_id)})
    desk.arrive(500_000)
    desk.reviewed("underpaid", 4_500_000)

    with pytest.raises(errors.ChangedMeanwhile):
        people.approve(number)

    assert (people.state(number), desk.holds(chart.UNCLAIMED)) == ("pending", 0)


def test_a_refund_that_decides_an_exception_closes_it_and_is_asked_for_once(
    desk: Desk,  # noqa: F811
    people: Office,
) -> None:
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    desk.says(NeedsReview("unseen", usdc(5_000_000), usdc(0), said))
    [line] = desk.open()
    number = people.propose("refund", {"exception_id": str(line.exception_id)})

    people.approve(number)

    asked = effect(people, number).refund
    assert asked is not None
    assert (asked.state, asked.request.cents, asked.request.idempotency_key) == (
        "asked",
        500,
        f"exception:{line.exception_id}",
    )
    assert desk.open() == []
    with desk.sessions() as session:
        due = refund_requests.due(session, now=SOON)
    assert due == [asked.request.refund_id]


def test_credits_whose_money_the_chain_took_back_are_taken_back(desk: Desk, people: Office) -> None:  # noqa: F811
    height = desk.arrive(4_990_000, state="confirmed")
    desk.credit(desk.reviewed("underpaid", 4_990_000))
    desk.orphan(height)
    desk.says(Pending(), now=LATER)
    [line] = desk.open()
    number = people.propose("take_back", {"exception_id": str(line.exception_id)})

    people.approve(number)
    desk.says(Pending(), now=LATER)

    held = {name: desk.holds(name) for name in (CLEARING, "prepaid_liability", "issued", "agent:agt_1")}
    assert (held, desk.open()) == (dict.fromkeys(held, 0), [])
    desk.check_book()


def test_money_that_comes_again_after_its_credits_were_taken_back_is_an_exception_again(
    desk: Desk,  # noqa: F811
    people: Office,
) -> None:
    height = desk.arrive(4_990_000, state="confirmed")
    desk.credit(desk.reviewed("underpaid", 4_990_000))
    desk.orphan(height)
    desk.says(Pending(), now=LATER)
    [gone] = desk.open()
    people.approve(people.propose("take_back", {"exception_id": str(gone.exception_id)}))

    desk.arrive(4_990_000)
    desk.says(NeedsReview("underpaid", usdc(5_000_000), usdc(4_990_000)), now=LATER)
    [line] = desk.open()
    desk.credit(line.exception_id)

    assert line.item.kind == "underpaid"
    assert (desk.holds("agent:agt_1"), desk.holds(CLEARING), desk.unexplained()) == (499, -499, [])
    desk.check_book()


def test_what_is_no_such_exception_is_not_taken_back(desk: Desk, people: Office) -> None:  # noqa: F811
    desk.arrive(4_990_000)
    exception_id = desk.reviewed("underpaid", 4_990_000)

    with pytest.raises(NotPossible, match="nothing was taken back"):
        people.propose("take_back", {"exception_id": str(exception_id)})


def test_a_policy_holds_for_what_is_opened_after_its_approval(people: Office, sessions: Sessions) -> None:
    before = opened(sessions, crypto_deposit())
    number = people.propose("policy", {"name": "overpaid", "outcome": "credit"})
    people.approve(number)
    after = opened(sessions, crypto_deposit(), agent_id="agt_2")

    with sessions() as session:
        attempts = [session.get_one(PaymentAttempt, each.attempt_id) for each in (before, after)]
        told = [promises.of(each)["overpaid"] for each in attempts]
    assert told == ["review", "credit"]


def test_two_changes_of_one_policy_do_not_overwrite_each_other(people: Office) -> None:
    first = people.propose("policy", {"name": "alone_most_cents", "amount": "50.00"})
    second = people.propose("policy", {"name": "alone_most_cents", "amount": "900.00"})
    people.approve(first)

    with pytest.raises(NotPossible, match=r"50\.00 USD now"):
        people.approve(second)
    with people.sessions() as session:
        assert left_alone(session, people.ann, LATER) == Amount(5000, USD)


def test_many_small_ones_do_not_go_round_the_limit(people: Office, paid: Bought) -> None:
    alone(people, 300)

    give(people, paid, 200)
    with people.sessions() as session:
        left = left_alone(session, people.ann, LATER)
        found = [needs_two(session, Amount(cents, USD), people.ann, LATER) for cents in (100, 101)]
        other = needs_two(session, Amount(300, USD), people.bob, LATER)
        tomorrow = needs_two(session, Amount(300, USD), people.ann, LATER + timedelta(days=1))

    assert (left, found, other, tomorrow) == (Amount(100, USD), [False, True], False, False)


def test_what_two_agreed_on_takes_nothing_of_what_one_may_do_alone(people: Office, paid: Bought) -> None:
    people.approve(people.propose("refund", refund_of(paid, "4.00")))

    with people.sessions() as session:
        left = [left_alone(session, who, LATER).units for who in (people.ann, people.bob)]

    assert left == [proposals().alone_most_cents] * 2


def test_many_at_once_do_not_go_round_the_limit(people: Office, paid: Bought) -> None:
    alone(people, 150)

    def one(number: int) -> bool:
        with people.sessions() as session:
            if needs_two(session, Amount(100, USD), people.ann, LATER):
                return False
            place(session, paid, 100, key=f"k{number}", by=people.ann.name)
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]


def test_a_write_off_counts_as_a_refund_does(desk: Desk, people: Office) -> None:  # noqa: F811
    desk.arrive(4_990_000)
    desk.write_off(desk.reviewed("underpaid", 4_990_000), by=people.ann.name)

    with people.sessions() as session:
        assert left_alone(session, people.ann, LATER).units == proposals().alone_most_cents - 499


def alone(people: Office, cents: int) -> None:
    """Have one operator give away so much alone."""
    dollars = f"{cents // 100}.{cents % 100:02d}"
    people.approve(people.propose("policy", {"name": "alone_most_cents", "amount": dollars}))


def give(people: Office, paid: Bought, cents: int) -> None:
    with people.sessions() as session:
        place(session, paid, cents, key="alone", by=people.ann.name)


def place(session: Session, paid: Bought, cents: int, *, key: str, by: str) -> None:
    refunds.place(
        session,
        payment_attempt_id=paid.attempt_id,
        amount=Amount(cents, USD),
        reason="the agent asked",
        requested_by=by,
        key=key,
        now=LATER,
    )
