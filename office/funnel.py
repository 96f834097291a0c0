"""How far purchases come on every day: quoted, attempted, paid, granted, and how long a grant took.

All four are rows that never change, by the time that they carry. Somebody may still be writing one of a
moment ago, so only what is older than an hour is counted for good; the rest is counted anew at every pass.

Paid is what money came for: a grant, or an exception before it. An attempt is paid once, on the first day.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, text

from ledger.database import Sessions
from rails import kinds

SETTLES: Final = timedelta(hours=1)
"""How old a row is when nobody writes beside it any more: longer than any request or task lives."""
STEP: Final = timedelta(days=1)
WAITED_SECONDS: Final = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400)
"""The upper bounds of the classes of waiting, closed; what waited longer is in one more."""

_CURSOR: Final = text("SELECT purchases_until FROM figure_cursor FOR UPDATE SKIP LOCKED")
# Nothing comes before its quote.
_BEGIN: Final = text("SELECT min(created_at) FROM quote")
_MOVE: Final = text("UPDATE figure_cursor SET purchases_until = :until, counted_at = :now")
_CLEAR: Final = text(
    """
    UPDATE figure_funnel
    SET quotes = 0, attempts = 0, paid = 0, granted = 0,
        waited = array_fill(0::bigint, ARRAY[cardinality(waited)])
    WHERE part = 'open' AND (quotes, attempts, paid, granted) <> (0, 0, 0, 0)
    """
)
# Every row of the period, once: what kind of step it is, when, on which rail, and how long a grant waited.
_ADD: Final = text(
    """
    WITH granted AS MATERIALIZED (
        SELECT
            receipt.created_at AS at, attempt.rail_id, receipt.payment_attempt_id,
            width_bucket(
                extract(epoch FROM receipt.created_at - attempt.created_at), CAST(:bounds AS numeric[])
            ) AS waited
        FROM receipt
        JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = receipt.payment_attempt_id
        WHERE receipt.created_at >= :since AND receipt.created_at < :until
    ), step AS (
        SELECT created_at AS at, rail_id, 'quoted' AS step, NULL::integer AS waited
        FROM quote
        WHERE created_at >= :since AND created_at < :until
        UNION ALL
        SELECT created_at, rail_id, 'attempted', NULL
        FROM payment_attempt
        WHERE created_at >= :since AND created_at < :until
        UNION ALL
        SELECT at, rail_id, 'granted', waited FROM granted
        UNION ALL
        SELECT granted.at, granted.rail_id, 'paid', NULL
        FROM granted
        WHERE NOT EXISTS (
            SELECT FROM payment_exception AS earlier
            WHERE earlier.payment_attempt_id = granted.payment_attempt_id
                AND earlier.kind = ANY (:money)
                AND earlier.opened_at <= granted.at
        )
        UNION ALL
        SELECT item.opened_at, attempt.rail_id, 'paid', NULL
        FROM payment_exception AS item
        JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = item.payment_attempt_id
        WHERE item.opened_at >= :since AND item.opened_at < :until
            AND item.kind = ANY (:money)
            AND NOT EXISTS (
                SELECT FROM payment_exception AS earlier
                WHERE earlier.payment_attempt_id = item.payment_attempt_id
                    AND earlier.kind = ANY (:money)
                    AND (earlier.opened_at, earlier.exception_id) < (item.opened_at, item.exception_id)
            )
            AND NOT EXISTS (
                SELECT FROM receipt
                WHERE receipt.payment_attempt_id = item.payment_attempt_id
                    AND receipt.created_at < item.opened_at
            )
    ), counted AS (
        SELECT
            (at AT TIME ZONE 'UTC')::date AS day, rail_id,
            count(*) FILTER (WHERE step = 'quoted') AS quotes,
            count(*) FILTER (WHERE step = 'attempted') AS attempts,
            count(*) FILTER (WHERE step = 'paid') AS paid,
            count(*) FILTER (WHERE step = 'granted') AS granted,
            {waited} AS waited
        FROM step
        GROUP BY 1, 2
    )
    INSERT INTO figure_funnel AS known (day, rail_id, part, quotes, attempts, paid, granted, waited)
    SELECT day, rail_id, :part, quotes, attempts, paid, granted, waited
    FROM counted
    ON CONFLICT (day, rail_id, part) DO UPDATE
    SET quotes = known.quotes + excluded.quotes,
        attempts = known.attempts + excluded.attempts,
        paid = known.paid + excluded.paid,
        granted = known.granted + excluded.granted,
        waited = (
            SELECT array_agg(one + another ORDER BY place)
            FROM unnest(known.waited, excluded.waited) WITH ORDINALITY AS pair (one, another, place)
        )
    """.replace(
        "{waited}",
        "ARRAY["
        + ", ".join(f"count(*) FILTER (WHERE waited = {place})" for place in range(len(WAITED_SECONDS) + 1))
        + "]",
    )
)


def count_all(sessions: Sessions, *, now: datetime, steps: int = 200) -> None:
    """Count for good what nobody writes any more, a day in a transaction, and anew what is younger."""
    for _ in range(steps):
        with sessions() as session:
            if not count_next(session, now=now):
                return


def count_next(session: Session, *, now: datetime) -> bool:
    """Count the next day, or what is left of it until an hour ago; whether more than that is left.

    What is younger than that is counted at the end, as far as it goes until `now`.
    """
    connection = session.connection()
    found = connection.execute(_CURSOR).one_or_none()
    if found is None:
        return False
    settled = now - SETTLES
    since = found.purchases_until
    if since is None:
        first = connection.execute(_BEGIN).scalar_one()
        if first is None:
            connection.execute(_MOVE, {"until": None, "now": now})
            return False
        since = min(first, settled)
    until = max(since, min(since + STEP, settled))
    if until > since:
        _add(session, part="settled", since=since, until=until)
    connection.execute(_CLEAR)
    if until < settled:
        connection.execute(_MOVE, {"until": until, "now": now})
        return True
    _add(session, part="open", since=until, until=now + SETTLES)
    connection.execute(_MOVE, {"until": until, "now": now})
    return False


def _add(session: Session, *, part: str, since: datetime, until: datetime) -> None:
    session.connection().execute(
        _ADD,
        {
            "part": part,
            "since": since,
            "until": until,
            "bounds": [bound + 0.000001 for bound in WAITED_SECONDS],
            "money": sorted(kinds.COUNTED),
        },
    )
