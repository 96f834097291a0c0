"""What is done about an exception: once, with a name and a reason, and never the same cent twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlmodel import col, select

from ledger import audit, book, chart
from ledger.database import Sessions
from ledger.money import USD, USDC, Amount, Asset
from rails import (
    arrived,
    errors,
    exceptions,
    inbox,
    purchase,
    receipts,
    refunds,
    resolutions,
    reversals,
    reviews,
    schedule,
)
from rails.conformance.fakes import FakeRail
from rails.exceptions import Wanted
from rails.models import Activity
from rails.notice import Incoming
from rails.rail import Evidence, NeedsReview, Outcome, Paid, Pending, Rails, Reversed
from rails.resolutions import Decision
from rails.settings import policy
from rails.status import PurchaseView
from tests.rails.conftest import NOON

Credits = Callable[[], int]
View = Callable[[], PurchaseView]
Row = dict[str, str | int]
LATER = NOON + timedelta(hours=2)
CLEARING = "clearing:fake_deposit"
TOKEN = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
USDBC = "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"


def usdc(units: int) -> Amount:
    return Amount(units, USDC)


@dataclass
class Desk:
    """An operator at an attempt, and a chain and a processor that say what the test has them say."""

    sessions: Sessions
    rails: Rails
    rail: FakeRail
    reference: str
    attempt_id: str
    address: str
    heights: list[int] = field(default_factory=list)

    def arrive(self, units: int, *, state: str = "final", token: str = TOKEN, at: datetime = NOON) -> int:
        """Have a transfer stand on the chain; its height."""
        height = 100 + len(self.heights)
        self.heights.append(height)
        with self.sessions() as session:
            session.connection().exec_driver_sql(
                "INSERT INTO deposit VALUES (8453, %s, 0, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    f"0x{height:064x}",
                    *(height, at, f"0x{height + 1:064x}", token, "0x" + "c" * 40, self.address, units, state),
                    *(at, at, at if state == "final" else None),
                ),
            )
        return height

    def orphan(self, height: int) -> None:
        """Have the chain take a transfer back."""
        with self.sessions() as session:
            session.connection().exec_driver_sql(
                "UPDATE deposit SET state = 'orphaned', orphaned_at = first_seen_at WHERE block_number = %s",
                (height,),
            )

    def says(self, outcome: Outcome, *, now: datetime = NOON) -> str:
        """Look at the attempt while the rail says this; the state it is left in."""
        self.rail._outcomes[self.reference] = lambda _handle: outcome
        return purchase.settle(self.sessions, self.rails, payment_attempt_id=self.attempt_id, now=now).state

    def reviewed(self, kind: str, received: int, *, now: datetime = NOON, final: int | None = None) -> int:
        """The id of an exception of this kind, which is open now."""
        exact = usdc(5_000_000)
        final_amount = usdc(final) if final is not None else None
        self.says(NeedsReview(kind, exact, usdc(received), final=final_amount), now=now)
        [line] = [each for each in self.open() if each.item.kind == kind]
        return line.exception_id

    def paid(self, *, review: NeedsReview | None = None, now: datetime = NOON) -> str:
        """Have the processor settle it."""
        said = (Evidence("stripe", self.reference, "succeeded"),)
        return self.says(Paid(Amount(500, USD), said, review=review), now=now)

    def open(self, *, now: datetime = LATER) -> list[exceptions.Line]:
        """What waits for a decision."""
        with self.sessions() as session:
            return list(exceptions.listed(session, Wanted(), now=now))

    def credit(
        self, exception_id: int, *, by: str = "ann", seen: Amount | None = None
    ) -> resolutions.Resolved:
        with self.sessions() as session:
            return resolutions.credit(session, Decision(exception_id, by, "because", seen), now=LATER)

    def write_off(self, exception_id: int, *, by: str = "ann") -> resolutions.Resolved:
        with self.sessions() as session:
            return resolutions.write_off(session, Decision(exception_id, by, "because"), now=LATER)

    def wait(self, exception_id: int, until: datetime) -> None:
        with self.sessions() as session:
            resolutions.wait(session, Decision(exception_id, "ann", "because"), until=until, now=LATER)

    def case(self, exception_id: int) -> exceptions.Case:
        with self.sessions() as session:
            return exceptions.case(session, exception_id, now=LATER)

    def holds(self, account: str) -> int:
        with self.sessions() as session:
            return book.balance(session, account=account).units

    def unexplained(self) -> list[int]:
        """What the chain moved that is in no book and in no exception."""
        with self.sessions() as session:
            return [each.units - each.decided for each in arrived.unexplained(session)]

    def check_book(self) -> None:
        """The book agrees with its entries."""
        with self.sessions() as session:
            assert audit.verify(session).clean


@pytest.fixture
def desk(
    sessions: Sessions, rails: Rails, rail: FakeRail, reference: str, attempt_id: str, bought: PurchaseView
) -> Desk:
    assert bought.attempt is not None
    return Desk(sessions, rails, rail, reference, attempt_id, str(bought.attempt.deposit_address))


@pytest.mark.parametrize(
    ("kind", "units", "credits_given", "dust"),
    [
        ("underpaid", 4_990_001, 499, 1),
        ("overpaid", 6_239_999, 623, 9_999),
        ("topped_up", 5_000_000, 500, 0),
        ("several", 10_000_000, 1000, 0),
        ("late", 5_000_000, 500, 0),
        ("after_close", 5_000_000, 500, 0),
        ("retired_address", 5_000_000, 500, 0),
        ("unmatched", 5_000_000, 500, 0),
    ],
)
def test_what_arrived_is_credited_once_with_a_receipt_of_exactly_that(
    desk: Desk, view: View, credits_of_agent: Credits, kind: str, units: int, credits_given: int, dust: int
) -> None:
    exception_id = desk.reviewed(kind, units)

    done, again = desk.credit(exception_id), desk.credit(exception_id, by="bob")

    assert (done.cents, done.dust) == (Amount(credits_given, USD), usdc(dust))
    assert (done.replayed, again.replayed, again.cents) == (False, True, done.cents)
    receipt = view().receipt
    assert receipt is not None
    assert (view().state, credits_of_agent()) == ("succeeded", credits_given)
    assert (receipt.credits, receipt.received_cents) == (credits_given, credits_given)
    assert (desk.holds(CLEARING), desk.open()) == (-credits_given, [])
    desk.check_book()


def test_a_success_at_stripe_after_the_credit_grants_nothing_more(
    desk: Desk, credits_of_agent: Credits
) -> None:
    desk.arrive(5_000_000)
    desk.credit(desk.reviewed("unmatched", 5_000_000))

    state = desk.paid(now=LATER)

    assert (state, credits_of_agent(), desk.open()) == ("succeeded", 500, [])
    assert desk.unexplained() == []


def test_the_rest_that_tops_up_a_credited_underpayment_is_credited_beside_it(
    desk: Desk, credits_of_agent: Credits
) -> None:
    desk.arrive(4_990_000)
    desk.credit(desk.reviewed("underpaid", 4_990_000))
    desk.arrive(10_000)

    rest = desk.credit(desk.reviewed("topped_up", 5_000_000, now=LATER))

    assert (rest.cents, credits_of_agent(), desk.open()) == (Amount(1, USD), 500, [])
    assert desk.unexplained() == []
    desk.check_book()


def test_the_exact_payment_that_stripe_settles_after_a_credit_is_a_surplus_and_not_lost(
    desk: Desk, credits_of_agent: Credits
) -> None:
    desk.arrive(4_990_000)
    desk.credit(desk.reviewed("underpaid", 4_990_000))
    desk.arrive(5_000_000)
    desk.paid(review=NeedsReview("several", usdc(5_000_000), usdc(9_990_000)), now=LATER)
    [surplus] = desk.open()

    done = desk.credit(surplus.exception_id)

    assert (surplus.item.kind, done.cents, credits_of_agent()) == ("several", Amount(500, USD), 999)
    assert desk.unexplained() == []


def test_a_surplus_beside_a_purchase_is_credited_under_its_own_key_and_told_in_the_history(
    desk: Desk, view: View, credits_of_agent: Credits
) -> None:
    desk.paid(review=NeedsReview("several", usdc(5_000_000), usdc(7_505_000)))
    [surplus] = desk.open()

    done = desk.credit(surplus.exception_id)

    assert (done.cents, done.dust, credits_of_agent()) == (Amount(250, USD), usdc(5_000), 750)
    with desk.sessions() as session:
        receipt = view().receipt
        told = session.exec(select(Activity).order_by(col(Activity.occurred_at))).all()
        belongs_to = receipts.of_transactions(session, [int(str(done.ledger_transaction_id))])
    assert receipt is not None
    assert receipt.credits == 500
    assert [row.type for row in told] == ["credits.payment_backed_granted"] * 2
    assert told[1].links["receipt_id"] == receipt.receipt_id
    assert [found.receipt_id for found in belongs_to.values()] == [receipt.receipt_id]


def test_less_than_a_cent_is_said_and_never_rounded_up(desk: Desk, credits_of_agent: Credits) -> None:
    exception_id = desk.reviewed("underpaid", 9_999)

    with pytest.raises(errors.NotAllowed, match=r"0\.009999 USDC is less than a cent"):
        desk.credit(exception_id)
    done = desk.write_off(exception_id)

    assert (done.cents, done.dust, done.ledger_transaction_id) == (Amount(0, USD), usdc(9_999), None)
    assert (credits_of_agent(), desk.holds(chart.UNCLAIMED)) == (0, 0)


def test_what_is_written_off_is_booked_as_unclaimed_and_still_owed(
    desk: Desk, view: View, credits_of_agent: Credits
) -> None:
    desk.arrive(4_990_001)
    exception_id = desk.reviewed("underpaid", 4_990_001)

    done, again = desk.write_off(exception_id), desk.write_off(exception_id)

    assert (done.cents, done.dust, again.replayed) == (Amount(499, USD), usdc(1), True)
    assert (desk.holds(CLEARING), desk.holds(chart.UNCLAIMED), credits_of_agent()) == (-499, 499, 0)
    assert (view().receipt, desk.unexplained()) == (None, [])
    desk.check_book()


def test_an_attempt_whose_money_was_written_off_ends_like_one_that_nobody_paid(desk: Desk) -> None:
    short = NeedsReview("underpaid", usdc(5_000_000), usdc(4_990_000))
    desk.write_off(desk.reviewed("underpaid", 4_990_000))

    early, late = desk.says(short, now=NOON + timedelta(minutes=5)), desk.says(short, now=LATER)

    assert (early, late, desk.open()) == ("requires_action", "expired", [])


def test_what_was_written_off_and_stripe_matches_after_all_is_in_the_book_once(
    desk: Desk, credits_of_agent: Credits
) -> None:
    desk.arrive(5_000_000)
    desk.write_off(desk.reviewed("unmatched", 5_000_000))

    state = desk.paid(now=LATER)

    assert (state, credits_of_agent()) == ("succeeded", 500)
    assert (desk.holds(CLEARING), desk.holds(chart.UNCLAIMED), desk.unexplained()) == (-500, 0, [])
    desk.check_book()


def test_what_was_written_off_unseen_and_granted_on_stripes_word_is_in_the_book_once(
    desk: Desk, credits_of_agent: Credits
) -> None:
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    desk.says(NeedsReview("unseen", usdc(5_000_000), usdc(0), said))
    [line] = desk.open()
    desk.write_off(line.exception_id)

    desk.paid(now=LATER)

    assert (credits_of_agent(), desk.holds(chart.UNCLAIMED), desk.holds(CLEARING)) == (500, 0, -500)


def test_a_charge_of_more_than_was_credited_holds_no_tax_and_its_refund_comes_to_a_person(
    desk: Desk, credits_of_agent: Credits
) -> None:
    desk.credit(desk.reviewed("underpaid", 4_000_000))
    desk.paid(review=NeedsReview("several", usdc(5_000_000), usdc(9_000_000)), now=LATER)
    [beside] = desk.open()
    desk.credit(beside.exception_id)
    charge = Amount(500, USD)
    desk.rail.reverse(desk.reference, Reversed("refund", "re_1", "gone", charge, charged=charge))

    reversals.look(desk.sessions, desk.rails, payment_attempt_id=desk.attempt_id, now=LATER)

    # Never a part of it in silence, as if the rest had been tax.
    assert [(line.item.kind, line.received.units) for line in desk.open()] == [("reversal_rejected", 500)]
    assert (credits_of_agent(), desk.holds(CLEARING)) == (900, -900)


def test_another_token_is_recorded_and_never_booked_and_leaves_the_purchase_payable(
    desk: Desk, view: View
) -> None:
    desk.arrive(7_000_000, token=USDBC)
    before = desk.unexplained()
    foreign = Asset(USDBC, 0)
    strange = NeedsReview("wrong_token", Amount(0, foreign), Amount(7_000_000, foreign))
    state = desk.says(Pending(beside=(strange,)))
    [line] = desk.open()

    with pytest.raises(errors.NotAllowed, match="another token"):
        desk.credit(line.exception_id)
    done = desk.write_off(line.exception_id)
    again = desk.says(Pending(beside=(strange,)), now=NOON + timedelta(minutes=1))

    assert (before, state, again) == ([7_000_000], "requires_action", "requires_action")
    assert (line.item.asset, line.received.units, done.ledger_transaction_id) == (USDBC, 7_000_000, None)
    assert (desk.open(), desk.unexplained(), desk.holds(chart.UNCLAIMED)) == ([], [], 0)


def test_an_exception_that_somebody_resolved_is_not_resolved_in_another_way(
    desk: Desk, credits_of_agent: Credits
) -> None:
    exception_id = desk.reviewed("underpaid", 4_990_000)
    desk.credit(exception_id)

    with pytest.raises(errors.AlreadyResolved, match="resolved before: credit, by ann"):
        desk.write_off(exception_id)
    with pytest.raises(errors.AlreadyResolved):
        desk.wait(exception_id, LATER + timedelta(days=1))

    assert (credits_of_agent(), desk.holds(chart.UNCLAIMED)) == (499, 0)


def test_many_who_resolve_at_once_do_it_once(desk: Desk, credits_of_agent: Credits) -> None:
    exception_id = desk.reviewed("underpaid", 4_990_000)
    barrier = threading.Barrier(8)

    def decide(number: int) -> str:
        barrier.wait()
        try:
            done = desk.credit(exception_id) if number % 2 else desk.write_off(exception_id)
        except errors.AlreadyResolved:
            return "refused"
        return "again" if done.replayed else done.action

    with ThreadPoolExecutor(8) as operators:
        told = list(operators.map(decide, range(8)))

    assert len([each for each in told if each in ("credit", "write_off")]) == 1
    assert (credits_of_agent(), desk.holds(chart.UNCLAIMED)) in ((499, 0), (0, 499))
    assert desk.holds(CLEARING) == -499


def test_a_verified_payment_and_a_decision_at_the_same_time_grant_once(
    desk: Desk, credits_of_agent: Credits
) -> None:
    exception_id = desk.reviewed("unmatched", 5_000_000)
    barrier = threading.Barrier(2)

    def settle() -> None:
        barrier.wait()
        desk.paid(now=LATER)

    def decide() -> None:
        barrier.wait()
        with suppress(errors.AlreadyResolved):
            desk.credit(exception_id)

    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(settle), both.submit(decide)]:
            done.result()

    assert (credits_of_agent(), desk.holds(CLEARING), desk.open()) == (500, -500, [])


def test_what_changed_since_it_was_looked_at_is_refused(desk: Desk, credits_of_agent: Credits) -> None:
    desk.arrive(4_990_000)
    exception_id = desk.reviewed("underpaid", 4_990_000)
    desk.arrive(10_000)

    with pytest.raises(errors.ChangedMeanwhile, match=r"the chain shows 5\.000000 USDC now"):
        desk.credit(exception_id)
    with pytest.raises(errors.ChangedMeanwhile, match=r"4\.990000 USDC now, not 4\.000000 USDC"):
        desk.credit(exception_id, seen=usdc(4_000_000))

    assert credits_of_agent() == 0


def test_money_that_a_reorganisation_took_back_is_not_credited(
    desk: Desk, view: View, credits_of_agent: Credits
) -> None:
    height = desk.arrive(4_990_000, state="confirmed")
    exception_id = desk.reviewed("underpaid", 4_990_000)
    desk.orphan(height)

    with pytest.raises(errors.ChangedMeanwhile):
        desk.credit(exception_id)
    desk.says(Pending(), now=NOON)
    with pytest.raises(errors.AlreadyResolved, match="taken back by the chain, by house"):
        desk.credit(exception_id)

    assert (view().state, credits_of_agent()) == ("action_required", 0)


def test_when_operators_wait_for_finality_what_is_not_final_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_POLICY_CREDIT_DEPTH", "final")
    policy.cache_clear()
    exception_id = desk.reviewed("underpaid", 4_990_000, final=1_000_000)

    with pytest.raises(errors.NotAllowed, match=r"only 1\.000000 USDC of 4\.990000 USDC lies deep enough"):
        desk.credit(exception_id)
    desk.reviewed("underpaid", 4_990_000, final=4_990_000)
    done = desk.credit(exception_id)
    policy.cache_clear()

    assert done.cents == Amount(499, USD)


def test_a_surplus_that_was_credited_and_then_taken_back_is_an_exception_beside_a_payment(desk: Desk) -> None:
    desk.arrive(5_000_000)
    height = desk.arrive(5_000_000, state="confirmed")
    desk.paid(review=NeedsReview("several", usdc(5_000_000), usdc(10_000_000)))
    [surplus] = desk.open()
    desk.credit(surplus.exception_id)
    settled = desk.open()
    desk.orphan(height)

    desk.paid(now=LATER)

    [line] = desk.open()
    assert settled == []
    assert (line.item.kind, line.difference) == ("taken_back", usdc(-5_000_000))


@pytest.mark.parametrize(("kind", "received"), [("mismatch", 4_000_000), ("unseen", 0)])
def test_what_the_processor_took_and_a_person_gave_up_asks_nobody_to_pay_again(
    desk: Desk, kind: str, received: int, view: View, credits_of_agent: Credits
) -> None:
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    taken = NeedsReview(kind, usdc(5_000_000), usdc(received), said)
    desk.says(taken)
    [line] = desk.open()
    desk.write_off(line.exception_id)

    after, long_after = desk.says(taken), desk.says(taken, now=NOON + timedelta(days=60))

    assert (after, long_after, desk.open(), view().state) == ("failed", "failed", [], "failed")
    with desk.sessions() as session:
        assert schedule.due(session, now=NOON + timedelta(days=90), limit=9) == []
    desk.paid(now=NOON + timedelta(days=60))
    assert credits_of_agent() == 500


def test_what_was_credited_and_then_taken_back_by_the_chain_is_an_exception(desk: Desk) -> None:
    height = desk.arrive(4_990_000, state="confirmed")
    desk.credit(desk.reviewed("underpaid", 4_990_000))
    desk.orphan(height)

    desk.says(Pending(), now=LATER)
    [line] = desk.open()
    desk.arrive(4_990_000)
    desk.says(NeedsReview("underpaid", usdc(5_000_000), usdc(4_990_000)), now=LATER)

    assert (line.item.kind, line.difference) == ("taken_back", usdc(-4_990_000))
    assert desk.open() == []


def test_an_exception_that_was_put_off_comes_back_by_itself(desk: Desk) -> None:
    exception_id = desk.reviewed("underpaid", 4_990_000)
    until = LATER + timedelta(days=1)
    desk.wait(exception_id, until)

    asleep, awake = desk.open(now=LATER), desk.open(now=until)

    assert (asleep, [line.exception_id for line in awake]) == ([], [exception_id])
    with pytest.raises(errors.NotAllowed, match="nothing to wait for"):
        desk.wait(exception_id, LATER)


def test_an_exception_that_was_put_off_comes_back_at_once_when_the_amount_changes(desk: Desk) -> None:
    exception_id = desk.reviewed("underpaid", 4_000_000)
    desk.wait(exception_id, LATER + timedelta(days=1))

    desk.reviewed("underpaid", 4_500_000, now=LATER)

    assert [line.exception_id for line in desk.open()] == [exception_id]


def test_one_kind_follows_another_and_only_the_last_is_open(desk: Desk) -> None:
    first = desk.reviewed("underpaid", 4_990_000)
    desk.reviewed("topped_up", 5_000_000)

    [line] = desk.open()

    assert line.item.kind == "topped_up"
    assert desk.case(first).line.item.resolution == "it is topped_up now"


def test_a_refund_is_asked_for_under_the_exceptions_own_key_and_goes_on_after_a_failure(
    desk: Desk, credits_of_agent: Credits
) -> None:
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    desk.says(NeedsReview("unseen", usdc(5_000_000), usdc(0), said))
    [line] = desk.open()
    asked: list[tuple[str, str, Amount]] = []
    broken = [True]

    def request(*_: object, payment_attempt_id: str, key: str, amount: Amount, **__: object) -> None:
        asked.append((payment_attempt_id, key, amount))
        if broken[0]:
            raise errors.RailUnreachable("the processor does not answer")

    decision = Decision(line.exception_id, "ann", "the payer asked")
    with pytest.raises(errors.RailUnreachable):
        resolutions.refund(desk.sessions, desk.rails, request, decision, now=LATER)
    with pytest.raises(errors.AlreadyResolved, match="resolved before: refund"):
        desk.credit(line.exception_id)
    between = [each.exception_id for each in desk.open()]
    broken[0] = False
    done = resolutions.refund(desk.sessions, desk.rails, request, decision, now=LATER)
    again = resolutions.refund(desk.sessions, desk.rails, request, decision, now=LATER)

    wanted = (desk.attempt_id, f"exception:{line.exception_id}", Amount(500, USD))
    assert (asked, between, desk.open()) == ([wanted, wanted], [line.exception_id], [])
    assert (done.cents, again.replayed, credits_of_agent()) == (Amount(500, USD), True, 0)


def charged_unseen(desk: Desk, *, now: datetime = NOON) -> list[int]:
    """Look while the processor has charged five dollars that the chain does not show; what is open then."""
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    desk.says(NeedsReview("unseen", usdc(5_000_000), usdc(0), said), now=now)
    return [line.exception_id for line in desk.open()]


def refund(desk: Desk, exception_id: int) -> resolutions.Resolved:
    decision = Decision(exception_id, "ann", "the payer asked")
    return resolutions.refund(desk.sessions, desk.rails, refunds.request, decision, now=LATER)


def test_what_the_processor_refuses_to_refund_can_be_decided_otherwise(
    desk: Desk, credits_of_agent: Credits
) -> None:
    [first] = charged_unseen(desk)
    desk.rail.refunds_refused = "charge_disputed"
    with pytest.raises(errors.RailRefused):
        refund(desk, first)

    [second] = charged_unseen(desk, now=LATER)
    done = desk.credit(second)

    assert (second != first, done.cents, credits_of_agent()) == (True, Amount(500, USD), 500)
    assert desk.case(first).line.item.resolution == "the refund failed"


def test_a_refund_of_more_than_is_left_decides_nothing(desk: Desk, credits_of_agent: Credits) -> None:
    [first] = charged_unseen(desk)
    desk.rail.give_back(desk.reference, "re_dashboard", 200)
    with pytest.raises(errors.RefundTooLarge):
        refund(desk, first)

    [second] = charged_unseen(desk, now=LATER)
    done = desk.credit(second)
    reversals.look(desk.sessions, desk.rails, payment_attempt_id=desk.attempt_id, now=LATER)

    assert (done.cents, credits_of_agent(), desk.holds(CLEARING)) == (Amount(500, USD), 300, -300)


def test_a_refund_that_comes_back_after_its_exception_was_closed_is_told_again(
    desk: Desk, credits_of_agent: Credits
) -> None:
    [first] = charged_unseen(desk)
    refund(desk, first)
    closed = charged_unseen(desk, now=LATER)
    with desk.sessions() as session:
        [seen] = reversals.of_payment(session, payment_attempt_id=desk.attempt_id)
        notice = Incoming("stripe", "evt_1", "refund.failed", (desk.attempt_id,), b"{}")
        notice_id = inbox.receive(session, notice, now=LATER)
    desk.rail.turn(desk.reference, seen.reversal.reference, "back")
    assert notice_id is not None

    inbox.handle(desk.sessions, desk.rails, notice_id=notice_id, now=LATER)
    with desk.sessions() as session:
        due = schedule.due(session, now=LATER)
    again = charged_unseen(desk, now=LATER)

    assert (closed, due, len(again)) == ([], [desk.attempt_id], 1)
    assert (desk.credit(again[0]).cents, credits_of_agent()) == (Amount(500, USD), 500)


def test_what_stripe_took_and_the_chain_never_showed_can_be_credited_on_its_word(
    desk: Desk, credits_of_agent: Credits
) -> None:
    said = (Evidence("stripe", desk.reference, "succeeded"),)
    desk.says(NeedsReview("unseen", usdc(5_000_000), usdc(0), said))
    [line] = desk.open()

    done = desk.credit(line.exception_id)
    later = desk.paid(now=LATER)

    assert (done.cents, credits_of_agent(), later) == (Amount(500, USD), 500, "succeeded")


def test_a_charge_with_tax_is_refunded_with_its_tax(desk: Desk) -> None:
    paid: dict[str, str | int | None] = {"payment_status": "paid", "amount_total_cents": 422}
    said = (Evidence("stripe", desk.reference, "complete", paid),)
    desk.says(NeedsReview("mismatch", Amount(500, USD), Amount(400, USD), said))
    [line] = desk.open()

    allowed = desk.case(line.exception_id).choices

    assert (allowed["refund"].cents, allowed["credit"].cents) == (Amount(422, USD), Amount(400, USD))


@pytest.mark.parametrize(("paid", "allowed"), [("paid", True), ("no_payment_required", False)])
def test_a_page_that_was_completed_for_nothing_has_nothing_to_credit_or_refund(
    desk: Desk, paid: str, allowed: bool
) -> None:
    said = (Evidence("stripe", "cs_1", "complete", {"payment_status": paid}),)
    desk.says(NeedsReview("mismatch", Amount(500, USD), Amount(400, USD), said))
    [line] = desk.open()

    found = desk.case(line.exception_id).choices

    assert (found["credit"].allowed, found["refund"].allowed) == (allowed, allowed)
    assert found["credit"].cents == Amount(400 if allowed else 0, USD)


def test_the_database_takes_one_decision_of_an_exception_and_keeps_it_for_ever(
    desk: Desk, database_url: str
) -> None:
    exception_id = desk.reviewed("underpaid", 4_990_000)
    desk.credit(exception_id)
    another = desk.reviewed("topped_up", 5_000_000, now=LATER)
    action = (
        "INSERT INTO exception_action (exception_id, action, actor, reason, units, cents, created_at)"
        " VALUES (%(of)s, %(action)s, %(actor)s, %(reason)s, 0, %(cents)s, now())"
    )
    good: dict[str, str | int] = {
        "of": another,
        "action": "write_off",
        "actor": "x",
        "reason": "y",
        "cents": 0,
    }
    bad: list[Row] = [
        {"of": exception_id},
        {"reason": ""},
        {"cents": 5},
        {"action": "credit"},
        {"action": "wait"},
    ]
    changes = [
        "UPDATE exception_action SET cents = 1",
        "DELETE FROM exception_action",
        "UPDATE payment_exception SET closed_at = NULL WHERE closed_at IS NOT NULL",
        "DELETE FROM payment_exception",
    ]

    with psycopg.connect(database_url, autocommit=True) as connection:
        for change in changes:
            with pytest.raises(psycopg.Error, match="never changed"):
                connection.execute(change)
        for wrong in bad:
            with pytest.raises(psycopg.Error):
                connection.execute(action, good | wrong)
        connection.execute(action, good)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(action, good)


def test_a_chain_that_changed_below_what_was_final_is_an_exception_without_a_payment(
    sessions: Sessions, desk: Desk
) -> None:
    for detail in ("block 7", "block 7 and more"):
        with sessions() as session:
            reviews.chain_changed(session, chain_id=8453, detail=detail, now=NOON)
    [line] = desk.open()

    with pytest.raises(errors.NotAllowed, match="about the chain"):
        desk.credit(line.exception_id)
    with sessions() as session:
        ended = reviews.chain_is_read(session, chain_id=8453, now=LATER)

    assert (line.item.kind, line.attempt, line.item.detail) == ("deeper_than_final", None, "block 7 and more")
    assert (ended, desk.open()) == (True, [])


def test_money_without_a_grant_or_an_exception_is_found(desk: Desk) -> None:
    desk.arrive(5_000_000)

    before = desk.unexplained()
    desk.paid()

    assert (before, desk.unexplained()) == ([5_000_000], [])


def test_nobody_decides_about_an_exception_that_does_not_exist(desk: Desk) -> None:
    with pytest.raises(errors.ExceptionNotFound):
        desk.credit(4711)


def test_who_decided_and_why_is_kept_word_for_word(desk: Desk) -> None:
    exception_id = desk.reviewed("underpaid", 4_990_000)
    desk.wait(exception_id, LATER + timedelta(days=1))
    desk.credit(exception_id, by="operator:ann")

    actions = desk.case(exception_id).actions

    assert [(row.action, row.actor, row.reason) for row in actions] == [
        ("wait", "ann", "because"),
        ("credit", "operator:ann", "because"),
    ]
