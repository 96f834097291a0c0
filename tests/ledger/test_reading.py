"""Reading the past: balances, statements, explanations and reports all tell the same story."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlmodel import Session, text

from ledger import balances, book, chart, explain, history, reports, statements
from ledger.database import Sessions
from ledger.errors import Malformed, UnknownAccount
from ledger.money import CREDIT, USD, Amount
from ledger.statements import Position
from tests.ledger import story
from tests.ledger.story import AGENT, CHECKOUT, NOON, do, everything, paid

ACCOUNT = chart.agent(AGENT)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUSE = [
    chart.ISSUED,
    chart.SPENT,
    chart.EXPIRED,
    chart.PREPAID_LIABILITY,
    chart.REVENUE,
    chart.BREAKAGE,
    chart.FEES,
    chart.RECEIVABLE,
    CHECKOUT,
]


def entries(session: Session, account: str) -> list[tuple[datetime, int, int]]:
    """Time, amount and change of what is held, of every entry of an account in order of booking."""
    found = session.connection().execute(
        text(
            "SELECT entry.created_at, entry.amount, entry.held"
            " FROM entry JOIN account ON account.id = account_id"
            " WHERE name = :account ORDER BY entry.created_at, shard"
        ),
        {"account": account},
    )
    return [(row[0], row[1], row[2]) for row in found]


@pytest.mark.parametrize("account", [ACCOUNT, *HOUSE])
def test_a_balance_at_any_moment_is_the_sum_of_the_entries_until_then(
    sessions: Sessions, account: str
) -> None:
    everything(sessions)

    with sessions() as session:
        told = entries(session, account)
        for moment in [
            LONG_AGO,
            *(at + step for at, _, _ in told for step in (-MICROSECOND, MICROSECOND * 0)),
        ]:
            until = [each for each in told if each[0] <= moment]
            found = history.balance_at(session, account=account, at=moment)
            assert (found.posted.units, found.held.units, found.version) == (
                sum(amount for _, amount, _ in until),
                sum(held for _, _, held in until),
                len(until),
            )


def test_the_balance_of_now_is_what_the_balance_row_says(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        now = balances.snapshot(session, agent_id=AGENT, now=NOON)
        found = history.balance_at(session, account=ACCOUNT, at=FAR_AHEAD)
        issued = history.balance_at(session, account=chart.ISSUED, at=FAR_AHEAD).posted
        issued_now = book.balance(session, account=chart.ISSUED)

    assert (found.posted, found.held, found.version) == (now.posted, now.held, now.version)
    assert found.available == now.available
    assert issued == issued_now


def test_of_accounts_nobody_knows_no_past_is_told(sessions: Sessions) -> None:
    with sessions() as session:
        unused = history.balance_at(session, account=chart.REVENUE, at=NOON)
        with pytest.raises(UnknownAccount):
            history.balance_at(session, account=ACCOUNT, at=NOON)
        with pytest.raises(UnknownAccount):
            history.balance_at(session, account="stranger", at=NOON)
        with pytest.raises(Malformed):
            history.balance_at(session, account=chart.REVENUE, at=datetime(2026, 7, 1))  # noqa: DTZ001

    assert unused.posted == Amount(0, USD)


@pytest.mark.parametrize("account", [ACCOUNT, *HOUSE])
@pytest.mark.parametrize("most", [1, 2, 1000])
def test_opening_and_lines_make_the_closing_on_every_page(
    sessions: Sessions, account: str, most: int
) -> None:
    everything(sessions)

    with sessions() as session:
        told = entries(session, account)
        begins_at, ends_at = told[len(told) // 3][0], told[-1][0]
        wanted = [each for each in told if begins_at <= each[0] < ends_at]
        pages = list(
            statements.pages(session, account=account, begins_at=begins_at, ends_at=ends_at, most=most)
        )
        before = history.balance_at(session, account=account, at=begins_at - MICROSECOND)
        after = history.balance_at(session, account=account, at=ends_at - MICROSECOND)

    lines = [line for page in pages for line in page.lines]
    assert [(line.at, line.amount.units, line.held_change.units) for line in lines] == wanted
    assert (pages[0].opening, pages[0].opening_held) == (before.posted, before.held)
    assert (pages[-1].closing, pages[-1].closing_held) == (after.posted, after.held)
    for page in pages:
        assert (
            page.opening + sum((line.amount for line in page.lines), page.opening - page.opening)
            == page.closing
        )
    for earlier, later in pairwise(pages):
        assert (earlier.closing, earlier.closing_held) == (later.opening, later.opening_held)
        assert earlier.next is not None
        assert Position.parse(str(earlier.next)) == earlier.next


def test_the_balance_on_a_line_is_the_one_that_the_entry_was_booked_with(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        page = statements.page(session, account=ACCOUNT, begins_at=LONG_AGO, ends_at=FAR_AHEAD)
        booked = session.connection().execute(
            text("SELECT balance_after, held_after FROM entry JOIN account ON account.id = account_id"
                 " WHERE name = :account ORDER BY seq"), {"account": ACCOUNT},
        ).all()  # fmt: skip

    assert [(line.balance.units, line.held.units) for line in page.lines] == [tuple(each) for each in booked]
    assert [line.seq for line in page.lines] == list(range(1, len(booked) + 1))


def test_a_line_says_what_it_is_about(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        page = statements.page(session, account=ACCOUNT, begins_at=LONG_AGO, ends_at=FAR_AHEAD)

    about = {line.reference: line.about for line in page.lines}
    first_hold = story.hold("h1", 40).hold_id
    assert about["d1"].job == "job_d1"
    assert (about["h1"].hold_id, about["h1"].job) == (first_hold, "job_h1")
    assert (about["c1"].hold_id, about["c1"].job) == (first_hold, "job_h1")
    assert about["r3"].job == "job_h3"
    assert about["u1"].reverses == "d1"
    assert about["c2"].job == "job_h2"
    assert about["purchase:1"].lot_id is not None
    assert about["refund:1"].lot_id == about["purchase:1"].lot_id
    assert all(each.words() for each in about.values())


def test_a_period_or_a_cursor_that_makes_no_sense_is_refused(sessions: Sessions) -> None:
    do(sessions, paid("purchase:1", 1))

    with sessions() as session:
        with pytest.raises(Malformed, match="before it begins"):
            statements.page(session, account=ACCOUNT, begins_at=FAR_AHEAD, ends_at=NOON)
        with pytest.raises(Malformed, match="zone"):
            statements.page(session, account=ACCOUNT, begins_at=datetime(2026, 7, 1), ends_at=NOON)  # noqa: DTZ001
        after = Position(FAR_AHEAD, 0)
        with pytest.raises(Malformed, match="another period"):
            statements.page(session, account=ACCOUNT, begins_at=LONG_AGO, ends_at=NOON, after=after)
        with pytest.raises(Malformed, match="lines"):
            statements.page(session, account=ACCOUNT, begins_at=LONG_AGO, ends_at=NOON, most=0)
        with pytest.raises(Malformed, match="cursor"):
            Position.parse("9" * 40)
        with pytest.raises(UnknownAccount):
            statements.page(session, account="agent:nobody", begins_at=LONG_AGO, ends_at=NOON)


def test_an_explanation_accounts_for_every_credit_at_every_moment(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        for at, _, _ in entries(session, ACCOUNT):
            told = explain.explain(session, agent_id=AGENT, at=at)
            assert told.reconciles, told


def test_an_explanation_names_the_grant_of_a_credit_and_the_job_of_a_spend(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        told = explain.explain(session, agent_id=AGENT, at=FAR_AHEAD)

    lots = {lot.key: lot for lot in told.lots}
    spends = {spend.key: spend for spend in told.spends}
    charge = f"hold_expiry:{story.hold('h2', 20).hold_id}"
    assert set(lots) == {"promo", "purchase:1", "purchase:2", "purchase:3"}
    assert lots["purchase:2"].paid == Amount(73, USD)
    assert lots["promo"].expired.units > 0
    assert lots["promo"].left == Amount(0, CREDIT)
    assert lots["purchase:1"].refunded == Amount(100, CREDIT)
    assert {move.what for move in lots["purchase:1"].movements} >= {
        "granted",
        "spent",
        "refunded",
        "reinstated",
    }
    assert {key: spend.job for key, spend in spends.items()} == {
        "d1": "job_d1",
        "c1": "job_h1",
        charge: "job_h2",
        "d2": "job_d2",
    }
    assert (spends["d1"].credits, spends["d1"].unwound) == (Amount(45, CREDIT), Amount(40, CREDIT))
    assert [(use.lot_id, use.credits.units) for use in spends["d1"].lots] == [
        (lots["promo"].lot_id, 30),
        (lots["purchase:1"].lot_id, 15),
    ]
    assert (spends[charge].credits, spends[charge].unwound) == (Amount(20, CREDIT), Amount(8, CREDIT))
    assert [(kept.job, kept.credits.units) for kept in told.aside] == [("job_h4", 7)]


def test_the_explained_cents_are_what_the_house_owes(sessions: Sessions) -> None:
    everything(sessions)

    with sessions() as session:
        told = explain.explain(session, agent_id=AGENT, at=FAR_AHEAD)
        owed = book.balance(session, account=chart.PREPAID_LIABILITY)

    assert sum((lot.cents_left for lot in told.lots), Amount(0, USD)) == owed


def test_nobody_explains_an_agent_without_credits(sessions: Sessions) -> None:
    with sessions() as session, pytest.raises(UnknownAccount):
        explain.explain(session, agent_id="nobody", at=NOON)


def test_credits_that_have_not_begun_are_explained_as_set_aside(sessions: Sessions) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    do(sessions, paid("purchase:1", 10, effective_at=soon))

    with sessions() as session:
        told = explain.explain(session, agent_id=AGENT, at=FAR_AHEAD)

    assert told.reconciles
    assert [(kept.lot_id, kept.credits.units) for kept in told.aside] == [(told.lots[0].lot_id, 10)]


def test_a_trial_balance_sums_to_zero_at_every_moment(sessions: Sessions) -> None:
    everything(sessions)
    do(sessions, paid("purchase:other", 11, agent="agt_2"))

    with sessions() as session:
        moments = [at for account in (ACCOUNT, CHECKOUT) for at, _, _ in entries(session, account)]
        for moment in [LONG_AGO, *moments, FAR_AHEAD]:
            trial = reports.trial_balance(session, at=moment)
            assert trial.balances, trial
            assert sum(line.debit.units for line in trial.lines) == sum(
                line.credit.units for line in trial.lines
            )
        both = trial.of(reports.AGENTS, default=Amount(0, CREDIT))
        mine = history.balance_at(session, account=ACCOUNT, at=FAR_AHEAD).posted

    assert both == mine + Amount(11, CREDIT)


def test_opening_and_movements_of_a_period_make_its_closing_whatever_the_period(sessions: Sessions) -> None:
    everything(sessions)
    with sessions() as session:
        moments = [LONG_AGO, *(at for at, _, _ in entries(session, ACCOUNT)[::4]), FAR_AHEAD]

    for begins_at in moments:
        for ends_at in moments[moments.index(begins_at) :]:
            with sessions() as session:
                rolled = reports.roll_forward(session, begins_at=begins_at, ends_at=ends_at)
            assert rolled.reconciles, rolled


def test_a_roll_forward_tells_grants_by_rail_and_every_sort_of_movement(sessions: Sessions) -> None:
    everything(sessions)
    posting = book.Posting(
        "correction:1",
        "correction",
        (
            book.Leg(chart.PREPAID_LIABILITY, Amount(-2, USD)),
            book.Leg(chart.REVENUE, Amount(2, USD)),
        ),
        NOON,
        "test",
    )
    with sessions() as session:
        book.post(session, posting)

    with sessions() as session:
        rolled = reports.roll_forward(session, begins_at=LONG_AGO, ends_at=FAR_AHEAD)

    told = {
        (each.what, each.source): (each.flow.credits.units, each.flow.cents.units)
        for each in rolled.movements
    }
    assert told[("granted", "promotional")] == (30, 0)
    assert told[("granted", CHECKOUT)] == (506, 506)
    assert told[("granted", "clearing:stripe_x402.exact.usdc")] == (100, 73)
    assert told[("unwound", None)][0] == 40 + 8 + 1
    assert told[("adjusted", None)] == (0, -2)
    assert {what for what, _ in told} == {
        "granted",
        "spent",
        "unwound",
        "expired",
        "reversed",
        "reinstated",
        "adjusted",
    }
    assert rolled.reconciles
