"""Measurements, each against its limit or a peer in the same run: ratios outlive the machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """How often per second something was done, and the limit that was measured beside it."""

    name: str
    clients: int
    rate: float
    limit_rate: float

    @property
    def ratio(self) -> float:
        """The part of the physical limit that was reached."""
        return self.rate / self.limit_rate


Progress = Callable[[str], None]
Bench = Callable[[Progress], Iterator[Figure]]
