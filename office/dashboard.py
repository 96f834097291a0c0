"""What the house sold, owes and earned: the figures of some days, as the first page shows them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final, Literal

from sqlmodel import Session, text

from ledger.money import CREDIT, USD, Amount
from office.funnel import WAITED_SECONDS

Days = Literal[7, 30, 90]
Measure = Literal["sold", "spent", "owed", "earned"]
_NO_CREDITS: Final = Amount(0, CREDIT)
_NO_CENTS: Final = Amount(0, USD)
_CLEARING: Final = "clearing:"


@dataclass(frozen=True, slots=True)
class Sums:
    """What moved on a day, or on many: credits that were sold and so on, and the money behind them."""

    sold: Amount = _NO_CREDITS
    received: Amount = _NO_CENTS
    given: Amount = _NO_CREDITS
    """Credits that nobody paid for."""
    spent: Amount = _NO_CREDITS
    earned: Amount = _NO_CENTS
    expired: Amount = _NO_CREDITS
    breakage: Amount = _NO_CENTS
    reversed: Amount = _NO_CREDITS
    taken_back: Amount = _NO_CENTS
    adjusted: Amount = _NO_CREDITS
    adjusted_cents: Amount = _NO_CENTS

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: a rail, and its value of every day."""

    label: str
    values: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Daily:
    """A measure by day and by rail."""

    measure: Measure
    title: str
    days: tuple[date, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far the purchases of a rail came, and how long its grants took: upper bounds, None beyond a day."""

    rail_id: str
    quotes: int
    attempts: int
    paid: int
    granted: int
    half_within_seconds: int | None
    most_within_seconds: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of a period, up to the moment when they were counted last; None: never."""

    days: int
    begins_on: date
    counted_at: datetime | None
    sums: Sums
    by_rail: tuple[tuple[str, Sums], ...]
    outstanding: Amount
    owed: Amount
    dailies: tuple[Daily, ...]
    funnels: tuple[Funnel, ...]


# Each line of a day, in the words of this page. What is spent or taken back counts positive here.
_LINES: Final = text(
    """
    SELECT
        day, source,
        coalesce(sum(credits) FILTER (WHERE what = 'granted' AND starts_with(source, 'clearing:')), 0)
            AS sold,
        coalesce(sum(cents) FILTER (WHERE what = 'granted'), 0) AS received,
        coalesce(sum(credits) FILTER (WHERE what = 'granted' AND NOT starts_with(source, 'clearing:')), 0)
            AS given,
        coalesce(-sum(credits) FILTER (WHERE what IN ('spent', 'unwound')), 0) AS spent,
        coalesce(sum(revenue_cents), 0) AS earned,
        coalesce(-sum(credits) FILTER (WHERE what = 'expired'), 0) AS expired,
        coalesce(sum(breakage_cents), 0) AS breakage,
        coalesce(-sum(credits) FILTER (WHERE what IN ('reversed', 'reinstated')), 0) AS reversed,
        coalesce(-sum(cents) FILTER (WHERE what IN ('reversed', 'reinstated')), 0) AS taken_back,
        coalesce(sum(credits) FILTER (WHERE what = 'adjusted'), 0) AS adjusted,
        coalesce(sum(cents) FILTER (WHERE what = 'adjusted'), 0) AS adjusted_cents,
        sum(credits) AS credits,
        sum(cents) AS cents
    FROM figure_day
    WHERE day >= :begins_on
    GROUP BY day, source
    """
)
_OUTSTANDING: Final = text("SELECT source, credits, cents FROM figure_outstanding")
_FUNNELS: Final = text("SELECT * FROM figure_funnel WHERE day >= :begins_on ORDER BY rail_id")
_COUNTED: Final = text("SELECT counted_at FROM figure_cursor")
_TITLES: Final[Mapping[Measure, str]] = {
    "sold": "Credits sold",
    "spent": "Credits spent",
    "owed": "Outstanding liability at the end of the day",
    "earned": "Revenue recognised",
}
_CREDITS: Final = frozenset({"sold", "given", "spent", "expired", "reversed", "adjusted"})


@dataclass(frozen=True, slots=True)
class _Line:
    day: date
    source: str
    sums: Sums
    cents: int


def overview(session: Session, *, days: Days, now: datetime) -> Overview:
    """The last `days` days of UTC, today among them, from sums alone."""
    today = now.astimezone(UTC).date()
    begins_on = today - timedelta(days=days - 1)
    connection = session.connection()
    since = {"begins_on": begins_on}
    lines = [_line(dict(row)) for row in connection.execute(_LINES, since).mappings()]
    outstanding = {row.source: (row.credits, row.cents) for row in connection.execute(_OUTSTANDING)}
    last = max([today, *(each.day for each in lines)])
    calendar = tuple(begins_on + timedelta(days=place) for place in range((last - begins_on).days + 1))
    by_source: dict[str, Sums] = defaultdict(Sums)
    for each in lines:
        by_source[each.source] += each.sums
    return Overview(
        days=days,
        begins_on=begins_on,
        counted_at=connection.execute(_COUNTED).scalar_one(),
        sums=sum(by_source.values(), Sums()),
        by_rail=tuple((rail(source), by_source[source]) for source in sorted(by_source)),
        outstanding=Amount(sum(credits for credits, _ in outstanding.values()), CREDIT),
        owed=Amount(sum(cents for _, cents in outstanding.values()), USD),
        dailies=_dailies(lines, {source: cents for source, (_, cents) in outstanding.items()}, calendar),
        funnels=_funnels([dict(row) for row in connection.execute(_FUNNELS, since).mappings()]),
    )


def rail(source: str) -> str:
    """A source as people call it: the rail, or what it is instead."""
    return source.removeprefix(_CLEARING)


def _line(row: Mapping[str, Any]) -> _Line:
    told = {
        each.name: Amount(int(row[each.name]), CREDIT if each.name in _CREDITS else USD)
        for each in fields(Sums)
    }
    return _Line(row["day"], row["source"], Sums(**told), int(row["cents"]))


def _dailies(
    lines: Sequence[_Line], owed: Mapping[str, int], calendar: tuple[date, ...]
) -> tuple[Daily, ...]:
    found = {(each.source, each.day): each for each in lines}
    made = []
    for measure in ("sold", "spent", "owed", "earned"):
        series = []
        for source in sorted({*owed, *(each.source for each in lines)}):
            of_days = [found.get((source, day)) for day in calendar]
            if measure == "owed":
                values = _closings(owed.get(source, 0), [each.cents if each else 0 for each in of_days])
            else:
                nothing = getattr(Sums(), measure)
                values = tuple(getattr(each.sums, measure) if each else nothing for each in of_days)
            if any(value.units for value in values):
                series.append(Series(rail(source), values))
        made.append(Daily(measure, _TITLES[measure], calendar, tuple(series)))
    return tuple(made)


def _closings(now: int, moved: Sequence[int]) -> tuple[Amount, ...]:
    """What was owed at the end of every day, reckoned back from what is owed now."""
    back = accumulate(reversed(moved[1:]), lambda owed, change: owed - change, initial=now)
    return tuple(Amount(cents, USD) for cents in reversed(list(back)))


def _funnels(rows: Sequence[Mapping[str, Any]]) -> tuple[Funnel, ...]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    waited: dict[str, list[int]] = defaultdict(lambda: [0] * (len(WAITED_SECONDS) + 1))
    for row in rows:
        for step in ("quotes", "attempts", "paid", "granted"):
            counts[row["rail_id"]][step] += row[step]
        sums = waited[row["rail_id"]]
        for place, many in enumerate(row["waited"]):
            sums[place] += many
    return tuple(
        Funnel(
            rail_id=rail_id,
            quotes=found["quotes"],
            attempts=found["attempts"],
            paid=found["paid"],
            granted=found["granted"],
            half_within_seconds=_within(waited[rail_id], 50),
            most_within_seconds=_within(waited[rail_id], 95),
        )
        for rail_id, found in sorted(counts.items())
    )


def _within(waited: Sequence[int], percent: int) -> int | None:
    """The smallest bound that so many of a hundred did not exceed."""
    total, so_far = sum(waited), 0
    for bound, many in zip(WAITED_SECONDS, waited, strict=False):
        so_far += many
        if total and so_far * 100 >= total * percent:
            return bound
    return None
