"""How each rail does: its switch, how many purchases end well and how fast, and what is under way.

Everything is read along an index and over a bounded number of rows, however many purchases there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, text

from rails import switches
from rails.models import RailSwitch

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MOST_ATTEMPTS: Final = 10_000
"""The newest attempts that rates are made of, and the most under way of a state that are counted."""
UNDER_WAY: Final = ("opening", "requires_action", "processing", "needs_review")
"""The states of an attempt that is not over."""
MOST_GRANTS: Final = 2_000
"""The newest grants that the time to grant is made of."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Of the attempts that were opened in a window and are over: how many were granted."""

    granted: int
    ended: int

    @property
    def percent(self) -> float | None:
        """Granted of a hundred, None if nothing has ended."""
        return round(100 * self.granted / self.ended, 1) if self.ended else None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Attempts in one state that are not over."""

    state: str
    attempts: int
    oldest_id: str
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """Who turned a switch last, when and why."""

    is_on: bool
    turned_by: str
    turned_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RailHealth:
    """One rail."""

    rail_id: str
    is_on: bool
    turns: tuple[Turn, ...]
    """The newest first; none: it was always on."""
    day: Rate
    week: Rate
    grants: int
    """How many grants the times are made of."""
    half_seconds: float | None
    most_seconds: float | None
    """Within which 95 of 100 were granted."""
    under_way: tuple[UnderWay, ...]

    @property
    def oldest(self) -> UnderWay | None:
        """The oldest attempt that is not over."""
        return min(self.under_way, key=lambda each: each.oldest_at, default=None)


_RATES: Final = text(
    """
    SELECT
        rail_id,
        count(*) FILTER (WHERE state = 'succeeded') AS granted,
        count(*) FILTER (WHERE state IN ('succeeded', 'failed', 'canceled', 'expired')) AS ended,
        count(*) FILTER (WHERE state = 'succeeded' AND created_at >= :day) AS granted_today,
        count(*) FILTER (
            WHERE state IN ('succeeded', 'failed', 'canceled', 'expired') AND created_at >= :day
        ) AS ended_today
    FROM (
        SELECT rail_id, state, created_at
        FROM payment_attempt
        WHERE created_at >= :week
        ORDER BY created_at DESC
        LIMIT :most
    ) AS recent
    GROUP BY rail_id
    """
)
_TIMES: Final = text(
    """
    SELECT
        attempt.rail_id, count(*) AS grants,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.created_at - attempt.created_at) AS half,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY recent.created_at - attempt.created_at) AS most
    FROM (
        SELECT payment_attempt_id, created_at
        FROM receipt
        WHERE created_at >= :day
        ORDER BY created_at DESC
        LIMIT :most
    ) AS recent
    CROSS JOIN LATERAL (
        -- One by one along the key, however few there seem to be.
        SELECT rail_id, created_at
        FROM payment_attempt
        WHERE payment_attempt_id = recent.payment_attempt_id
        OFFSET 0
    ) AS attempt
    GROUP BY attempt.rail_id
    """
)
_UNDER_WAY: Final = text(
    """
    SELECT
        rail_id, attempt.state, count(*) AS attempts, min(created_at) AS oldest_at,
        (array_agg(payment_attempt_id ORDER BY created_at))[1] AS oldest_id
    FROM unnest(CAST(:rails AS text[])) AS asked (rail)
    CROSS JOIN unnest(CAST(:states AS text[])) AS open (state)
    CROSS JOIN LATERAL (
        SELECT rail_id, state, created_at, payment_attempt_id
        FROM payment_attempt
        WHERE rail_id = asked.rail AND payment_attempt.state = open.state
        ORDER BY created_at, payment_attempt_id
        LIMIT :most
    ) AS attempt
    GROUP BY rail_id, attempt.state
    ORDER BY rail_id, attempt.state
    """
)


def of_rails(session: Session, rail_ids: Sequence[str], *, now: datetime) -> tuple[RailHealth, ...]:
    """How these rails do, and every other rail whose switch was ever turned."""
    last = switches.last_turns(session)
    names = sorted({*rail_ids, *last})
    connection, day, week = session.connection(), now - DAY, now - WEEK
    ends = {"day": day, "week": week, "most": MOST_ATTEMPTS}
    rates = {row.rail_id: row for row in connection.execute(_RATES, ends)}
    times = {row.rail_id: row for row in connection.execute(_TIMES, {"day": day, "most": MOST_GRANTS})}
    waiting = connection.execute(
        _UNDER_WAY, {"rails": names, "states": [*UNDER_WAY], "most": MOST_ATTEMPTS}
    ).all()
    return tuple(
        _health(
            rail_id,
            turns=switches.history(session, rail_id=rail_id, limit=5) if rail_id in last else [],
            rate=rates.get(rail_id),
            time=times.get(rail_id),
            waiting=[row for row in waiting if row.rail_id == rail_id],
        )
        for rail_id in names
    )


def _health(
    rail_id: str, *, turns: Sequence[RailSwitch], rate: Any, time: Any, waiting: Sequence[Any]
) -> RailHealth:
    return RailHealth(
        rail_id=rail_id,
        is_on=turns[0].is_on if turns else True,
        turns=tuple(Turn(each.is_on, each.turned_by, each.turned_at, each.reason) for each in turns),
        day=Rate(rate.granted_today, rate.ended_today) if rate else Rate(0, 0),
        week=Rate(rate.granted, rate.ended) if rate else Rate(0, 0),
        grants=time.grants if time else 0,
        half_seconds=time.half.total_seconds() if time else None,
        most_seconds=time.most.total_seconds() if time else None,
        under_way=tuple(UnderWay(row.state, row.attempts, row.oldest_id, row.oldest_at) for row in waiting),
    )
