"""What Prometheus reads of a process that serves: the house's figures, its connections, what is queued."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from typing_extensions import override

from app.house import Clock
from ledger.database import Sessions
from office import measures
from office.measures import Measure

logger = logging.getLogger("pennyrail.telemetry")
# Past it a figure would be told of that nobody knows any more.
_STALE: Final = 6


@dataclass(eq=False, slots=True)
class HouseFigures(Collector):
    """The figures of `office/measures.py`, read once in `seconds` by whoever asks first."""

    sessions: Sessions
    rail_ids: Sequence[str]
    clock: Clock
    seconds: float
    stopwatch: Callable[[], float] = time.monotonic
    _told: tuple[Measure, ...] = field(default=(), init=False)
    _asked_at: float = field(default=float("-inf"), init=False)
    _read_at: float = field(default=float("-inf"), init=False)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures, and how old they are. Those too old to be true are left out, and that is an alert."""
        with self._one_at_a_time:
            now = self.stopwatch()
            if now - self._asked_at >= self.seconds:
                # Also if it fails: a database in trouble is not asked at every scrape.
                self._asked_at = now
                self._read()
            age = self.stopwatch() - self._read_at
            told = self._told if age < _STALE * self.seconds else ()
        families: dict[str, GaugeMetricFamily] = {}
        for each in told:
            labels = [name for name, _ in each.labels]
            family = families.setdefault(each.name, GaugeMetricFamily(each.name, each.about, labels=labels))
            family.add_metric([value for _, value in each.labels], each.value)
        yield from families.values()
        up = GaugeMetricFamily("pennyrail_figures_up", "1 if the house's figures could be read")
        up.add_metric([], float(bool(told)))
        yield up

    def _read(self) -> None:
        try:
            with self.sessions() as session:
                self._told = measures.read(session, self.rail_ids, now=self.clock())
        except Exception as error:
            # Whatever it was, the other measures are read: they tell why.
            logger.warning("the figures could not be read: %s", type(error).__name__)
            return
        self._read_at = self.stopwatch()


@dataclass(frozen=True, eq=False, slots=True)
class Pool(Collector):
    """The connections of this process."""

    engine: Engine

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How many are in use, and how many there may be."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        family = GaugeMetricFamily("pennyrail_pool_connections", "Connections", labels=["state"])
        family.add_metric(["in_use"], pool.checkedout())
        # As many again may be opened under load: ledger/database.py.
        family.add_metric(["most"], 2 * pool.size())
        yield family


@dataclass(frozen=True, eq=False, slots=True)
class Queue(Collector):
    """What waits for the writer of the API server's door."""

    waiting: Callable[[], int]

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How many callers wait."""
        family = GaugeMetricFamily("pennyrail_writer_queue", "Callers whose operations are not written yet")
        family.add_metric([], self.waiting())
        yield family
