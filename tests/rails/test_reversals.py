"""Money that went back: the book and the agent's own history hear of it together, once."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import book, chart, credits
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Debit
from rails import errors, purchase, reversal_watch, reversals
from rails.conformance.fakes import crypto_deposit
from rails.rail import Handle, ReversalState, Reversed
from tests.ledger import invariants
from tests.rails.reversing import AGENT, NOON, Bought, opened, state


@pytest.fixture
def attempt_id(sessions: Sessions) -> str:
    """An attempt that was paid with five dollars."""
    one = opened(sessions, crypto_deposit())
    assert one.settle()
    return one.attempt_id


def take_back(sessions: Sessions, attempt_id: str, *, cents: int, cause: reversals.Cause = "refund") -> None:
    with sessions() as session:
        reversals.take_back(
            session,
            payment_attempt_id=attempt_id,
            cause=cause,
            reference="re_1",
            cents=Amount(cents, USD),
            now=NOON,
        )


@pytest.mark.parametrize(("cause", "word"), [("refund", "refunded"), ("dispute", "disputed")])
def test_a_reversal_takes_the_credits_and_is_told_once(
    sessions: Sessions, attempt_id: str, cause: reversals.Cause, word: str
) -> None:
    take_back(sessions, attempt_id, cents=200, cause=cause)
    take_back(sessions, attempt_id, cents=200, cause=cause)

    assert state(sessions) == (300, [word])


def test_what_is_used_already_is_told_as_pending(sessions: Sessions, attempt_id: str) -> None:
    spent = Debit(key="d", agent_id=AGENT, actor="test", credits=Amount(450, CREDIT), job="job-1")
    assert credits.perform(sessions, [spent], now=NOON)[0].done

    take_back(sessions, attempt_id, cents=500)

    assert state(sessions) == (0, ["refunded", "reversal_pending"])


def test_more_than_was_paid_is_rejected_and_takes_nothing(sessions: Sessions, attempt_id: str) -> None:
    take_back(sessions, attempt_id, cents=501)

    assert state(sessions) == (500, ["reversal_rejected"])


def test_a_dispute_that_was_won_gives_the_credits_back_once(sessions: Sessions, attempt_id: str) -> None:
    take_back(sessions, attempt_id, cents=500, cause="dispute")

    for _ in range(2):
        with sessions() as session:
            reversals.reinstate(
                session, payment_attempt_id=attempt_id, cause="dispute", reference="re_1", now=NOON
            )

    assert state(sessions) == (500, ["disputed", "reinstated"])


def test_what_was_never_granted_cannot_be_taken_back(sessions: Sessions) -> None:
    with pytest.raises(errors.PurchaseNotFound):
        take_back(sessions, "payatt_none", cents=1)


# Looking: what the rail says now is brought to the book, whatever knocked


@pytest.fixture
def open_purchase(sessions: Sessions) -> Bought:
    return opened(sessions, crypto_deposit())


@pytest.fixture
def bought(open_purchase: Bought) -> Bought:
    assert open_purchase.settle()
    return open_purchase


def test_a_refund_made_elsewhere_takes_its_credits_once_however_often_one_looks(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "pyr_1", 200)

    booked = [len(bought.look().transactions) for _ in range(3)]

    assert booked == [1, 0, 0]
    assert state(bought.sessions) == (300, ["refunded"])
    assert bought.clearing() == 300


def test_several_partial_refunds_are_movements_of_their_own(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 100)
    bought.look()
    bought.rail.give_back(bought.reference, "re_2", 150)
    bought.rail.give_back(bought.reference, "re_3", 250)

    bought.look()

    assert bought.rows() == {"re_1": ("gone", 100), "re_2": ("gone", 150), "re_3": ("gone", 250)}
    assert state(bought.sessions) == (0, ["refunded"] * 3)


def test_a_refund_that_fails_after_it_succeeded_gives_the_credits_back(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 500)
    bought.look()
    bought.rail.turn(bought.reference, "re_1", "back")

    for _ in range(2):
        bought.look()

    assert state(bought.sessions) == (500, ["refunded", "reinstated"])
    assert bought.history("re_1") == [("gone", 500), ("back", 0)]
    assert bought.clearing() == 500


def test_a_refund_that_was_already_back_when_first_heard_of_books_nothing(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 500, "back")

    assert bought.look().transactions == ()

    assert state(bought.sessions) == (500, [])
    assert bought.rows() == {"re_1": ("back", 0)}


@pytest.mark.parametrize("ending", ["void", "gone"])
def test_a_pending_refund_books_nothing_and_tells_nothing_until_its_money_leaves(
    bought: Bought, ending: Literal["void", "gone"]
) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200, "pending")
    bought.look()

    assert (state(bought.sessions), bought.rows()) == ((500, []), {"re_1": ("pending", 0)})

    bought.rail.turn(bought.reference, "re_1", ending)
    bought.look()

    assert state(bought.sessions) == ((300, ["refunded"]) if ending == "gone" else (500, []))


def test_a_dispute_goes_through_its_whole_life(bought: Bought) -> None:
    for each in ("pending", "gone", "back", "gone", "back"):
        bought.rail.dispute(bought.reference, "dp_1", 500, each)
        bought.look()
        bought.look()

    assert state(bought.sessions) == (500, ["disputed", "disputed", "reinstated", "reinstated"])
    assert [change[0] for change in bought.history("dp_1")] == ["pending", "gone", "back", "gone", "back"]


def test_a_dispute_that_arrives_lost_takes_the_credits_at_once(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 500, "gone")

    bought.look()

    assert state(bought.sessions) == (0, ["disputed"])


def test_a_dispute_that_is_closed_before_anybody_heard_of_it_books_nothing(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 500, "back")

    bought.look()

    assert state(bought.sessions) == (500, [])


def test_what_a_dispute_withdraws_may_change_and_is_booked_anew(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 300)
    bought.look()
    bought.rail.dispute(bought.reference, "dp_1", 200)

    bought.look()

    assert state(bought.sessions) == (300, ["disputed", "disputed", "reinstated"])
    assert bought.rows() == {"dp_1": ("gone", 200)}


def test_a_dispute_of_what_a_refund_has_left_takes_the_rest(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200)
    bought.rail.dispute(bought.reference, "dp_1", 300)

    bought.look()

    assert state(bought.sessions) == (0, ["disputed", "refunded"])


def test_more_than_was_paid_is_rejected_once_and_shown_to_a_person(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200)
    bought.look()
    bought.rail.dispute(bought.reference, "dp_1", 500)

    for _ in range(3):
        bought.look()
        purchase.settle(bought.sessions, bought.rails, payment_attempt_id=bought.attempt_id, now=NOON)

    assert state(bought.sessions) == (300, ["refunded", "reversal_rejected"])
    assert bought.open_items() == [("reversal_rejected", 300, 500)]


def test_of_two_that_do_not_fit_together_the_older_is_taken(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_older", 300)
    bought.rail.give_back(bought.reference, "re_newer", 300)

    bought.look()

    assert bought.rows() == {"re_older": ("gone", 300), "re_newer": ("gone", 0)}


def test_what_was_rejected_is_taken_when_a_failed_refund_makes_room(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200)
    bought.rail.dispute(bought.reference, "dp_1", 500)
    bought.look()
    bought.rail.turn(bought.reference, "re_1", "back")

    bought.look()

    assert bought.rows() == {"re_1": ("back", 0), "dp_1": ("gone", 500)}
    assert bought.open_items() == []
    assert state(bought.sessions)[0] == 0


def test_a_warning_of_fraud_is_recorded_and_moves_nothing(bought: Bought) -> None:
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.look()
    bought.rail.warn_of_fraud(bought.reference, "issfr_1", actionable=False)

    bought.look()

    assert bought.history("issfr_1") == [("pending", 0), ("void", 0)]
    assert (state(bought.sessions), bought.frozen()) == ((500, []), [])


def test_what_left_a_payment_that_was_never_granted_is_recorded_alone(open_purchase: Bought) -> None:
    open_purchase.rail.give_back(open_purchase.reference, "re_1", 500)

    assert open_purchase.look().transactions == ()

    assert open_purchase.rows() == {"re_1": ("gone", 0)}
    assert open_purchase.clearing() == 0


def test_a_payment_that_is_granted_after_its_refund_was_heard_of_is_looked_at_at_once(
    open_purchase: Bought,
) -> None:
    open_purchase.rail.give_back(open_purchase.reference, "re_1", 500)
    open_purchase.look()

    assert open_purchase.settle()

    with open_purchase.sessions() as session:
        assert reversal_watch.due(session, now=NOON) == [open_purchase.attempt_id]
    open_purchase.look()
    assert state(open_purchase.sessions) == (0, ["refunded"])


def test_tax_that_went_back_takes_no_credits_and_no_rounding_adds_up(bought: Bought) -> None:
    for number in range(3):
        part = Reversed("refund", f"re_{number}", "gone", Amount(181, USD), charged=Amount(543, USD))
        bought.rail.reverse(bought.reference, part)
        bought.look()

    assert sum(booked for _, booked in bought.rows().values()) == 500
    assert state(bought.sessions)[0] == 0


def test_refunds_too_small_for_a_credit_each_take_their_credits_together(bought: Bought) -> None:
    for number in range(9):
        part = Reversed("refund", f"re_{number}", "gone", Amount(1, USD), charged=Amount(543, USD))
        bought.rail.reverse(bought.reference, part)
        bought.look()
    bought.look()

    # source: 9 cents of 543 that hold 500 for credits.
    assert sum(booked for _, booked in bought.rows().values()) == 8


def test_used_credits_become_a_claim_and_are_told_as_pending(bought: Bought) -> None:
    assert bought.spend("job", 450) == "done"
    bought.rail.give_back(bought.reference, "re_1", 500)

    bought.look()

    assert state(bought.sessions) == (0, ["refunded", "reversal_pending"])
    with bought.sessions() as session:
        assert book.balance(session, account=chart.RECEIVABLE) == Amount(-450, USD)


# Nobody answers, nobody knocks, two look at once


def test_a_processor_that_does_not_answer_changes_nothing_and_is_asked_again_soon(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 500)
    bought.rail.unreachable = True

    assert not bought.look().asked

    assert (state(bought.sessions), bought.rows()) == ((500, []), {})
    assert bought.look_at() == NOON + timedelta(minutes=1)


def test_a_granted_payment_is_looked_at_ever_more_rarely_for_four_months(bought: Bought) -> None:
    moments = []
    while (moment := bought.look_at()) is not None:
        moments.append(moment - NOON)
        bought.look(now=moment)

    assert moments == list(reversal_watch.STEPS)


def test_as_long_as_a_dispute_is_open_its_payment_is_looked_at_daily(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 500, "pending")
    late = NOON + timedelta(days=200)

    bought.look(now=late)

    assert bought.look_at() == late + timedelta(days=1)


def test_an_answer_older_than_one_that_was_written_down_is_not_believed(
    bought: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, bought_id = bought.rail.reversals, bought.attempt_id
    bought.rail.give_back(bought.reference, "re_1", 500)

    def overtaken(handle: Handle) -> tuple[Reversed, ...]:
        said = honest(handle)
        monkeypatch.setattr(bought.rail, "reversals", honest)
        bought.rail.turn(bought.reference, "re_1", "back")
        reversals.look(bought.sessions, bought.rails, payment_attempt_id=bought_id, now=NOON)
        return said

    monkeypatch.setattr(bought.rail, "reversals", overtaken)

    bought.look()

    assert bought.rows() == {"re_1": ("back", 0)}
    assert state(bought.sessions) == (500, [])


def test_many_who_look_at_once_book_everything_once(bought: Bought) -> None:
    bought.rail.give_back(bought.reference, "re_1", 200)
    bought.rail.dispute(bought.reference, "dp_1", 300)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bought.look(), range(24)))
    bought.look()

    assert state(bought.sessions) == (0, ["disputed", "refunded"])
    assert bought.clearing() == 0


@pytest.fixture
def fresh_purchase(sessions: Sessions) -> Callable[[], Bought]:
    """Makes granted purchases, each of an agent and on a rail of its own."""
    numbers = itertools.count()

    def make() -> Bought:
        number, rail = next(numbers), crypto_deposit()
        rail.rail_id = f"fake_{number}"
        one = opened(sessions, rail, agent_id=f"agt_of_{number}")
        assert one.settle()
        return one

    return make


@pytest.mark.timeout(600)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["re_1", "re_2", "dp_1"]),
                st.sampled_from(["pending", "gone", "back", "void"]),
                st.integers(1, 250),
            ),
            st.just("look"),
        ),
        max_size=14,
    )
)
def test_whatever_is_told_in_whatever_order_the_book_ends_where_the_rail_is(
    fresh_purchase: Callable[[], Bought], steps: list[tuple[str, ReversalState, int] | str]
) -> None:
    one = fresh_purchase()
    said: dict[str, tuple[ReversalState, int]] = {}

    for step in steps:
        if isinstance(step, str):
            one.look()
            continue
        name, became, cents = f"{step[0]}_of_{one.attempt_id}", step[1], step[2]
        said[name] = (became, cents)
        tell = one.rail.dispute if name.startswith("dp") else one.rail.give_back
        tell(one.reference, name, cents, became)
    one.look()

    gone = {name: cents for name, (became, cents) in said.items() if became == "gone"}
    if sum(gone.values()) <= 500:
        assert one.clearing() == 500 - sum(gone.values())
        assert {name: booked for name, (_, booked) in one.rows().items() if booked} == gone
        assert one.open_items() == []
    else:
        assert one.clearing() >= 0
        assert [kind for kind, _, _ in one.open_items()] == ["reversal_rejected"]
    assert one.look().transactions == ()
    invariants.check_book(one.sessions)
