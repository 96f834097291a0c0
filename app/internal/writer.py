"""The one place that writes for the door: takes what is queued and commits it together, without a timer."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy.engine import make_url

from app.internal.errors import Unavailable
from app.internal.settings import InternalSettings

Row = tuple[Any, ...]
"""outcome, replayed, transaction_id, version, posted, held, credits, details."""

_APPLY: Final = (
    "SELECT outcome, replayed, transaction_id, version, posted, held, credits, details"
    " FROM apply_operations(%s::operation[])"
)
# An operation waits for a row that a payment has locked, but not so long that all others do.
_OPTIONS: Final = "-c timezone=UTC -c lock_timeout=1000 -c statement_timeout=10000"
_DRAIN_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class _Wish:
    """Operations that are committed together or not at all, and who waits for their outcomes."""

    operations: Sequence[str]
    answer: asyncio.Future[list[Row]]


class Writer:
    """A queue, and connections that empty it. Lives in one event loop, from `start` to `stop`."""

    def __init__(self, database_url: str, settings: InternalSettings) -> None:
        spelled = make_url(database_url.replace("postgres://", "postgresql://", 1)).set(
            drivername="postgresql"
        )
        self._conninfo = spelled.render_as_string(hide_password=False)
        self._settings = settings
        self._queue: asyncio.Queue[_Wish] = asyncio.Queue(settings.queue_most)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False

    def start(self) -> None:
        """Begin to take operations. The database need not be there yet."""
        self._queue = asyncio.Queue(self._settings.queue_most)
        self._tasks = [
            asyncio.create_task(_Pen(self._conninfo).write_from(self._queue, self._settings.group_most))
            for _ in range(self._settings.writers)
        ]
        self._open = True

    async def stop(self) -> None:
        """Refuse what comes, write what is queued, and close the connections."""
        self._open = False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), _DRAIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def write(self, operations: Sequence[str]) -> list[Row]:
        """What came of these operations, in their order, all of one commit.

        raises: Unavailable, it may have been done; psycopg.Error, it was refused and nothing was done.
        """
        if not self._open:
            raise Unavailable("not started, or about to stop")
        wish = _Wish(operations, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(wish)
        except asyncio.QueueFull:
            raise Unavailable("too many are waiting") from None
        return await wish.answer


class _Pen:
    """One connection and what it writes."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[Row] | None = None

    async def write_from(self, queue: asyncio.Queue[_Wish], most: int) -> None:
        """Write whatever is queued, as much of it together as `most` allows, until cancelled."""
        try:
            while True:
                wishes = [await queue.get()]
                count = len(wishes[0].operations)
                while count < most and not queue.empty():
                    wishes.append(queue.get_nowait())
                    count += len(wishes[-1].operations)
                try:
                    await self._write(wishes)
                finally:
                    for _ in wishes:
                        queue.task_done()
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def _write(self, wishes: list[_Wish]) -> None:
        # Once more as a whole: another was faster with one of the keys, or the database was restarted. What
        # was committed before the connection broke is then found under its key.
        for _ in range(2):
            try:
                self._answer(wishes, await self._send(wishes))
                return
            except psycopg.Error as error:
                failure = error
                if isinstance(error, psycopg.errors.LockNotAvailable):
                    break
        if len(wishes) == 1 or self._connection is None or self._connection.closed:
            for wish in wishes:
                _fail(wish, failure)
            return
        for wish in wishes:
            await self._write([wish])

    async def _send(self, wishes: list[_Wish]) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=3,
                application_name="pennyrail-internal",
                options=_OPTIONS,
            )
        given = ",".join(operation for wish in wishes for operation in wish.operations)
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_APPLY, (f"{{{given}}}",), prepare=True)
        return await cursor.fetchall()

    @staticmethod
    def _answer(wishes: list[_Wish], rows: list[Row]) -> None:
        place = 0
        for wish in wishes:
            until = place + len(wish.operations)
            if not wish.answer.done():
                wish.answer.set_result(rows[place:until])
            place = until


def _fail(wish: _Wish, error: psycopg.Error) -> None:
    if not wish.answer.done():
        # An OperationalError is about the database and the moment, not about what was asked.
        away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        wish.answer.set_exception(Unavailable(type(error).__name__) if away else error)
