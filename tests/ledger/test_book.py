"""What the pen writes, what it refuses, and that it tells every event once."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select, text

from ledger import book, chart
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.errors import (
    Malformed,
    NotEnough,
    OutOfRange,
    ReferenceConflict,
    Unbalanced,
    UnknownAccount,
    WrongAsset,
)
from ledger.models import Account, AccountClass, Entry, Transaction
from ledger.money import ASSETS, CREDIT, USD, Amount, Asset

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
AGENT = chart.agent("agt_123")
HELD = chart.agent_held("agt_123")
LARGEST = 2**63 - 1


def posting(
    *legs: tuple[str, int, Asset], reference: str = "purchase:pat_1", kind: str = "purchase"
) -> Posting:
    return Posting(
        reference=reference,
        kind=kind,
        legs=tuple(Leg(account, Amount(units, asset)) for account, units, asset in legs),
        effective_at=NOON,
        actor="test",
    )


def credit(units: int, *, reference: str = "purchase:pat_1", account: str = AGENT) -> Posting:
    return posting((chart.ISSUED, -units, CREDIT), (account, units, CREDIT), reference=reference)


def spend(units: int, *, reference: str) -> Posting:
    return posting((AGENT, -units, CREDIT), (chart.SPENT, units, CREDIT), reference=reference, kind="capture")


def write(sessions: Sessions, wanted: Posting) -> book.Posted:
    with sessions() as session:
        return book.post(session, wanted)


def holds(sessions: Sessions, account: str) -> Amount:
    with sessions() as session:
        return book.balance(session, account=account)


def test_a_purchase_moves_money_and_credits_in_one_transaction(sessions: Sessions) -> None:
    purchase = posting(
        (chart.clearing("stripe_checkout"), -500, USD),
        (chart.PREPAID_LIABILITY, 500, USD),
        (chart.ISSUED, -500, CREDIT),
        (AGENT, 500, CREDIT),
    )

    posted = write(sessions, purchase)

    assert posted.created
    assert holds(sessions, chart.clearing("stripe_checkout")) == Amount(-500, USD)
    assert holds(sessions, chart.PREPAID_LIABILITY) == Amount(500, USD)
    assert holds(sessions, chart.ISSUED) == Amount(-500, CREDIT)
    assert holds(sessions, AGENT) == Amount(500, CREDIT)


def test_everything_that_was_said_about_an_event_can_be_read_back(sessions: Sessions) -> None:
    wanted = Posting(
        reference="purchase:pat_1",
        kind="purchase",
        legs=(Leg(chart.ISSUED, Amount(-5, CREDIT)), Leg(AGENT, Amount(5, CREDIT))),
        effective_at=NOON,
        actor="worker:settle",
        metadata={"payment_attempt_id": "pat_1"},
    )

    posted = write(sessions, wanted)

    with sessions() as session:
        told = session.get_one(Transaction, posted.transaction_id)
        legs = session.exec(select(Entry).order_by(col(Entry.leg))).all()
    assert (told.reference, told.kind, told.actor) == ("purchase:pat_1", "purchase", "worker:settle")
    assert told.effective_at == NOON
    assert told.details == {"payment_attempt_id": "pat_1"}
    assert [(leg.amount, leg.seq, leg.balance_after) for leg in legs] == [(-5, 1, -5), (5, 1, 5)]
    assert {leg.created_at for leg in legs} == {told.created_at}


def test_an_account_that_nobody_used_holds_nothing_in_its_asset(sessions: Sessions) -> None:
    assert holds(sessions, chart.agent("agt_new")) == Amount(0, CREDIT)
    assert holds(sessions, chart.FEES) == Amount(0, USD)


def test_the_same_posting_again_is_found_and_not_written(sessions: Sessions) -> None:
    first = write(sessions, credit(500))

    again = write(sessions, credit(500))

    assert again == book.Posted(transaction_id=first.transaction_id, created=False)
    assert holds(sessions, AGENT) == Amount(500, CREDIT)


def test_a_replay_may_differ_in_when_and_how_it_was_heard(sessions: Sessions) -> None:
    write(sessions, credit(500))
    later = Posting(
        reference="purchase:pat_1",
        kind="purchase",
        legs=credit(500).legs,
        effective_at=NOON + timedelta(hours=1),
        actor="sweeper",
        metadata={"heard": "late"},
    )

    assert not write(sessions, later).created


@pytest.mark.parametrize(
    "other",
    [
        credit(501),
        credit(500, account=chart.agent("agt_other")),
        posting((chart.ISSUED, -500, CREDIT), (AGENT, 500, CREDIT), kind="gift"),
        posting((AGENT, 500, CREDIT), (chart.ISSUED, -500, CREDIT)),
    ],
    ids=["another amount", "another account", "another kind", "another order"],
)
def test_another_posting_under_a_used_reference_is_a_conflict(sessions: Sessions, other: Posting) -> None:
    first = write(sessions, credit(500))

    with pytest.raises(ReferenceConflict) as refusal:
        write(sessions, other)

    assert refusal.value.transaction_id == first.transaction_id
    assert holds(sessions, AGENT) == Amount(500, CREDIT)


def test_a_replay_is_found_even_if_it_could_not_be_written_again(sessions: Sessions) -> None:
    write(sessions, credit(500))
    write(sessions, spend(500, reference="capture:1"))

    assert not write(sessions, spend(500, reference="capture:1")).created


def test_an_agent_cannot_fall_below_zero(sessions: Sessions) -> None:
    write(sessions, credit(500))

    with pytest.raises(NotEnough) as refusal:
        write(sessions, spend(501, reference="capture:1"))

    assert (refusal.value.account, refusal.value.available) == (AGENT, Amount(500, CREDIT))
    assert holds(sessions, AGENT) == Amount(500, CREDIT)


def test_a_refusal_leaves_the_transaction_of_the_caller_usable(sessions: Sessions) -> None:
    with sessions() as session:
        with pytest.raises(NotEnough):
            book.post(session, spend(1, reference="capture:1"))
        book.post(session, credit(500))

    assert holds(sessions, AGENT) == Amount(500, CREDIT)


def test_a_refused_reference_can_be_used_once_there_is_enough(sessions: Sessions) -> None:
    with pytest.raises(NotEnough):
        write(sessions, spend(1, reference="capture:1"))
    write(sessions, credit(500))

    assert write(sessions, spend(1, reference="capture:1")).created


def test_house_accounts_may_go_either_way(sessions: Sessions) -> None:
    write(sessions, posting((chart.REVENUE, -700, USD), (chart.FEES, 700, USD)))

    assert holds(sessions, chart.REVENUE) == Amount(-700, USD)


def test_only_the_net_of_several_legs_on_one_account_counts(sessions: Sessions) -> None:
    back_and_forth = posting((AGENT, -30, CREDIT), (AGENT, 40, CREDIT), (chart.ISSUED, -10, CREDIT))

    write(sessions, back_and_forth)

    with sessions() as session:
        legs = session.exec(select(Entry).order_by(col(Entry.leg))).all()
    assert [(leg.seq, leg.balance_after) for leg in legs] == [(1, -30), (2, 10), (1, -10)]
    assert holds(sessions, AGENT) == Amount(10, CREDIT)


@pytest.mark.parametrize("account", ["nobody:agt_1", "agent:", "agent:with space", "Agent:agt_1", ""])
def test_an_account_outside_the_chart_is_refused_and_opens_nothing(sessions: Sessions, account: str) -> None:
    with sessions() as session, pytest.raises(UnknownAccount):
        book.post(session, credit(5, account=account))

    with sessions() as session:
        assert session.exec(select(Account)).all() == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (posting((chart.ISSUED, -5, CREDIT), (AGENT, 4, CREDIT)), Unbalanced),
        (posting((chart.ISSUED, -5, CREDIT), (chart.REVENUE, 5, USD)), Unbalanced),
        (posting((chart.ISSUED, -5, USD), (AGENT, 5, USD)), WrongAsset),
        (posting((chart.ISSUED, 0, CREDIT), (AGENT, 0, CREDIT)), Malformed),
        (posting((AGENT, 5, CREDIT)), Malformed),
        (posting(), Malformed),
        (posting((chart.ISSUED, -LARGEST - 1, CREDIT), (AGENT, LARGEST, CREDIT)), OutOfRange),
        (posting((chart.ISSUED, -LARGEST - 2, CREDIT), (AGENT, LARGEST + 2, CREDIT)), OutOfRange),
    ],
    ids=["sum", "sum per asset", "asset", "zero", "one leg", "no legs", "smallest", "too large"],
)
def test_a_posting_that_contradicts_itself_is_an_error(
    sessions: Sessions, wrong: Posting, error: type[Malformed]
) -> None:
    with pytest.raises(error) as raised:
        write(sessions, wrong)

    assert type(raised.value) is error
    assert holds(sessions, AGENT) == Amount(0, CREDIT)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_balance_that_would_leave_its_range_is_an_error(sessions: Sessions, sign: int) -> None:
    def fill(reference: str) -> Posting:
        legs = ((chart.SPENT, sign * LARGEST, CREDIT), (chart.ISSUED, -sign * LARGEST, CREDIT))
        return posting(*legs, reference=reference)

    # In one transaction, so that both meet the same shard.
    with sessions() as session:
        book.post(session, fill("first"))
        book.post(
            session, posting((chart.SPENT, -sign, CREDIT), (chart.ISSUED, sign, CREDIT), reference="room")
        )
        with pytest.raises(OutOfRange):
            book.post(session, fill("second"))


@pytest.mark.parametrize(
    ("accounts", "assets", "amounts"),
    [
        (["issued", "agent:a"], ["CREDIT"], [-1, 1]),
        (["issued", "agent:a"], ["CREDIT", "CREDIT"], [-1, 1, 0]),
        (["issued", None], ["CREDIT", "CREDIT"], [-1, 1]),
        (["issued", "agent:a"], ["CREDIT", "CREDIT"], [-1, None]),
        (None, None, None),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_by_the_database(
    sessions: Sessions, accounts: Any, assets: Any, amounts: Any
) -> None:
    statement = text(
        "SELECT * FROM post_transaction("
        "'r', '', 'k', now(), 'a', '{}', :accounts, :assets, CAST(:amounts AS bigint[]))"
    )

    with sessions() as session, pytest.raises(Exception, match="two legs or more") as raised:
        session.connection().execute(statement, {"accounts": accounts, "assets": assets, "amounts": amounts})

    assert getattr(getattr(raised.value, "orig", None), "sqlstate", None) == "PR003"


def test_booking_times_increase_along_an_account_even_if_the_clock_does_not(sessions: Sessions) -> None:
    write(sessions, credit(500))
    with sessions() as session:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        session.connection().execute(text("UPDATE balance SET last_at = :ahead"), {"ahead": ahead})

    write(sessions, spend(1, reference="capture:1"))
    write(sessions, spend(1, reference="capture:2"))

    with sessions() as session:
        times = session.exec(select(Transaction.created_at).order_by(col(Transaction.id))).all()
    assert times[1:] == [ahead + timedelta(microseconds=1), ahead + timedelta(microseconds=2)]


def test_postings_on_two_shards_of_a_house_account_do_not_wait_for_each_other(sessions: Sessions) -> None:
    write(sessions, credit(500))

    with ExitStack() as open_sessions:
        left, right = sessions_on_two_shards(open_sessions, sessions)
        book.post(left, credit(1, reference="left", account=chart.agent("left")))
        book.post(right, credit(2, reference="right", account=chart.agent("right")))

    assert holds(sessions, chart.ISSUED) == Amount(-503, CREDIT)


def sessions_on_two_shards(stack: ExitStack, sessions: Sessions) -> tuple[Session, Session]:
    found: dict[int, Session] = {}
    while len(found) < 2:
        session = stack.enter_context(sessions())
        process_id = session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
        found.setdefault(process_id % chart.HOUSE_SHARDS, session)
    left, right = found.values()
    return left, right


def test_the_chart_in_python_is_the_chart_in_the_database(sessions: Sessions) -> None:
    with sessions() as session:
        rows = session.exec(select(AccountClass)).all()

    assert {
        row.name: chart.AccountClass(row.name, ASSETS[row.asset], row.floor, row.shards) for row in rows
    } == chart.CLASSES


def test_a_name_outside_the_chart_has_no_asset() -> None:
    with pytest.raises(UnknownAccount):
        chart.asset("nobody:1")
    with pytest.raises(UnknownAccount):
        chart.agent("with space")
