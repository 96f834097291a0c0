"""One question to one door, written into the history, and asked again under its key until it is answered."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Final, TypeVar

from tests.faults.history import History

Found = TypeVar("Found")
SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
ASKED_AGAIN: Final = 0.1


class Unanswered(Exception):
    """Nobody knows whether it was done: the message says what was seen instead of an answer."""


class Refused(Exception):
    """It was certainly not done, for the reason `code`."""

    def __init__(self, code: str, **told: object) -> None:
        super().__init__(code)
        self.code = code
        self.told = told


@dataclass
class Ending:
    """When the load ends: clients begin nothing new once `asked`, and give up at `give_up_at`."""

    asked: Event = field(default_factory=Event)
    give_up_at: float = float("inf")

    def end(self, *, drain_seconds: float) -> None:
        """Let every client finish what it asked, for so long at most."""
        self.give_up_at = time.monotonic() + drain_seconds
        self.asked.set()

    @property
    def over(self) -> bool:
        """Whether clients must give up."""
        return time.monotonic() >= self.give_up_at


@dataclass
class Counts:
    """How many calls were answered, by operation; refusals are answers."""

    lock: Lock = field(default_factory=Lock)
    acknowledged: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, counter: Counter[str], op: str) -> None:
        """One more."""
        with self.lock:
            counter[op] += 1


@dataclass
class Asker:
    """What one client asks with."""

    number: int
    history: History
    ending: Ending
    counts: Counts
    chance: random.Random
    run: str
    made: int = 0

    def key(self) -> str:
        """An idempotency key that nobody else makes."""
        self.made += 1
        return f"{self.run}-{self.number}-{self.made}"

    def once(
        self,
        op: str,
        agent: str,
        send: Callable[[], Found],
        tell: Callable[[Found], Mapping[str, object]],
        **args: object,
    ) -> Found:
        """The answer to one call.

        raises: Refused, Unanswered
        """
        call = self.history.call(self.number, op, agent, **args)
        try:
            found = send()
        except Refused as refused:
            call.fail(refused.code, **refused.told)
            self.counts.add(self.counts.acknowledged, op)
            raise
        except Unanswered as unanswered:
            call.unknown(str(unanswered))
            self.counts.add(self.counts.unknown, op)
            raise
        call.ok(**tell(found))
        self.counts.add(self.counts.acknowledged, op)
        return found

    def keyed(
        self,
        op: str,
        agent: str,
        send: Callable[[], Found],
        tell: Callable[[Found], Mapping[str, object]],
        **args: Any,
    ) -> Found | None:
        """The answer to a call with a key, however often it must be asked; None if it was refused, or if
        the load ended before anybody answered. Now and then it is asked once more though it was answered.
        """
        found, pause = None, SHORTEST_PAUSE_SECONDS
        again = self.chance.random() < ASKED_AGAIN
        while not self.ending.over:
            try:
                found = self.once(op, agent, send, tell, **args)
            except Refused:
                found = None
            except Unanswered:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            if not again:
                return found
            again = False
        return found
