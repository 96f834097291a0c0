"""What somebody should look at now: judged from how the house stands. Nothing is read here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from office.house_health import MOST, HouseHealth, Pile
from office.rail_health import RailHealth

Kind = Literal[
    "chain_alarm",
    "dead_notices",
    "unhandled_notices",
    "old_exceptions",
    "old_breaks",
    "failed_deliveries",
    "endpoint_down",
    "rail_off",
    "seal_lag",
    "figures_lag",
    "overdue",
    "book_differs",
    "unanswered_actions",
]
Gravity = Literal["bad", "wait"]

EXCEPTION_AGE: Final = timedelta(days=1)
BREAK_AGE: Final = timedelta(days=2)
NOTICE_AGE: Final = timedelta(minutes=15)
SEAL_AGE: Final = timedelta(minutes=2)
FIGURES_AGE: Final = timedelta(minutes=15)
OVERDUE_AGE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at. `subject` is what it is about, where that has a name."""

    kind: Kind
    gravity: Gravity
    said: str
    since: datetime | None
    subject: str = ""


def of(rails: Sequence[RailHealth], house: HouseHealth, *, now: datetime) -> tuple[Alert, ...]:
    """Everything that is wrong, what is worst first and of that the oldest."""
    of_house = (*_of_book(house, now=now), *_of_money(house, now=now), *_of_doors(house, now=now))
    found = (*of_house, *_of_rails(rails))
    return tuple(sorted(found, key=lambda each: (each.gravity != "bad", each.since or now)))


def _of_book(house: HouseHealth, *, now: datetime) -> Iterator[Alert]:
    differs = house.difference
    if differs is not None and not differs.none:
        told = f"{differs.credits} credits, {differs.cents} cents"
        yield Alert("book_differs", "bad", f"the accounts hold another sum than was booked: {told}", None)
    if house.unsealed_since is not None and now - house.unsealed_since > SEAL_AGE:
        yield Alert("seal_lag", "bad", "transactions of the book are not sealed", house.unsealed_since)
    counted_at = house.counted_at or house.sealed_at
    if counted_at is not None and now - counted_at > FIGURES_AGE:
        yield Alert("figures_lag", "wait", "nobody counts what was sealed and bought since", counted_at)
    for each in house.overdue:
        if now - each.since > OVERDUE_AGE:
            yield Alert("overdue", "bad", f"nobody sweeps: {each.what}", each.since)


def _of_money(house: HouseHealth, *, now: datetime) -> Iterator[Alert]:
    if _is_older(house.exceptions, EXCEPTION_AGE, now=now):
        said = f"{_many(house.exceptions)} exceptions wait for a decision, the oldest for more than a day"
        yield Alert("old_exceptions", "bad", said, house.exceptions.oldest_at)
    if _is_older(house.breaks, BREAK_AGE, now=now):
        said = f"{_many(house.breaks)} breaks are open, the oldest for more than two days"
        yield Alert("old_breaks", "bad", said, house.breaks.oldest_at)
    if house.unanswered.many:
        said = f"{_many(house.unanswered)} actions of operators began, and nobody knows how they ended"
        yield Alert("unanswered_actions", "bad", said, house.unanswered.oldest_at)
    for each in house.alarms:
        yield Alert("chain_alarm", "bad", each.detail, each.opened_at, each.kind)


def _of_rails(rails: Sequence[RailHealth]) -> Iterator[Alert]:
    for each in rails:
        if not each.is_on:
            turn = each.turns[0]
            said = f"switched off by {turn.turned_by}: {turn.reason}"
            yield Alert("rail_off", "wait", said, turn.turned_at, each.rail_id)


def _of_doors(house: HouseHealth, *, now: datetime) -> Iterator[Alert]:
    if house.notices_dead.many:
        said = f"{_many(house.notices_dead)} notices could not be handled"
        yield Alert("dead_notices", "bad", said, house.notices_dead.oldest_at)
    if _is_older(house.notices_waiting, NOTICE_AGE, now=now):
        said = f"{_many(house.notices_waiting)} notices wait to be handled"
        yield Alert("unhandled_notices", "wait", said, house.notices_waiting.oldest_at)
    if house.failed_deliveries.many:
        said = f"{_many(house.failed_deliveries)} webhooks were never delivered"
        yield Alert("failed_deliveries", "wait", said, house.failed_deliveries.oldest_at)
    for each in house.endpoints:
        since = each.disabled_at or each.failing_since
        yield Alert("endpoint_down", "wait", f"an endpoint is {_how(each.state)}", since, each.endpoint_id)


def _how(state: str) -> str:
    return "not told any more" if state == "disabled" else "failing"


def _is_older(pile: Pile, age: timedelta, *, now: datetime) -> bool:
    return pile.oldest_at is not None and now - pile.oldest_at > age


def _many(pile: Pile) -> str:
    return f"{MOST} or more" if pile.many >= MOST else str(pile.many)
