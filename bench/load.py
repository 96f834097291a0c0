"""A realistic mix at a rising rate: where one API, one worker and one PostgreSQL are full, and what then.

Writes docs/load.md and docs/load.png, unless it is a quick run.
"""

from collections.abc import Iterator
from typing import Final

from bench import Figure, Row, _load_page, _pgbench, _statements
from bench._load import Load, rate
from bench._load_page import Limits, Step
from bench._offering import Came
from bench._pgbench import Work
from bench._run import Run
from bench._server import Server
from bench._serving import module
from bench._town import Town, town

FIRST: Final = 10.0
FACTOR: Final = 1.6
MOST_STEPS: Final = 12
BEYOND: Final = (1.5, 2.0, 3.0)
"""How far past the knee, as parts of it."""
KEPT_UP: Final = 0.95
IN_TIME_MS: Final = 2_000


def measure(run: Run) -> Iterator[Row]:
    """The knee by its limits in the same run, and what is left of the peak past it."""
    with town(run, "load") as place:
        limits = _limits(run, place)
        run.progress("warming up")
        place.offer(rate=FIRST, seconds=run.effort.seconds * 2)
        steps = list(_climb(run, place))
        knee = _load_page.knee(steps, kept_up=KEPT_UP)
        steps += [_step(run, place, knee.offered * part) for part in BEYOND]
        again = _step(run, place, knee.offered / 2)
    yield from _figures(steps, knee, again, limits)
    for path in _load_page.write(steps, knee, again, limits, quick=run.effort.rounds < 5):
        run.progress(str(path))


def _limits(run: Run, place: Town) -> Limits:
    server = Server(place.database_url)
    server.prepare()
    book = server.book("load_limit")
    holds, noops = [], []
    with module(run, place.home.environment, "bench._noop") as port:
        for turn in range(min(3, run.effort.rounds)):
            run.progress(f"limits, round {turn + 1}")
            hold = Work(url=book, script=_statements.HOLD)
            holds.append(_pgbench.rate(hold, clients=run.effort.compared, seconds=run.effort.seconds))
            noops.append(
                rate(Load(port=port, path="/noop", method="POST", body="{}", seconds=run.effort.seconds))
            )
    server.drop("load_limit")
    return Limits(noop=sorted(noops)[len(noops) // 2], holds=sorted(holds)[len(holds) // 2])


def _climb(run: Run, place: Town) -> Iterator[Step]:
    """Steps up to the second at which it does not keep up: one may be a bad moment of the machine."""
    offered, behind = FIRST, 0
    for _ in range(MOST_STEPS):
        step = _step(run, place, offered)
        yield step
        behind += step.in_time < KEPT_UP * step.offered
        if behind == 2:
            return
        offered *= FACTOR


def _step(run: Run, place: Town, offered: float) -> Step:
    run.progress(f"{offered:.0f} a second are offered")
    granted = place.count(_GRANTED)
    came = place.offer(rate=offered, seconds=run.effort.seconds * 5)
    waiting = place.count(_WAITING)
    return _told(came, granted=place.count(_GRANTED) - granted, waiting=waiting)


def _told(came: Came, *, granted: int, waiting: int) -> Step:
    every = [each for times in came.done.values() for each in times]
    return Step(
        offered=came.offered / came.seconds,
        done=len(every) / came.seconds,
        in_time=sum(each <= IN_TIME_MS for each in every) / came.seconds,
        refused=came.refused / came.seconds,
        failed=(came.wrong + came.lost) / came.seconds,
        late_ms=came.late_ms,
        times=came.done,
        refusal_ms=came.refusal_ms,
        paid=came.paid / came.seconds,
        granted=granted / came.seconds,
        waiting=waiting,
        faults=tuple(came.faults),
    )


def _figures(steps: list[Step], knee: Step, again: Step, limits: Limits) -> Iterator[Row]:
    peak = max(step.in_time for step in steps)
    yield Figure("knee, by no-op", 0, knee.in_time, limits.noop)
    yield Figure("knee, by pgbench's holds", 0, knee.in_time, limits.holds)
    for part, step in zip(BEYOND, steps[-len(BEYOND) :], strict=True):
        yield Figure(f"in time at {part:g} x the knee, by peak", 0, step.in_time, peak, goal=0.8)
    failed = sum(step.failed for step in steps)
    yield Figure("neither done nor refused", 0, failed, unit="a second", goal=0)
    yield Figure("in time at half the knee afterwards", 0, again.in_time, again.offered, goal=KEPT_UP)


_GRANTED: Final = "SELECT count(*) FROM payment_attempt WHERE state = 'succeeded'"
_WAITING: Final = "SELECT count(*) FROM notice WHERE state = 'waiting'"
