"""GET /livez and /readyz, for whoever runs the processes: whether one answers, and whether to send to it.

They are not of the contract: agents ask /healthz. A dependency is told by name alone.
"""

import asyncio
import logging
from typing import Final

import psycopg
from fastapi import FastAPI
from psycopg.rows import TupleRow
from sqlalchemy.pool import QueuePool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.draining import Draining
from app.migrations import schema
from ledger import database
from ledger.database import Sessions

_KEPT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2
# A pool that is empty for a moment is a pool in use; taking the process out then would empty the others'.
FULL_SECONDS: Final = 5.0
_HEADERS: Final = {"cache-control": "no-store"}
logger = logging.getLogger("pennyrail.http")


class Readiness:
    """What keeps a process from working. Asked as often as anybody likes, it looks once a second."""

    def __init__(
        self,
        sessions: Sessions,
        draining: Draining,
        *,
        kept_seconds: float = _KEPT_SECONDS,
        full_seconds: float = FULL_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._draining = draining
        self._kept_seconds, self._full_seconds = kept_seconds, full_seconds
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._full_since: float | None = None
        self._found: tuple[str, ...] = ()
        self._connection: psycopg.AsyncConnection[TupleRow] | None = None

    async def problems(self) -> tuple[str, ...]:
        """`draining`, `database`, `schema`, `pool`: whichever is so. Empty if this process is ready."""
        now = asyncio.get_running_loop().time
        async with self._looking:
            if self._looked_at is None or now() - self._looked_at >= self._kept_seconds:
                self._found = (*await self._database(), *self._pool(now()))
                self._looked_at = now()
        return ("draining", *self._found) if self._draining.under_way else self._found

    async def close(self) -> None:
        """Close the connection. The next look opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _database(self) -> tuple[str, ...]:
        # Once more: a connection may have been closed while nobody asked.
        for _ in range(2):
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    found = await self._ask()
            except psycopg.errors.UndefinedTable:
                found = None
            except (psycopg.Error, OSError) as error:
                logger.warning("not ready, the database does not answer: %s", type(error).__name__)
                await self.close()
                continue
            refused = schema.refusal(*(found or (None, None)))
            if refused is not None:
                logger.warning("not ready: %s", refused)
            return () if refused is None else ("schema",)
        return ("database",)

    async def _ask(self) -> TupleRow | None:
        # Of its own: a pool without a connection left must not look like a database that is away.
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                await asyncio.to_thread(database.address, self._sessions),
                autocommit=True,
                connect_timeout=_ANSWER_SECONDS,
                application_name="pennyrail-readiness",
                options=f"-c statement_timeout={_ANSWER_SECONDS * 1000}",
            )
        return await (await self._connection.execute(schema.FOUND)).fetchone()

    def _pool(self, now: float) -> tuple[str, ...]:
        pool = database.engine(self._sessions).pool
        # `database.connect` lets it grow to twice its size.
        full = isinstance(pool, QueuePool) and pool.checkedout() >= 2 * pool.size()
        if not full:
            self._full_since = None
            return ()
        self._full_since = now if self._full_since is None else self._full_since
        return ("pool",) if now - self._full_since >= self._full_seconds else ()


def install(app: FastAPI, readiness: Readiness) -> None:
    """Open both doors."""

    async def live(request: Request) -> Response:
        request.scope["route"] = of_life
        return JSONResponse({"alive": True}, headers=_HEADERS)

    async def ready(request: Request) -> Response:
        request.scope["route"] = of_readiness
        problems = await readiness.problems()
        told = {"ready": not problems, "not_ready": list(problems)}
        return JSONResponse(told, status_code=503 if problems else 200, headers=_HEADERS)

    of_life, of_readiness = Route("/livez", live), Route("/readyz", ready)
    app.router.routes.extend((of_life, of_readiness))
