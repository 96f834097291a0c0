"""Keeping notices: what comes at the same time goes in one commit, and nobody is answered before it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import errors
from app.house import House
from rails import inbox
from rails.notice import Incoming

logger = logging.getLogger("pennyrail.http")

Wake = Callable[[Sequence[int]], None]
"""Told which notices somebody has to handle, once they are kept. May take its time, and may fail."""

_IN_ONE_COMMIT: Final = 100
# Of at most so many it is told at once: what is beyond stands in the table, where the sweeper finds it.
_WOKEN_MOST: Final = 2_000
_WAITING_MOST: Final = 2_000
_DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)


class Ingest:
    """A queue of notices and one thread that writes them. Lives in one event loop."""

    def __init__(self, house: House, wake: Wake) -> None:
        self._house = house
        self._waiting: deque[tuple[Incoming, asyncio.Future[None]]] = deque()
        self._pen = ThreadPoolExecutor(1, "pennyrail-ingest")
        self._writing: asyncio.Task[None] | None = None
        self._bell = _Bell(wake)

    async def keep(self, incoming: Incoming) -> None:
        """Keep a notice. When this returns it is committed.

        raises: NotReady if too many wait; what the database raises if it was not kept.
        """
        if len(self._waiting) >= _WAITING_MOST:
            raise errors.NotReady("too many notices are waiting")
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((incoming, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await kept

    async def _write_all(self) -> None:
        """Write until nobody waits: while one commit is under way, the next group gathers."""
        try:
            while self._waiting:
                count = min(len(self._waiting), _IN_ONE_COMMIT)
                await self._write([self._waiting.popleft() for _ in range(count)])
        finally:
            self._writing = None

    async def _write(self, group: list[tuple[Incoming, asyncio.Future[None]]]) -> None:
        try:
            await self._commit([incoming for incoming, _ in group])
        except Exception as error:
            if len(group) > 1 and isinstance(error, DBAPIError) and not isinstance(error, _DATABASE_AWAY):
                # One that the database does not take must not keep out the others.
                for each in group:
                    await self._write([each])
                return
            logger.warning("%s notices were not kept: %s", len(group), type(error).__name__)
            for _, kept in group:
                if not kept.done():
                    kept.set_exception(error)
            return
        for _, kept in group:
            # Who has left meanwhile sends it again, and is told then.
            if not kept.done():
                kept.set_result(None)

    async def _commit(self, came: list[Incoming]) -> None:
        notice_ids = await asyncio.get_running_loop().run_in_executor(self._pen, self._keep, came)
        # Only after the commit, or the worker could look for a row that is not there yet.
        self._bell.ring(notice_ids)

    def _keep(self, came: list[Incoming]) -> Sequence[int]:
        with self._house.sessions() as session:
            return inbox.receive_all(session, came, now=self._house.clock())


class _Bell:
    """Wakes whoever handles notices, from a thread of its own: a queue that hangs holds up no answer."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._untold: deque[int] = deque(maxlen=_WOKEN_MOST)
        self._hand = ThreadPoolExecutor(1, "pennyrail-wake")
        self._ringing = False

    def ring(self, notice_ids: Sequence[int]) -> None:
        """Tell of these notices, soon. Called in the event loop alone."""
        self._untold.extend(notice_ids)
        if self._untold and not self._ringing:
            told = list(self._untold)
            self._untold.clear()
            self._ringing = True
            done = asyncio.get_running_loop().run_in_executor(self._hand, self._tell, told)
            done.add_done_callback(self._told)

    def _told(self, _done: asyncio.Future[None]) -> None:
        self._ringing = False
        self.ring(())

    def _tell(self, notice_ids: Sequence[int]) -> None:
        try:
            self._wake(notice_ids)
        except Exception as error:
            logger.warning("nobody was woken for %s notices: %s", len(notice_ids), type(error).__name__)
