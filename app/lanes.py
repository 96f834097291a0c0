"""Places for work of one kind: so many at a time, a short queue for them, and each given back once."""

import asyncio
from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

_PLACE: Final = "pennyrail.place"


class Full(Exception):
    """As much is done, and as many wait, as may."""


@dataclass(slots=True)
class Lane:
    """Work of one kind: `at_once` pieces of it, and so many more that wait their turn, each so long."""

    at_once: int
    waiting_most: int
    wait_seconds: float
    busy: int = field(default=0, init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)

    def take(self) -> bool:
        """Take a place if one is free, and tell whether it was."""
        if self.busy < self.at_once:
            self.busy += 1
            return True
        return False

    async def enter(self) -> None:
        """Take a place, in order of arrival. Whoever has one calls `leave`.

        raises: Full
        """
        if self.take():
            return
        if len(self._waiting) >= self.waiting_most:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The place came at the moment of giving up: it is the next one's.
                self.leave()
            elif turn in self._waiting:
                # Not there any more if a place was offered after it had given up and before it could say so.
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise Full from None
            raise

    def leave(self) -> None:
        """Give the place to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Place:
    """One request's place in a lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane: Lane | None = lane

    def leave(self) -> None:
        """Give it back; a second time does nothing."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave()


def taken(lane: Lane, scope: MutableMapping[str, Any]) -> Place:
    """The place of a request that has entered `lane`."""
    scope[_PLACE] = place = Place(lane)
    return place


def only_waits(scope: MutableMapping[str, Any]) -> None:
    """Let somebody else work: this request only waits from here on."""
    place = scope.get(_PLACE)
    if isinstance(place, Place):
        place.leave()
