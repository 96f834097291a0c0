"""How the house does beside its rails: what waits, is late, or rang, and whether the sums are the book's.

Every number is read along an index, and counted to a limit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, or_, select, text

from office import trail
from outbound.models import Endpoint
from rails.chain.models import ChainAlarm, ChainCursor, ChainLease
from rails.models import Notice
from rails.reconciliation.matching import NO_BREAK

MOST: Final = 1_000
"""To how many is counted: whoever sees this many sees that there are many."""
MOST_UNCOUNTED: Final = 5_000
"""How many transactions may be ahead of the figures for them to be compared with the book."""


@dataclass(frozen=True, slots=True)
class Pile:
    """Rows of one sort that wait for somebody, counted to a limit."""

    many: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """What the clock should have woken: the earliest moment of one schedule that has passed."""

    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ChainHealth:
    """How far a chain was read, and by whom now."""

    chain_id: int
    scanned_at: datetime
    block_number: int
    block_time: datetime
    head_number: int
    holder: str | None

    @property
    def behind(self) -> int:
        """Blocks between the cursor and the head of its last pass."""
        return self.head_number - self.block_number


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the chain that is open."""

    kind: str
    chain_id: int
    subject: str
    detail: str
    opened_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """Who is told and cannot be reached, or is not told any more. Its address is shown elsewhere."""

    endpoint_id: str
    state: str
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the accounts hold another sum than was booked. Zero, or something is wrong."""

    credits: int
    cents: int

    @property
    def none(self) -> bool:
        """Whether they agree."""
        return self.credits == self.cents == 0


@dataclass(frozen=True, slots=True)
class HouseHealth:
    """The house at one moment."""

    notices_waiting: Pile
    notices_dead: Pile
    newest_notice_at: datetime | None
    exceptions: Pile
    breaks: Pile
    failed_deliveries: Pile
    unanswered: Pile
    """What operators asked of others, and nobody knows how it ended."""
    endpoints: tuple[EndpointHealth, ...]
    chains: tuple[ChainHealth, ...]
    alarms: tuple[Alarm, ...]
    overdue: tuple[Overdue, ...]
    sealed_at: datetime | None
    unsealed_since: datetime | None
    """When the oldest transaction that no seal covers was booked."""
    counted_at: datetime | None
    difference: Difference | None
    """None: too much was not counted yet to compare."""


_PILES: Final = {
    "notices_waiting": "SELECT received_at AS at FROM notice WHERE try_at IS NOT NULL ORDER BY try_at",
    "notices_dead": "SELECT received_at AS at FROM notice WHERE state = 'dead' ORDER BY notice_id",
    "exceptions": "SELECT opened_at AS at FROM payment_exception WHERE closed_at IS NULL ORDER BY opened_at",
    "breaks": """
        SELECT opened_at AS at FROM reconciliation_item
        WHERE closed_at IS NULL AND state <> ALL (:no_break)
        ORDER BY opened_at
    """,
    "failed_deliveries": """
        SELECT created_at AS at FROM webhook_delivery WHERE state = 'failed' ORDER BY created_at
    """,
}
_UNANSWERED: Final = f"""
    SELECT told.at
    FROM (
        SELECT at, actor, action
        FROM audit_log
        WHERE outcome = 'asked' AND at >= :since AND at < :until
        ORDER BY at DESC
        LIMIT :most
    ) AS told
    WHERE {trail.NEVER_ENDED}
