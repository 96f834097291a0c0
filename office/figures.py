"""The figures of every day: what the book did, counted once from its seals and kept as sums.

The cursor moves in the transaction that adds, so whatever was sealed is counted once, however often and by
whomever it is asked for. Days are days of UTC by the time of booking, as in the roll-forward.
"""

from datetime import datetime
from typing import Final

from sqlmodel import Session, text

from ledger import reports, seals
from ledger.database import Sessions
from office import funnel

MOST: Final = 5000
"""Transactions that one step begins to count; a seal is counted whole."""
HOUSE: Final = "house"
"""The source of what moved without any lot: postings between the house's own accounts."""

# Whoever is second finds nothing to do: the first one does it.
_CURSOR: Final = text("SELECT seal FROM figure_cursor FOR UPDATE SKIP LOCKED")
_UNTIL: Final = text(
    """
    SELECT max(number)
    FROM (
        SELECT number, sum(leaves) OVER (ORDER BY number) - leaves AS before
        FROM (SELECT number, leaves FROM seal WHERE number > :seal ORDER BY number LIMIT 500) AS next
    ) AS next
    WHERE before < :most
    """
)
_MOVE: Final = text("UPDATE figure_cursor SET seal = :until, counted_at = :now")
# OFFSET 0, or the planner begins with the few accounts of the house, which have nearly every entry there is.
# What a transaction changed is told by the entries of the house; whose lots those were, by the lots' own.
# What no lot tells is the house's, so that the sums are the book's whatever somebody posts.
_ADD: Final = text(
    f"""
    WITH batch AS MATERIALIZED (
        SELECT transaction_id FROM seal_leaf WHERE seal > :seal AND seal <= :until
    ), told AS MATERIALIZED (
        SELECT
            entry.transaction_id,
            min(entry.created_at) AS at,
            coalesce(-sum(entry.amount) FILTER (WHERE account.asset = 'CREDIT'), 0) AS credits,
            coalesce(sum(entry.amount) FILTER (WHERE account.name = 'prepaid_liability'), 0) AS cents,
            coalesce(sum(entry.amount) FILTER (WHERE account.name = 'revenue'), 0) AS revenue,
            coalesce(sum(entry.amount) FILTER (WHERE account.name = 'breakage'), 0) AS breakage
        FROM batch
        CROSS JOIN LATERAL (
            SELECT * FROM entry WHERE entry.transaction_id = batch.transaction_id OFFSET 0
        ) AS entry
        JOIN account ON account.id = entry.account_id
        WHERE account.name IN ('issued', 'spent', 'expired', 'prepaid_liability', 'revenue', 'breakage')
        GROUP BY entry.transaction_id
    ), moved AS MATERIALIZED (
        SELECT told.*, (told.at AT TIME ZONE 'UTC')::date AS day, {reports.WHAT} AS what
        FROM told
        JOIN ledger_transaction AS event ON event.id = told.transaction_id
    ), part AS MATERIALIZED (
        SELECT
            moved.transaction_id, moved.day, moved.what,
            CASE
                WHEN lot.promotional THEN 'promotional'
                ELSE coalesce(paid.name, 'nothing paid')
            END AS source,
            used.credits - used.used AS credits,
            used.cents - used.cents_used AS cents,
            CASE WHEN moved.what IN ('spent', 'unwound') THEN used.cents_used ELSE 0 END AS revenue,
            CASE WHEN moved.what = 'expired' THEN used.cents_used ELSE 0 END AS breakage
        FROM moved
        JOIN lot_entry AS used ON used.transaction_id = moved.transaction_id
        JOIN lot ON lot.id = used.lot_id
        LEFT JOIN LATERAL (
            SELECT account.name
            FROM entry
            JOIN account ON account.id = entry.account_id
            WHERE entry.transaction_id = lot.granted_in
                AND account.class_name = 'clearing'
            LIMIT 1
        ) AS paid ON NOT lot.promotional
    ), rest AS (
        SELECT
            transaction_id, day, what, :house AS source, sum(credits) AS credits, sum(cents) AS cents,
            sum(revenue) AS revenue, sum(breakage) AS breakage
        FROM (
            SELECT transaction_id, day, what, credits, cents, revenue, breakage FROM moved
            UNION ALL
            SELECT transaction_id, day, what, -credits, -cents, -revenue, -breakage FROM part
        ) AS side
        GROUP BY transaction_id, day, what
        HAVING (sum(credits), sum(cents), sum(revenue), sum(breakage)) <> (0, 0, 0, 0)
    ), whole AS (
        SELECT transaction_id, day, what, source, credits, cents, revenue, breakage FROM part
        UNION ALL
        SELECT transaction_id, day, what, source, credits, cents, revenue, breakage FROM rest
    ), counted AS MATERIALIZED (
        SELECT
            day, source, what, count(DISTINCT transaction_id) AS transactions, sum(credits) AS credits,
            sum(cents) AS cents, sum(revenue) AS revenue, sum(breakage) AS breakage
        FROM whole
        GROUP BY day, source, what
    ), outstanding AS (
        INSERT INTO figure_outstanding AS known (source, credits, cents)
        SELECT source, sum(credits), sum(cents) FROM counted GROUP BY source
        ON CONFLICT (source) DO UPDATE
        SET credits = known.credits + excluded.credits, cents = known.cents + excluded.cents
    )
    INSERT INTO figure_day AS known
        (day, source, what, transactions, credits, cents, revenue_cents, breakage_cents)
    SELECT day, source, what, transactions, credits, cents, revenue, breakage FROM counted
    ON CONFLICT (day, source, what) DO UPDATE
    SET transactions = known.transactions + excluded.transactions,
        credits = known.credits + excluded.credits,
        cents = known.cents + excluded.cents,
        revenue_cents = known.revenue_cents + excluded.revenue_cents,
        breakage_cents = known.breakage_cents + excluded.breakage_cents
    """  # noqa: S608
)
_TABLES: Final = ("figure_day", "figure_outstanding", "figure_funnel")
_RESET: Final = text("UPDATE figure_cursor SET seal = 0, purchases_until = NULL, counted_at = NULL")


def count_all(sessions: Sessions, *, now: datetime, most: int = MOST, steps: int = 200) -> int:
    """Count what was sealed and what was bought since the last time; how many seals that were.

    At most so many steps, each a transaction of its own: what is left is counted the next time.
    """
    seals_counted = 0
    for _ in range(steps):
        with sessions() as session:
            done = count_next(session, now=now, most=most)
        seals_counted += done
        if not done:
            break
    funnel.count_all(sessions, now=now, steps=steps)
    return seals_counted


def count_next(session: Session, *, now: datetime, most: int = MOST) -> int:
    """Count the next seals, of about `most` transactions; how many seals.

    0: nothing is left to count, or another process counts.
    """
    connection = session.connection()
    at = connection.execute(_CURSOR).scalar_one_or_none()
    if at is None:
        return 0
    connection.execute(seals.ALONG_INDEXES)
    until = connection.execute(_UNTIL, {"seal": at, "most": most}).scalar_one()
    if until is not None:
        connection.execute(_ADD, {"seal": at, "until": until, "house": HOUSE})
    connection.execute(_MOVE, {"until": until or at, "now": now})
    return int(until - at) if until is not None else 0


def forget(session: Session) -> None:
    """Throw every figure away, to count again from the beginning. Only the owner of the tables may."""
    connection = session.connection()
    connection.execute(text("SELECT 1 FROM figure_cursor FOR UPDATE"))
    for table in _TABLES:
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    connection.execute(_RESET)
