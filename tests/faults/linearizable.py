"""Whether operations that overlap in time can have happened one after the other.

The search of Wing and Gong, in the form of Lowe: it walks over beginnings and ends in order of time, and
keeps every state that the account may be in, with the operations on their way that have already taken effect
there. An operation is tried only when another one, or it itself, has ended and must be explained, so what is
kept shrinks to one state wherever nothing is on its way.

source: Gavin Lowe, Testing for linearizability, Concurrency and Computation 29(4), 2017.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.model import Operation, State, after

MOST_STEPS: Final = 400_000
SHOWN: Final = 3

Configuration = tuple[State, frozenset[int]]
"""A state, and the places of the operations that took effect before they were answered."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`broken` says what no order explains. `undecided`: the search gave up, and nothing is known."""

    broken: str | None = None
    undecided: bool = False

    @property
    def accepted(self) -> bool:
        """Whether an order was found."""
        return self.broken is None and not self.undecided


def judge(operations: Sequence[Operation], *, most: int = MOST_STEPS) -> Finding:
    """Whether there is an order that explains all answers. Tries at most `most` operations on states."""
    kept: set[Configuration] = {(State(), frozenset())}
    pending: dict[int, Operation] = {}
    left = most
    for place, begins in _events(operations):
        if begins:
            pending[place] = operations[place]
            continue
        found, tried = _explain(kept, pending, place, most=left)
        left -= tried
        if left <= 0:
            return Finding(undecided=True)
        if not found:
            return Finding(broken=_words(operations[place], kept, pending))
        kept = found
        del pending[place]
    return Finding()


def _events(operations: Sequence[Operation]) -> Iterator[tuple[int, bool]]:
    """Places of operations and whether they begin, in order of time; at one moment beginnings come first."""
    times = [(each.invoked, 0, place) for place, each in enumerate(operations)]
    times += [(each.returned, 1, place) for place, each in enumerate(operations) if each.returned is not None]
    return ((place, ends == 0) for _, ends, place in sorted(times))


def _explain(
    kept: set[Configuration], pending: dict[int, Operation], ended: int, *, most: int
) -> tuple[set[Configuration], int]:
    """Where the account may be if the operation at `ended` has taken effect, and how much was tried."""
    found: set[Configuration] = set()
    seen, waiting, tried = set(kept), list(kept), 0
    while waiting and tried < most:
        state, done = waiting.pop()
        if ended in done:
            found.add((state, done - {ended}))
            continue
        for place, operation in pending.items():
            if place in done:
                continue
            tried += 1
            then = after(state, operation)
            if then is not None and (then, done | {place}) not in seen:
                seen.add((then, done | {place}))
                waiting.append((then, done | {place}))
    return found, tried


def _words(ended: Operation, kept: set[Configuration], pending: dict[int, Operation]) -> str:
    states = sorted({(state.version, state.posted, state.held) for state, _ in kept})[:SHOWN]
    before = ", ".join(f"version {version}: {posted}, {held} held" for version, posted, held in states)
    others = [each.name for each in pending.values() if each is not ended][:SHOWN]
    beside = f", beside {', '.join(others)}" if others else ""
    return f"{ended.name} was answered {ended.answer}{beside}; no order explains that after {before}"