"""  # noqa: S608
_UNANSWERED_FOR: Final = timedelta(days=7)
_OVERDUE: Final = text(
    """
    SELECT what, since
    FROM (
        SELECT
            'purchases to look at' AS what,
            (SELECT min(look_at) FROM payment_attempt WHERE look_at IS NOT NULL) AS since
        UNION ALL
        SELECT 'notices to handle', (SELECT min(try_at) FROM notice WHERE try_at IS NOT NULL)
        UNION ALL
        SELECT 'payments that may be reversed', (SELECT min(look_at) FROM reversal_watch)
        UNION ALL
        SELECT 'refunds to ask for', (SELECT min(try_at) FROM refund_request)
        UNION ALL
        SELECT 'credits that lapse or begin', (SELECT min(due_at) FROM balance WHERE due_at < 'infinity')
        UNION ALL
        SELECT 'webhooks to send', (
            SELECT min(next.try_at)
            FROM webhook_endpoint AS endpoint
            CROSS JOIN LATERAL (
                SELECT delivery.try_at
                FROM webhook_delivery AS delivery
                WHERE delivery.endpoint_id = endpoint.endpoint_id AND delivery.state = 'pending'
                ORDER BY delivery.try_at
                LIMIT 1
            ) AS next
            WHERE endpoint.state = 'enabled' AND coalesce(endpoint.quiet_until, '-infinity') <= :now
        )
    ) AS schedule
    WHERE since < :now
    ORDER BY since
    """
)
# The last leaf of the last seal: what comes after it in this order is not sealed yet.
_LAST: Final = """
    WITH last AS (
        SELECT xid, transaction_id AS id FROM seal_leaf ORDER BY seal DESC, place DESC LIMIT 1
    ), unsealed AS MATERIALIZED (
        SELECT told.id, told.created_at
        FROM ledger_transaction AS told
        WHERE (told.xid, told.id)
            > (coalesce((SELECT xid FROM last), CAST('0' AS xid8)), coalesce((SELECT id FROM last), 0))
        ORDER BY told.xid, told.id
        LIMIT :most
    )"""
_SEALS: Final = text(
    f"""
    {_LAST}
    SELECT
        (SELECT sealed_at FROM seal ORDER BY number DESC LIMIT 1) AS sealed_at,
        (SELECT min(created_at) FROM unsealed) AS unsealed_since,
        (SELECT counted_at FROM figure_cursor) AS counted_at
    """  # noqa: S608
)
# All in one statement, so that it is of one moment. OFFSET 0: row by row along the index, whatever the
# planner thinks of the book's size.
_DIFFERENCE: Final = text(
    f"""
    {_LAST}, ahead AS MATERIALIZED (
        (
            SELECT leaf.transaction_id AS id
            FROM seal_leaf AS leaf
            WHERE leaf.seal > (SELECT seal FROM figure_cursor)
            ORDER BY leaf.seal, leaf.place
            LIMIT :most
        )
        UNION ALL
        SELECT id FROM unsealed
    ), named AS MATERIALIZED (
        SELECT id, asset FROM account WHERE name IN ('issued', 'spent', 'expired', 'prepaid_liability')
    ), moved AS (
        SELECT named.asset, entry.amount
        FROM ahead
        CROSS JOIN LATERAL (
            SELECT account_id, amount FROM entry WHERE transaction_id = ahead.id OFFSET 0
        ) AS entry
        JOIN named ON named.id = entry.account_id
        UNION ALL
        SELECT named.asset, -balance.posted
        FROM named
        CROSS JOIN LATERAL (SELECT posted FROM balance WHERE account_id = named.id OFFSET 0) AS balance
        UNION ALL
        SELECT 'CREDIT', -credits FROM figure_outstanding
        UNION ALL
        SELECT 'USD', cents FROM figure_outstanding
    )
    SELECT
        coalesce(sum(amount) FILTER (WHERE asset = 'CREDIT'), 0) AS credits,
        coalesce(sum(amount) FILTER (WHERE asset = 'USD'), 0) AS cents,
        (SELECT count(*) FROM ahead) AS ahead
    FROM moved
    """  # noqa: S608
)


def of_house(session: Session, *, now: datetime) -> HouseHealth:
    """Everything, in some twenty short readings."""
    connection = session.connection()
    piles = {name: _pile(session, query) for name, query in _PILES.items()}
    asked = {"since": now - _UNANSWERED_FOR, "until": now - trail.UNDER_WAY_FOR}
    seals = connection.execute(_SEALS, {"most": 1}).one()
    return HouseHealth(
        **piles,
        unanswered=_pile(session, _UNANSWERED, **asked),
        newest_notice_at=session.exec(
            select(Notice.received_at).order_by(col(Notice.notice_id).desc()).limit(1)
        ).first(),
        endpoints=_endpoints(session),
        chains=_chains(session, now=now),
        alarms=_alarms(session),
        overdue=tuple(Overdue(row.what, row.since) for row in connection.execute(_OVERDUE, {"now": now})),
        sealed_at=seals.sealed_at,
        unsealed_since=seals.unsealed_since,
        counted_at=seals.counted_at,
        difference=difference(session),
    )


def difference(session: Session) -> Difference | None:
    """By how much figures and what is not counted yet differ from the accounts. None: too much is not."""
    row = session.connection().execute(_DIFFERENCE, {"most": MOST_UNCOUNTED}).one()
    return Difference(int(row.credits), int(row.cents)) if row.ahead < MOST_UNCOUNTED else None


def _pile(session: Session, query: str, **moments: datetime) -> Pile:
    counted = text(f"SELECT count(*), min(at) FROM ({query} LIMIT :most) AS pile")  # noqa: S608
    given: dict[str, object] = {"most": MOST, **moments}
    if ":no_break" in query:
        given["no_break"] = list(NO_BREAK)
    many, oldest_at = session.connection().execute(counted, given).one()
    return Pile(many, oldest_at)


def _endpoints(session: Session) -> tuple[EndpointHealth, ...]:
    is_ill = or_(col(Endpoint.failing_since).is_not(None), col(Endpoint.state) != "enabled")
    ill = select(Endpoint).where(is_ill)
    return tuple(
        EndpointHealth(
            each.endpoint_id, each.state, each.failing_since, each.disabled_at, each.disabled_reason
        )
        for each in session.exec(ill.order_by(col(Endpoint.created_at)).limit(MOST))
    )


def _chains(session: Session, *, now: datetime) -> tuple[ChainHealth, ...]:
    leases = {each.chain_id: each for each in session.exec(select(ChainLease))}
    return tuple(
        ChainHealth(
            each.chain_id,
            each.scanned_at,
            each.block_number,
            each.block_time,
            each.head_number,
            _holder(leases.get(each.chain_id), now=now),
        )
        for each in session.exec(select(ChainCursor).order_by(col(ChainCursor.chain_id)))
    )


def _holder(lease: ChainLease | None, *, now: datetime) -> str | None:
    return lease.holder if lease is not None and lease.held_until > now else None


def _alarms(session: Session) -> tuple[Alarm, ...]:
    rang = select(ChainAlarm).where(col(ChainAlarm.closed_at).is_(None)).order_by(col(ChainAlarm.opened_at))
    return tuple(
        Alarm(each.kind, each.chain_id, each.subject, each.detail, each.opened_at, each.last_seen_at)
        for each in session.exec(rang.limit(MOST))
    )
