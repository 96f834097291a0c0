"""Refunds that an operator asks for: asked once, booked when the processor says that the money left."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import ProgrammingError
from sqlmodel import col, select, update

from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import errors, refund_requests, refunds
from rails.conformance.fakes import crypto_deposit
from rails.models import PaymentAttempt, RefundRequest
from tests.rails.reversing import NOON, Bought, opened, state


@pytest.fixture
def open_purchase(sessions: Sessions) -> Bought:
    return opened(sessions, crypto_deposit())


@pytest.fixture
def bought(open_purchase: Bought) -> Bought:
    assert open_purchase.settle()
    return open_purchase


def ask(bought: Bought, cents: int | None = None, key: str = "key-1") -> refunds.Refund:
    """Ask for a refund, and see how far it is, whether or not that raised."""
    try:
        return request(bought, cents, key)
    except errors.RailError:
        with bought.sessions() as session:
            return next(each for each in refunds.listed(session) if each.request.idempotency_key == key)


def request(bought: Bought, cents: int | None = None, key: str = "key-1") -> refunds.Refund:
    return refunds.request(
        bought.sessions,
        bought.rails,
        payment_attempt_id=bought.attempt_id,
        amount=Amount(cents, USD) if cents is not None else None,
        reason="the agent asked",
        requested_by="ops",
        key=key,
        now=NOON,
    )


def place(bought: Bought, cents: int, key: str) -> refunds.Refund:
    """Only the row, as if whoever asked had died before asking the processor."""
    with bought.sessions() as session:
        return refunds.place(
            session,
            payment_attempt_id=bought.attempt_id,
            amount=Amount(cents, USD),
            reason="the agent asked",
            requested_by="ops",
            key=key,
            now=NOON,
        )


def sweep(bought: Bought, *, minutes: int) -> list[str]:
    """What the sweeper does so long after noon."""
    now = NOON + timedelta(minutes=minutes)
    with bought.sessions() as session:
        due = refund_requests.due(session, now=now)
    return [refunds.ask(bought.sessions, bought.rails, refund_id=each, now=now).state for each in due]


def test_a_refund_takes_the_credits_when_the_processor_says_that_the_money_left(bought: Bought) -> None:
    done = ask(bought, 200)

    assert (done.state, done.request.cents, done.replayed) == ("done", 200, False)
    assert state(bought.sessions) == (300, ["refunded"])


def test_without_an_amount_all_that_is_left_goes_back(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_elsewhere", 150)

    done = ask(bought)

    assert (done.request.cents, state(bought.sessions)) == (350, (0, ["refunded", "refunded"]))


def test_the_same_key_asks_once_and_another_amount_under_it_is_refused(bought: Bought) -> None:
    first, again = ask(bought, 200), ask(bought, 200)

    assert (again.request.refund_id, again.replayed) == (first.request.refund_id, True)
    assert state(bought.sessions) == (300, ["refunded"])
    with pytest.raises(errors.RefundConflict):
        ask(bought, 100)


def test_a_key_belongs_to_one_payment(bought: Bought, sessions: Sessions) -> None:
    other = opened(sessions, crypto_deposit(), agent_id="agt_2")
    assert other.settle()
    ask(bought, 200)

    with pytest.raises(errors.RefundConflict):
        ask(other, 200)


def test_no_more_goes_back_than_is_left_of_the_payment(bought: Bought) -> None:
    ask(bought, 200)
    bought.rail.give_back(bought.reference, "re_elsewhere", 100, "pending")

    with pytest.raises(errors.RefundTooLarge, match=r"only 2\.00 dollars"):
        ask(bought, 201, "key-2")

    assert ask(bought, 200, "key-3").state == "done"


def test_what_is_asked_and_not_answered_counts_as_gone(bought: Bought) -> None:
    place(bought, 400, "key-1")

    with pytest.raises(errors.RefundTooLarge):
        place(bought, 101, "key-2")


def test_many_who_ask_at_once_give_back_no_more_than_was_paid(bought: Bought) -> None:
    def one(number: int) -> str:
        try:
            return ask(bought, 200, f"key-{number % 4}").state
        except errors.RefundTooLarge:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))

    assert state(bought.sessions) == (100, ["refunded", "refunded"])


def test_nothing_goes_back_of_what_was_never_paid(open_purchase: Bought) -> None:
    with pytest.raises(errors.NothingPaid):
        ask(open_purchase, 1)


def test_a_refusal_fails_the_refund_and_books_nothing(bought: Bought) -> None:
    bought.rail.refunds_refused = "balance_insufficient"

    refused = ask(bought, 200)

    assert (refused.state, refused.request.failure) == ("failed", "balance_insufficient")
    assert state(bought.sessions) == (500, [])


def test_a_refund_that_failed_is_told_and_its_payment_is_looked_at_again(
    bought: Bought, caplog: pytest.LogCaptureFixture
) -> None:
    bought.rail.refunds_refused = "balance_insufficient"

    refused = ask(bought, 200)

    [told] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert refused.request.refund_id in told.getMessage()
    assert "balance_insufficient" not in told.getMessage()
    with bought.sessions() as session:
        attempt = session.get_one(PaymentAttempt, bought.attempt_id)
        assert attempt.look_at == refused.request.answered_at


def test_who_asks_hears_whether_it_failed_or_nobody_knows(bought: Bought) -> None:
    bought.rail.unreachable = True
    with pytest.raises(errors.RailUnreachable):
        request(bought, 200)
    bought.rail.unreachable = False
    bought.rail.refunds_refused = "balance_insufficient"

    for _ in range(2):
        with pytest.raises(errors.RailRefused, match="balance_insufficient"):
            request(bought, 200)


def test_a_refund_that_fails_at_once_books_nothing(bought: Bought) -> None:
    bought.rail.refunds_begin = "void"

    assert ask(bought, 200).state == "failed"
    assert state(bought.sessions) == (500, [])


def test_a_refund_that_is_pending_is_done_or_failed_when_the_processor_says_so(bought: Bought) -> None:
    bought.rail.refunds_begin = "pending"
    first, second = ask(bought, 100, "key-1"), ask(bought, 200, "key-2")
    assert (first.state, second.state) == ("pending", "pending")

    bought.rail.turn(bought.reference, str(first.request.reference), "gone")
    bought.rail.turn(bought.reference, str(second.request.reference), "void")
    bought.look()

    with bought.sessions() as session:
        states = {each.request.cents: each.state for each in refunds.listed(session)}
    assert states == {100: "done", 200: "failed"}
    assert state(bought.sessions) == (400, ["refunded"])


def test_a_refund_that_comes_back_weeks_later_has_failed_and_its_credits_are_back(bought: Bought) -> None:
    done = ask(bought, 500)
    bought.rail.turn(bought.reference, str(done.request.reference), "back")

    bought.look()

    with bought.sessions() as session:
        assert [each.state for each in refunds.listed(session)] == ["failed"]
    assert state(bought.sessions) == (500, ["refunded", "reinstated"])


def test_an_answer_that_was_lost_is_asked_for_again_and_pays_once(bought: Bought) -> None:
    bought.rail.unreachable = True
    asked = ask(bought, 200)
    bought.rail.unreachable = False

    assert (asked.state, sweep(bought, minutes=5)) == ("asked", ["done"])
    assert sweep(bought, minutes=60) == []
    assert state(bought.sessions) == (300, ["refunded"])


def test_a_refund_that_was_made_unheard_is_known_by_its_own_id(bought: Bought) -> None:
    bought.rail.losing_answers = True

    asked = ask(bought, 200)

    assert (asked.state, asked.request.reference is not None) == ("done", True)
    assert sweep(bought, minutes=60) == []
    assert state(bought.sessions) == (300, ["refunded"])


def test_killed_between_the_row_and_the_processor_the_sweeper_asks(bought: Bought) -> None:
    place(bought, 200, "key-1")

    assert sweep(bought, minutes=1) == ["done"]
    assert state(bought.sessions) == (300, ["refunded"])


def test_what_was_asked_is_never_changed_and_answered_once(bought: Bought) -> None:
    refund_id = ask(bought, 200).request.refund_id

    changes: list[dict[str, object]] = [
        {"cents": 1},
        {"state": "asked", "reference": None, "try_at": NOON, "answered_at": None},
    ]
    for change in changes:
        with pytest.raises(ProgrammingError, match="never changed"), bought.sessions() as session:
            session.execute(
                update(RefundRequest).where(col(RefundRequest.refund_id) == refund_id).values(**change)
            )

    with bought.sessions() as session:
        assert [row.cents for row in session.exec(select(RefundRequest))] == [200]
