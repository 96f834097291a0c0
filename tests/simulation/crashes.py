"""A process that dies at a commit: just before it, and nothing was kept, or just after, and nobody knows."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from ledger.database import Sessions


class Crash(BaseException):
    """The process is gone. Not an `Exception`: no code of the house may catch it and go on."""


class Crashing:
    """An opener of transactions that kills whoever uses it when its moment comes."""

    def __init__(self, sessions: Sessions, chance: random.Random) -> None:
        self._sessions = sessions
        self._chance = chance
        self.commits_left: int | None = None
        """How many commits the process still lives; None for ever."""

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        """One transaction, the last one perhaps."""
        before = self._dies() and self._chance.random() < 0.5
        with self._sessions() as session:
            yield session
            if before:
                self.commits_left = None
                raise Crash
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left < 0:
                self.commits_left = None
                raise Crash

    def _dies(self) -> bool:
        return self.commits_left == 0
