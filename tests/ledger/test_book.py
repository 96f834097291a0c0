"""What the pen writes, what it refuses, and that it tells every event once."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select, text

from ledger import book, chart, credits
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.errors import (
    Guarded,
    Malformed,
    OutOfRange,
    ReferenceConflict,
    Unbalanced,
    UnknownAccount,
    WrongAsset,
)
from ledger.models import Account, AccountClass, Entry, Transaction
from ledger.money import ASSETS, CREDIT, USD, Amount, Asset
from ledger.operations import Grant

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
AGENT = chart.agent("agt_123")
CLEARING = chart.clearing("stripe_checkout")
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


def received(units: int, *, reference: str = "payment:1", account: str = CLEARING) -> Posting:
    return posting((account, -units, USD), (chart.REVENUE, units, USD), reference=reference)


def write(sessions: Sessions, wanted: Posting) -> book.Posted:
    with sessions() as session:
        return book.post(session, wanted)


def holds(sessions: Sessions, account: str) -> Amount:
    with sessions() as session:
        return book.balance(session, account=account)


def test_a_posting_moves_several_assets_in_one_transaction(sessions: Sessions) -> None:
    both = posting(
        (CLEARING, -500, USD),
        (chart.PREPAID_LIABILITY, 500, USD),
        (chart.ISSUED, -700, CREDIT),
        (chart.EXPIRED, 700, CREDIT),
    )

    posted = write(sessions, both)

    assert posted.created
    assert holds(sessions, CLEARING) == Amount(-500, USD)
    assert holds(sessions, chart.PREPAID_LIABILITY) == Amount(500, USD)
    assert holds(sessions, chart.ISSUED) == Amount(-700, CREDIT)
    assert holds(sessions, chart.EXPIRED) == Amount(700, CREDIT)


def test_everything_that_was_said_about_an_event_can_be_read_back(sessions: Sessions) -> None:
    wanted = Posting(
        reference="purchase:pat_1",
        kind="purchase",
        legs=(Leg(chart.ISSUED, Amount(-5, CREDIT)), Leg(chart.SPENT, Amount(5, CREDIT))),
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
    assert {(leg.asset, leg.held, leg.held_after) for leg in legs} == {("CREDIT", 0, 0)}
    assert (told.outcome, told.account_id, told.credits, told.reverses, told.answer) == (
        *("done", None, None, None, None),
    )
    assert len(told.hash) == 32


def test_an_account_that_nobody_used_holds_nothing_in_its_asset(sessions: Sessions) -> None:
    assert holds(sessions, chart.agent("agt_new")) == Amount(0, CREDIT)
    assert holds(sessions, chart.FEES) == Amount(0, USD)


def test_the_same_posting_again_is_found_and_not_written(sessions: Sessions) -> None:
    first = write(sessions, received(500))

    again = write(sessions, received(500))

    assert again == book.Posted(transaction_id=first.transaction_id, created=False)
    assert holds(sessions, CLEARING) == Amount(-500, USD)


def test_a_replay_may_differ_in_when_and_how_it_was_heard(sessions: Sessions) -> None:
    write(sessions, received(500))
    later = Posting(
        reference="payment:1",
        kind="purchase",
        legs=received(500).legs,
        effective_at=NOON + timedelta(hours=1),
        actor="sweeper",
        metadata={"heard": "late"},
    )

    assert not write(sessions, later).created


@pytest.mark.parametrize(
    "other",
    [
        received(501),
        received(500, account=chart.clearing("other_rail")),
        replace(received(500), kind="gift"),
        replace(received(500), legs=received(500).legs[::-1]),
    ],
    ids=["another amount", "another account", "another kind", "another order"],
)
def test_another_posting_under_a_used_reference_is_a_conflict(sessions: Sessions, other: Posting) -> None:
    first = write(sessions, received(500))

    with pytest.raises(ReferenceConflict) as refusal:
        write(sessions, other)

    assert refusal.value.transaction_id == first.transaction_id
    assert holds(sessions, CLEARING) == Amount(-500, USD)


def test_a_refusal_leaves_the_transaction_of_the_caller_usable(sessions: Sessions) -> None:
    with sessions() as session:
        with pytest.raises(UnknownAccount):
            book.post(session, received(1, account="nobody:1"))
        book.post(session, received(500))

    assert holds(sessions, CLEARING) == Amount(-500, USD)


@pytest.mark.parametrize("opened", [True, False])
def test_the_account_of_an_agent_is_guarded(sessions: Sessions, opened: bool) -> None:
    if opened:
        grant = Grant(key="g", agent_id="agt_123", actor="test", credits=Amount(5, CREDIT), promotional=True)
        credits.perform(sessions, [grant], now=NOON)

    with pytest.raises(Guarded):
        write(sessions, posting((AGENT, -5, CREDIT), (chart.SPENT, 5, CREDIT)))

    assert holds(sessions, AGENT) == Amount(5 if opened else 0, CREDIT)
    assert holds(sessions, chart.SPENT) == Amount(0, CREDIT)


def test_house_accounts_may_go_either_way(sessions: Sessions) -> None:
    write(sessions, posting((chart.REVENUE, -700, USD), (chart.FEES, 700, USD)))

    assert holds(sessions, chart.REVENUE) == Amount(-700, USD)


@pytest.mark.parametrize("account", ["nobody:agt_1", "clearing:", "clearing:with space", "Clearing:rail", ""])
def test_an_account_outside_the_chart_is_refused_and_opens_nothing(sessions: Sessions, account: str) -> None:
    with sessions() as session, pytest.raises(UnknownAccount):
        book.post(session, received(5, account=account))

    with sessions() as session:
        assert session.exec(select(Account)).all() == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (posting((chart.ISSUED, -5, CREDIT), (chart.SPENT, 4, CREDIT)), Unbalanced),
        (posting((chart.ISSUED, -5, CREDIT), (chart.REVENUE, 5, USD)), Unbalanced),
        (posting((chart.ISSUED, -5, USD), (chart.SPENT, 5, USD)), WrongAsset),
        (posting((chart.ISSUED, 0, CREDIT), (chart.SPENT, 0, CREDIT)), Malformed),
        (
            posting((chart.ISSUED, -5, CREDIT), (chart.SPENT, 0, CREDIT), (chart.EXPIRED, 5, CREDIT)),
            Malformed,
        ),
        (posting((chart.ISSUED, -5, CREDIT), (chart.SPENT, 2, CREDIT), (chart.SPENT, 3, CREDIT)), Malformed),
        (posting((chart.SPENT, 5, CREDIT)), Malformed),
        (posting(), Malformed),
        (posting((chart.ISSUED, -LARGEST - 1, CREDIT), (chart.SPENT, LARGEST, CREDIT)), Unbalanced),
        (posting((chart.ISSUED, -LARGEST - 2, CREDIT), (chart.SPENT, LARGEST + 2, CREDIT)), OutOfRange),
    ],
    ids=[
        *("sum", "sum per asset", "asset", "all zero", "one zero", "two legs on one account"),
        *("one leg", "no legs", "smallest", "too large"),
    ],
)
def test_a_posting_that_contradicts_itself_is_an_error(
    sessions: Sessions, wrong: Posting, error: type[Malformed]
) -> None:
    with pytest.raises(error) as raised:
        write(sessions, wrong)

    assert type(raised.value) is error
    assert holds(sessions, chart.SPENT) == Amount(0, CREDIT)


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
        (["issued", "spent"], ["CREDIT"], [-1, 1]),
        (["issued", "spent"], ["CREDIT", "CREDIT"], [-1, 1, 0]),
        (["issued", None], ["CREDIT", "CREDIT"], [-1, 1]),
        (["issued", "spent"], ["CREDIT", "CREDIT"], [-1, None]),
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
    with sessions() as session:
        # In one transaction, so that all meet the same shard.
        book.post(session, received(500))
        ahead = datetime.now(UTC) + timedelta(hours=1)
        session.connection().execute(text("UPDATE balance SET last_at = :ahead"), {"ahead": ahead})

        book.post(session, received(1, reference="payment:2"))
        book.post(session, received(1, reference="payment:3"))

    with sessions() as session:
        times = session.exec(select(Transaction.created_at).order_by(col(Transaction.id))).all()
    assert times[1:] == [ahead + timedelta(microseconds=1), ahead + timedelta(microseconds=2)]


def test_postings_on_two_shards_of_a_house_account_do_not_wait_for_each_other(sessions: Sessions) -> None:
    write(sessions, received(500))

    with ExitStack() as open_sessions:
        left, right = sessions_on_two_shards(open_sessions, sessions)
        book.post(left, received(1, reference="left"))
        book.post(right, received(2, reference="right"))

    assert holds(sessions, CLEARING) == Amount(-503, USD)


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
