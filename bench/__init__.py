"""Measurements, each against its limit or a peer in the same run: ratios outlive the machine."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """How often, or how fast, something was done, and the limit that was measured beside it.

    `unit` says what `value` and `limit` count: "per second" wants more, everything else wants less. `goal` is
    the least ratio, or the most of the unit if there is no limit. `entries` were in the book.
    """

    name: str
    clients: int
    value: float
    limit: float | None = None
    unit: str = "per second"
    goal: float | None = None
    entries: int = 0
    series: str = ""
    """The line of a picture that it is a point of; the name, if empty."""

    @property
    def ratio(self) -> float | None:
        """The part of the limit that was reached; 1 is as good as the limit."""
        if self.limit is None:
            return None
        return self.value / self.limit if self.unit == "per second" else self.limit / self.value

    @property
    def reached(self) -> bool | None:
        """Whether the goal was; None if there is none."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.ratio is None else self.ratio >= self.goal


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be measured here, and why."""

    name: str
    reason: str


Row = Figure | Skipped
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure. Rounds are interleaved: each does all of the work once."""

    rounds: int = 5
    seconds: int = 2
    clients: tuple[int, ...] = (1, 2, 4, 8, 16)
    compared: int = 8
    """The number of clients where only one is measured, and that the goals are set for."""
    book_entries: tuple[int, ...] = (1_000_000, 5_000_000)
    long_account: int = 500_000
    purchases: tuple[int, int] = (1_000, 1_000_000)
    """Of the small and of the large shop, where pages over them are compared."""
    calls: int = 3_000
    """Calls per round, where single calls are measured."""


QUICK = Effort(
    rounds=3,
    seconds=1,
    clients=(1, 8),
    book_entries=(200_000,),
    long_account=50_000,
    calls=500,
    purchases=(1_000, 50_000),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """All rows of one bench, in order."""

    name: str
    seconds: float
    rows: list[Row] = field(default_factory=list)

    @property
    def missed(self) -> bool:
        """Whether a goal was."""
        return any(isinstance(row, Figure) and row.reached is False for row in self.rows)
