"""Hours of purchases and holds in minutes: what of memory, connections, dead rows, keys and files grows.

A figure is how much more there is at the end than in the middle, after the house has warmed up: what has
found its level stays, and what grows without bound does not. With --strict a missed goal fails the run.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from bench import Figure, Row, _soak_page
from bench._run import Run
from bench._sampling import Sample, sample
from bench._town import Town, town

RATE: Final = 40.0
WINDOWS: Final = 20
# Of a window; the effort counts in two seconds.
TIMES: Final = 15
MIX: Final = {
    "signups": 3.0,
    "quotes": 15.0,
    "purchases": 12.0,
    "status": 15.0,
    "holds": 25.0,
    "captures": 22.0,
    "quota": 4.0,
    "activity": 4.0,
}
# How much more may be there at the end than in the middle, and that much of the middle besides.
ROOM: Final[Mapping[str, tuple[float, float]]] = {
    "MB": (15.0, 0.10),
    "files": (20.0, 0.10),
    "connections": (10.0, 0.0),
    "keys": (100.0, 0.10),
    "% dead": (20.0, 0.0),
}


def measure(run: Run) -> Iterator[Row]:
    """The growth of each thing that was watched, and how much was done meanwhile."""
    windows = WINDOWS if run.effort.rounds >= 5 else 6
    with town(run, "soak") as place:
        place.offer(rate=RATE, seconds=run.effort.seconds * TIMES, mix=MIX)
        samples, done, wrong, lost = [], 0, 0, 0
        for window in range(windows):
            run.progress(f"window {window + 1} of {windows}")
            came = place.offer(rate=RATE, seconds=run.effort.seconds * TIMES, mix=MIX)
            done += sum(len(times) for times in came.done.values())
            wrong += came.wrong
            lost += came.lost
            samples.append(sample(place.home, requests=done))
        yield from _done(place, done=done, wrong=wrong, lost=lost)
    for name in samples[-1].watched:
        yield growth(name, samples)
    run.progress(str(_soak_page.draw(samples)))


def growth(name: str, samples: list[Sample]) -> Figure:
    """By how much more there is of something in the last third than in the middle one."""
    third = max(1, len(samples) // 3)
    unit = samples[-1].watched[name].unit
    levels = [each.watched[name].value for each in samples if name in each.watched]
    middle, end = _median(levels[third : 2 * third] or levels), _median(levels[-third:])
    absolute, relative = ROOM[unit]
    return Figure(name, 0, end - middle, unit=unit, goal=absolute + relative * middle)


def _done(place: Town, *, done: int, wrong: int, lost: int) -> Iterator[Row]:
    purchases = place.count("SELECT count(*) FROM payment_attempt")
    holds = place.count("SELECT count(*) FROM hold")
    yield Figure("requests done", 0, done, unit="in all")
    yield Figure("purchases opened", 0, purchases, unit="in all")
    yield Figure("holds placed", 0, holds, unit="in all")
    yield Figure("answered wrongly", 0, wrong, unit="in all", goal=0)
    yield Figure("not answered in time", 0, lost, unit="in all")


def _median(levels: list[float]) -> float:
    return sorted(levels)[len(levels) // 2]
