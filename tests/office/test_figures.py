"""The figures of every day are the book's, whoever counts, however often, and in whatever pieces."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import psycopg
import pytest
from sqlmodel import text

from ledger import book, chart, credits, reports, seals
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from office import figures
from tests.ledger import full_book
from tests.ledger.story import NOON, X402, debit, everything, paid, promotional

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD: Final = datetime(2100, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
_GUARDED: Final = ("entry", "ledger_transaction", "balance")
# Later transactions stay later, so the book remains one that could have been.
_SPREAD: Final = """
    UPDATE ledger_transaction SET created_at = %(begin)s::timestamptz + id * interval '5 hours';
    UPDATE entry SET created_at = %(begin)s::timestamptz + transaction_id * interval '5 hours';
    UPDATE balance SET last_at = told.at
    FROM (SELECT account_id, shard, max(created_at) AS at FROM entry GROUP BY account_id, shard) AS told
    WHERE told.account_id = balance.account_id AND told.shard = balance.shard
"""


def spread_over_days(database_url: str) -> None:
    """Let the transactions of the book so far have been booked five hours apart."""
    with psycopg.connect(database_url, autocommit=True) as connection, connection.transaction():
        for table in _GUARDED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        for statement in _SPREAD.split(";"):
            connection.execute(statement.encode(), {"begin": LONG_AGO})
        for table in _GUARDED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())


def write_book(sessions: Sessions) -> None:
    """Everything that can happen to credits, on several rails, and corrections by hand."""
    everything(sessions)
    credits.perform(
        sessions, [paid("x402", 300, cents=200, clearing=X402), promotional("gift", 40)], now=NOON
    )
    credits.perform(sessions, [debit(f"use {number}", 31) for number in range(9)], now=NOON)
    full_book.write(sessions)
    correct(sessions, "correction:1")


def correct(sessions: Sessions, reference: str) -> None:
    """Move two cents from what is owed to what is earned, by hand."""
    legs = (Leg(chart.PREPAID_LIABILITY, Amount(-2, USD)), Leg(chart.REVENUE, Amount(2, USD)))
    with sessions() as session:
        book.post(session, Posting(reference, "correction", legs, NOON, "test"))


def of_the_figures(sessions: Sessions) -> dict[tuple[str, str], tuple[int, int]]:
    """Credits and cents of each day and movement."""
    query = """
        SELECT day::text, what, sum(credits)::bigint, sum(cents)::bigint FROM figure_day GROUP BY day, what
        HAVING (sum(credits), sum(cents)) <> (0, 0)
    """
    with sessions() as session:
        return {(row[0], row[1]): (row[2], row[3]) for row in session.connection().execute(text(query))}


def of_the_book(sessions: Sessions) -> dict[tuple[str, str], tuple[int, int]]:
    """The same from the roll-forward of each day."""
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for day in days_of(sessions):
        begins_at = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        with sessions() as session:
            rolled = reports.roll_forward(session, begins_at=begins_at, ends_at=begins_at + DAY)
        assert rolled.reconciles
        for each in rolled.movements:
            sums = found[(day, each.what)]
            sums[0] += each.flow.credits.units
            sums[1] += each.flow.cents.units
    return {key: (units, cents) for key, (units, cents) in found.items() if (units, cents) != (0, 0)}


def days_of(sessions: Sessions) -> list[str]:
    """The days on which anything was booked."""
    query = "SELECT DISTINCT (created_at AT TIME ZONE 'UTC')::date::text FROM entry ORDER BY 1"
    with sessions() as session:
        return list(session.connection().execute(text(query)).scalars())


def earned(sessions: Sessions) -> tuple[int, int]:
    """What the figures say was earned by spending and by expiry."""
    query = "SELECT sum(revenue_cents)::bigint, sum(breakage_cents)::bigint FROM figure_day"
    with sessions() as session:
        found = session.connection().execute(text(query)).one()
    return found[0], found[1]


def rows(sessions: Sessions) -> list[tuple[object, ...]]:
    """Every figure."""
    with sessions() as session:
        connection = session.connection()
        return [
            *map(tuple, connection.execute(text("SELECT * FROM figure_day ORDER BY day, source, what"))),
            *map(tuple, connection.execute(text("SELECT * FROM figure_outstanding ORDER BY source"))),
            *map(tuple, connection.execute(text("SELECT * FROM figure_funnel ORDER BY day, rail_id, part"))),
        ]


def test_the_figures_of_every_day_are_the_roll_forward_of_that_day(
    sessions: Sessions, database_url: str
) -> None:
    write_book(sessions)
    spread_over_days(database_url)
    seals.seal_all(sessions, now=NOON)

    figures.count_all(sessions, now=NOON)

    assert len(days_of(sessions)) > 10
    assert of_the_figures(sessions) == of_the_book(sessions)


def test_what_the_figures_call_earned_and_outstanding_is_what_the_accounts_hold(sessions: Sessions) -> None:
    write_book(sessions)
    seals.seal_all(sessions, now=NOON)

    figures.count_all(sessions, now=NOON)

    with sessions() as session:
        held = {name: book.balance(session, account=name).units for name in ("revenue", "breakage")}
        owed = book.balance(session, account=chart.PREPAID_LIABILITY).units
        agents = reports.trial_balance(session, at=FAR_AHEAD).of("agents", default=Amount(0, USD)).units
        told = session.connection().execute(text("SELECT sum(credits), sum(cents) FROM figure_outstanding"))
        outstanding = tuple(told.one())
    assert earned(sessions) == (held["revenue"], held["breakage"])
    assert outstanding == (agents, owed)


def test_a_spend_counts_for_the_rail_that_its_credits_were_bought_on(sessions: Sessions) -> None:
    bought = [paid("checkout", 100, priority=1), paid("x402", 50, cents=40, clearing=X402)]
    credits.perform(sessions, [*bought, promotional("gift", 7)], now=NOON)
    credits.perform(sessions, [debit("d1", 60)], now=NOON)
    correct(sessions, "correction:1")
    seals.seal_all(sessions, now=NOON)

    figures.count_all(sessions, now=NOON)

    with sessions() as session:
        spent = session.connection().execute(
            text(
                "SELECT source, credits, cents, revenue_cents FROM figure_day"
                " WHERE what IN ('spent', 'adjusted')"
            )
        )
        found = {row[0]: tuple(row[1:]) for row in spent}
    assert found == {
        "clearing:stripe_checkout": (-3, -3, 3),
        X402: (-50, -40, 40),
        "promotional": (-7, 0, 0),
        "house": (0, -2, 2),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whoever_counts_whenever_and_in_whatever_pieces_counts_once(
    sessions: Sessions, database_url: str, seed: int
) -> None:
    chance = Random(seed)
    write_book(sessions)
    spread_over_days(database_url)
    while seals.seal_all(sessions, now=NOON, most=chance.randint(1, 9)):
        figures.count_all(sessions, now=NOON, most=chance.randint(1, 20), steps=chance.randint(0, 3))

    with ThreadPoolExecutor(3) as counters:
        turns = [
            counters.submit(figures.count_all, sessions, now=NOON, most=chance.randint(1, 9))
            for _ in range(9)
        ]
    figures.count_all(sessions, now=NOON)

    assert [turn.exception() for turn in turns] == [None] * 9
    assert of_the_figures(sessions) == of_the_book(sessions)


def test_what_commits_after_others_were_counted_is_counted_then(sessions: Sessions) -> None:
    credits.perform(sessions, [paid("first", 10)], now=NOON)
    with sessions() as slow:
        credits.apply(slow, [paid("slow", 20, agent="agt_2")], now=NOON)
        seals.seal_all(sessions, now=NOON)
        figures.count_all(sessions, now=NOON)
        before = of_the_figures(sessions)
    credits.perform(sessions, [debit("later", 4)], now=NOON)
    seals.seal_all(sessions, now=NOON)

    figures.count_all(sessions, now=NOON)

    assert sum(units for units, _ in before.values()) == 10
    assert of_the_figures(sessions) == of_the_book(sessions)
    assert sum(units for units, _ in of_the_figures(sessions).values()) == 26


def test_counting_again_from_nothing_gives_the_same_figures(sessions: Sessions, database_url: str) -> None:
    write_book(sessions)
    spread_over_days(database_url)
    seals.seal_all(sessions, now=NOON, most=7)
    figures.count_all(sessions, now=NOON, most=3)
    before = rows(sessions)

    with sessions() as session:
        figures.forget(session)
    emptied = rows(sessions)
    figures.count_all(sessions, now=NOON)

    assert before
    assert emptied == []
    assert rows(sessions) == before


def test_counting_counts_nothing_twice_and_says_how_many_seals_it_read(sessions: Sessions) -> None:
    credits.perform(sessions, [paid("first", 10), paid("second", 10)], now=NOON)
    seals.seal_all(sessions, now=NOON, most=1)

    counted = [figures.count_all(sessions, now=NOON) for _ in range(3)]

    assert counted[0] >= 2
    assert counted[1:] == [0, 0]
    assert sum(units for units, _ in of_the_figures(sessions).values()) == 20
