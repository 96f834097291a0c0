"""The house's figures as Prometheus reads them: some twenty short readings, however often it asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlmodel import Session, text

from office import house_health, rail_health
from office.house_health import HouseHealth, Pile
from office.rail_health import RailHealth
from rails import kinds

MOST_EXCEPTIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Measure:
    """One number. `name` ends in its unit; times are ages in seconds, 0 where nothing waits."""

    name: str
    about: str
    value: float
    labels: tuple[tuple[str, str], ...] = field(default=())


_EXCEPTIONS: Final = text(
    """
    SELECT kind, count(*) AS many
    FROM (SELECT kind FROM payment_exception WHERE closed_at IS NULL ORDER BY opened_at LIMIT :most) AS open
    GROUP BY kind
    """
)
_OWED: Final = text("SELECT coalesce(sum(credits), 0), coalesce(sum(cents), 0) FROM figure_outstanding")
_PENDING: Final = text(
    """
    SELECT min(next.created_at)
    FROM webhook_endpoint AS endpoint
    CROSS JOIN LATERAL (
        SELECT created_at, try_at
        FROM webhook_delivery AS delivery
        WHERE delivery.endpoint_id = endpoint.endpoint_id AND delivery.state = 'pending'
        ORDER BY delivery.try_at
        LIMIT 1
    ) AS next
    WHERE endpoint.state = 'enabled'
    """
)
_PILES: Final = (
    ("notices_waiting", "Notices that wait to be handled"),
    ("notices_dead", "Notices that could not be handled"),
    ("exceptions", "Exceptions that wait for a decision"),
    ("breaks", "Breaks of reconciliation that nobody has explained"),
    ("failed_deliveries", "Webhooks that were never delivered"),
    ("unanswered", "Actions of operators that nobody knows the end of"),
)
_OVERDUE: Final = (
    "purchases to look at",
    "notices to handle",
    "payments that may be reversed",
    "refunds to ask for",
    "credits that lapse or begin",
    "webhooks to send",
)


def read(session: Session, rail_ids: Sequence[str], *, now: datetime) -> tuple[Measure, ...]:
    """Everything that is known of house and rails, of one moment."""
    house = house_health.of_house(session, now=now)
    return (
        *(each for name, about in _PILES for each in _of_pile(name, about, getattr(house, name), now=now)),
        *_of_book(house, now=now),
        *_of_chains(house, now=now),
        *_of_rows(session, now=now),
        *(
            each
            for rail in rail_health.of_rails(session, rail_ids, now=now)
            for each in _of_rail(rail, now=now)
        ),
    )


def _of_pile(name: str, about: str, pile: Pile, *, now: datetime) -> Iterator[Measure]:
    yield Measure(f"pennyrail_{name}", f"{about}, counted to {house_health.MOST}", pile.many)
    yield Measure(f"pennyrail_{name}_oldest_seconds", f"{about}: the oldest", _age(pile.oldest_at, now))


def _of_book(house: HouseHealth, *, now: datetime) -> Iterator[Measure]:
    yield Measure(
        "pennyrail_seal_lag_seconds", "Oldest transaction of no seal", _age(house.unsealed_since, now)
    )
    yield Measure("pennyrail_figures_age_seconds", "Since figures were counted", _age(house.counted_at, now))
    if house.difference is not None:
        about = "What accounts hold beside what was booked: 0, or the book is wrong"
        yield Measure("pennyrail_book_difference", about, house.difference.credits, (("unit", "credits"),))
        yield Measure("pennyrail_book_difference", about, house.difference.cents, (("unit", "cents"),))
    since = {each.what: each.since for each in house.overdue}
    for what in _OVERDUE:
        about = "How long a schedule's first row was not taken up"
        yield Measure("pennyrail_overdue_seconds", about, _age(since.get(what), now), (("what", what),))
    about = "Endpoints that fail or are told no more"
    yield Measure("pennyrail_endpoints_down", about, len(house.endpoints))


def _of_chains(house: HouseHealth, *, now: datetime) -> Iterator[Measure]:
    for each in house.chains:
        chain = (("chain", str(each.chain_id)),)
        yield Measure("pennyrail_chain_lag_blocks", "Blocks behind the head", each.behind, chain)
        yield Measure(
            "pennyrail_chain_scan_age_seconds", "Since a pass was kept", _age(each.scanned_at, now), chain
        )
        yield Measure(
            "pennyrail_chain_block_age_seconds",
            "Age of the last block read",
            _age(each.block_time, now),
            chain,
        )
    yield Measure("pennyrail_chain_alarms", "Alarms of the chain that are open", len(house.alarms))


def _of_rows(session: Session, *, now: datetime) -> Iterator[Measure]:
    connection = session.connection()
    found = {row.kind: row.many for row in connection.execute(_EXCEPTIONS, {"most": MOST_EXCEPTIONS})}
    # Those of which there are none, too: a series that comes and goes is no zero.
    for kind in sorted({*kinds.MEANINGS, *found}):
        about = "Exceptions that are open"
        yield Measure("pennyrail_exceptions_of_kind", about, found.get(kind, 0), (("kind", kind),))
    credits, cents = connection.execute(_OWED).one()
    yield Measure("pennyrail_outstanding_credits", "Credits that were sold and not spent", int(credits))
    yield Measure("pennyrail_liability_cents", "What is owed for them", int(cents))
    pending = connection.execute(_PENDING).scalar_one()
    yield Measure(
        "pennyrail_delivery_oldest_seconds", "First webhook of a queue that is pending", _age(pending, now)
    )


def _of_rail(rail: RailHealth, *, now: datetime) -> Iterator[Measure]:
    label = (("rail", rail.rail_id),)
    yield Measure("pennyrail_rail_on", "1 if the rail takes payments by the house's word", rail.is_on, label)
    yield Measure("pennyrail_rail_granted", "Purchases of a day that were granted", rail.day.granted, label)
    yield Measure("pennyrail_rail_ended", "Purchases of a day that are over", rail.day.ended, label)
    for quantile, seconds in (("0.5", rail.half_seconds), ("0.95", rail.most_seconds)):
        if seconds is not None:
            about = "Time to grant of the last day, as receipts tell it"
            yield Measure("pennyrail_rail_grant_seconds", about, seconds, (*label, ("quantile", quantile)))
    found = {each.state: each for each in rail.under_way}
    for name in rail_health.UNDER_WAY:
        each, state = found.get(name), (*label, ("state", name))
        many, oldest = (each.attempts, each.oldest_at) if each is not None else (0, None)
        yield Measure("pennyrail_rail_under_way", "Purchases that are not over", many, state)
        yield Measure("pennyrail_rail_under_way_oldest_seconds", "Their oldest", _age(oldest, now), state)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
