"""The one place that writes for the door: takes what is queued and commits it together, without a timer."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from app.internal.errors import Unavailable
from app.internal.settings import InternalSettings
from ledger import database
from rails.telemetry import measures

Row = tuple[Any, ...]
"""outcome, replayed, transaction_id, version, posted, held, credits, details."""

_APPLY: Final = (
    "SELECT outcome, replayed, transaction_id, version, posted, held, credits, details"
    " FROM apply_operations(%s::operation[])"
)
# An operation waits for a row that a payment has locked, but not so long that all others do: the group so
# long, and then all its callers, one by one, so long together.
_LOCK_MS: Final = 500
_STATEMENT_SECONDS: Final = 10
_OPTIONS: Final = (
    f"-c timezone=UTC -c lock_timeout={_LOCK_MS} -c statement_timeout={_STATEMENT_SECONDS * 1000}"
)
_TIMED_OUT: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
_DRAIN_SECONDS: Final = 15
# Longer than a statement may take: whoever has said nothing by then is not there any more.
ANSWER_SECONDS: Final = 12
logger = logging.getLogger("pennyrail.internal")


@dataclass(frozen=True, slots=True)
class Line:
    """One operation for the book: as an element of the array that it takes, and by what it is found again."""

    written: str
    reference: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """Operations that are committed together or not at all, and who waits for their outcomes."""

    lines: Sequence[Line]
    answer: asyncio.Future[list[Row]]

    @property
    def agents(self) -> set[str]:
        """Whose rows it locks."""
        return {line.agent_id for line in self.lines}


class Writer:
    """A queue, and connections that empty it. Lives in one event loop, from `start` to `stop`."""

    def __init__(
        self, database_url: str, settings: InternalSettings, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        spelled = database.parsed(database_url).set(drivername="postgresql")
        self._conninfo = make_conninfo(spelled.render_as_string(hide_password=False), **database.ALIVE)
        self._settings = settings
        self._answer_seconds = answer_seconds
        self._queue: asyncio.Queue[_Wish] = asyncio.Queue(settings.queue_most)
        self._tasks: list[asyncio.Task[None]] = []
        self._unwritten: Counter[str] = Counter()
        self._open = False

    def start(self) -> None:
        """Begin to take operations. The database need not be there yet."""
        self._queue = asyncio.Queue(self._settings.queue_most)
        self._unwritten.clear()
        self._tasks = [
            asyncio.create_task(self._pen().write_from(self._queue, self._settings.group_most))
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

    def is_writing(self, reference: str) -> bool:
        """Whether an operation of this reference is queued or being written, in this process."""
        return reference in self._unwritten

    @property
    def waiting(self) -> int:
        """How many callers are queued."""
        return self._queue.qsize()

    async def write(self, lines: Sequence[Line]) -> list[Row]:
        """What came of these operations, in their order, all of one commit.

        raises: Unavailable, it may have been done; psycopg.Error, it was refused and nothing was done.
        """
        if not self._open:
            raise Unavailable("not started, or about to stop")
        wish = _Wish(lines, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(wish)
        except asyncio.QueueFull:
            raise Unavailable("too many are waiting") from None
        self._unwritten.update(line.reference for line in lines)
        return await wish.answer

    def _pen(self) -> "_Pen":
        return _Pen(self._conninfo, self._answer_seconds, self._forget)

    def _forget(self, wish: _Wish) -> None:
        for line in wish.lines:
            self._unwritten[line.reference] -= 1
            if not self._unwritten[line.reference]:
                del self._unwritten[line.reference]


class _Pen:
    """One connection and what it writes."""

    def __init__(self, conninfo: str, answer_seconds: float, written: Callable[[_Wish], None]) -> None:
        self._conninfo = conninfo
        self._answer_seconds = answer_seconds
        self._written = written
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._lock_ms = _LOCK_MS

    @property
    def _connected(self) -> bool:
        return self._connection is not None and not self._connection.closed

    async def write_from(self, queue: asyncio.Queue[_Wish], most: int) -> None:
        """Write whatever is queued, as much of it together as `most` allows, until cancelled."""
        try:
            while True:
                wishes = [await queue.get()]
                count = len(wishes[0].lines)
                while count < most and not queue.empty():
                    wishes.append(queue.get_nowait())
                    count += len(wishes[-1].lines)
                try:
                    await self._write(wishes)
                except Exception:
                    # Nobody knows how far it came, and those who come next have nothing to do with it.
                    logger.exception("the door's operations were not written")
                    await self._close()
                finally:
                    # Who has an answer keeps it; the others must not wait for one for ever.
                    # Not when its caller leaves: what is queued is written all the same.
                    for wish in wishes:
                        _fail(wish, Unavailable("it was not written to the end"))
                        self._written(wish)
                        queue.task_done()
        finally:
            await self._close()

    async def _write(self, wishes: list[_Wish]) -> None:
        failure = await self._try(wishes, lock_ms=_LOCK_MS)
        if failure is None:
            return
        if len(wishes) > 1 and self._connected:
            await self._write_each(wishes)
        else:
            for wish in wishes:
                _fail(wish, failure)

    async def _write_each(self, wishes: list[_Wish]) -> None:
        now = asyncio.get_running_loop().time
        patient_until, write_until = now() + _LOCK_MS / 1000, now() + _STATEMENT_SECONDS
        stuck: set[str] = set()
        for wish in wishes:
            if not self._connected or now() > write_until or not stuck.isdisjoint(wish.agents):
                _fail(wish, Unavailable("others of its group took too long"))
                continue
            # Never 0, which is for ever.
            failure = await self._try([wish], lock_ms=max(1, round(1000 * (patient_until - now()))))
            if failure is None:
                continue
            _fail(wish, failure)
            # Of a batch nobody knows which of its agents it was.
            if isinstance(failure, _TIMED_OUT) and len(wish.agents) == 1:
                stuck |= wish.agents

    async def _try(self, wishes: list[_Wish], *, lock_ms: int) -> Exception | None:
        # Once more: another was faster with one of the keys, or the database was restarted. What was
        # committed before the connection broke is then found under its key.
        for _ in range(2):
            try:
                async with asyncio.timeout(self._answer_seconds):
                    rows = await self._send(wishes, lock_ms)
                self._answer(wishes, rows)
                return None
            except TimeoutError:
                await self._close()
                return Unavailable("the database did not answer")
            except psycopg.Error as error:
                failure = error
                if isinstance(error, _TIMED_OUT):
                    break
        return failure

    async def _send(self, wishes: list[_Wish], lock_ms: int) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection, self._lock_ms = None, _LOCK_MS
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=3,
                application_name="pennyrail-internal",
                options=_OPTIONS,
            )
        given = ",".join(line.written for wish in wishes for line in wish.lines)
        measures.GROUP.observe(sum(len(wish.lines) for wish in wishes))
        cursor = self._connection.cursor(binary=True)
        if lock_ms != self._lock_ms:
            await cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{lock_ms}ms",))
            self._lock_ms = lock_ms
        await cursor.execute(_APPLY, (f"{{{given}}}",), prepare=True)
        return await cursor.fetchall()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    @staticmethod
    def _answer(wishes: list[_Wish], rows: list[Row]) -> None:
        place = 0
        for wish in wishes:
            until = place + len(wish.lines)
            if not wish.answer.done():
                wish.answer.set_result(rows[place:until])
            place = until


def _fail(wish: _Wish, error: Exception) -> None:
    if not wish.answer.done():
        # An OperationalError is about the database and the moment, not about what was asked.
        away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        wish.answer.set_exception(Unavailable(type(error).__name__) if away else error)
