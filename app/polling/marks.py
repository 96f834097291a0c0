"""What moves when a purchase changes, read for all who ask at the same moment in one statement."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from app.errors import NotReady
from ledger import database
from ledger.database import Sessions
from rails.status import ReferenceKind

_MOST: Final = 500
_SECONDS: Final = 5
_OPTIONS: Final = f"-c timezone=UTC -c statement_timeout={_SECONDS * 1000}"

logger = logging.getLogger("pennyrail.http")

_MARKS: Final = """
    SELECT
        token.agent_id, quote.quote_id, CASE WHEN balance.due_at < 'infinity' THEN balance.due_at END,
        attempt.state, attempt.looks, attempt.reference IS NULL, balance.seq,
        (
            SELECT max(exception.exception_id)
            FROM payment_exception AS exception
            WHERE exception.payment_attempt_id = attempt.payment_attempt_id AND exception.closed_at IS NULL
        )
    FROM unnest(%s::bytea[], %s::text[], %s::text[]) WITH ORDINALITY
        AS asked (token_hash, kind, reference, place)
    LEFT JOIN agent_token AS token ON token.token_hash = asked.token_hash AND token.revoked_at IS NULL
    LEFT JOIN LATERAL (
        SELECT asked.reference AS quote_id
        WHERE asked.kind = 'quote_id'
        UNION ALL
        SELECT meant.quote_id
        FROM payment_attempt AS meant
        WHERE asked.kind = 'payment_attempt_id' AND meant.payment_attempt_id = asked.reference
        UNION ALL
        -- A PaymentIntent id is a reference too, but never one that an agent was given.
        SELECT meant.quote_id
        FROM payment_attempt AS meant
        WHERE asked.kind = 'checkout_session_id' AND meant.reference = asked.reference
            AND starts_with(asked.reference, 'cs_')
        UNION ALL
        SELECT meant.quote_id
        FROM receipt AS meant
        WHERE asked.kind = 'receipt_id' AND meant.receipt_id = asked.reference
    ) AS meant ON true
    LEFT JOIN quote ON quote.quote_id = meant.quote_id AND quote.agent_id = token.agent_id
    LEFT JOIN payment_attempt AS attempt ON attempt.quote_id = quote.quote_id
    LEFT JOIN account ON account.name = 'agent:' || token.agent_id
    LEFT JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    ORDER BY asked.place
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose token was shown, and the reference of a purchase."""

    token_hash: bytes
    kind: ReferenceKind
    reference: str


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a purchase and the balance of its agent have come."""

    agent_id: str | None
    """None: the token was never given, or is no longer valid."""
    quote_id: str | None
    """None: no purchase of this agent's."""
    due_at: datetime | None
    """When the clock makes something due on the agent's balance."""
    version: tuple[Any, ...]
    """Equal as long as nothing was written that the answer shows."""


class Marks:
    """A queue that one reading empties. While it runs, the next one gathers.

    It has a connection of its own and no thread: a door that waits for a processor holds up nobody who polls.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._waiting: list[tuple[Asked, asyncio.Future[Mark]]] = []
        self._reading: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[TupleRow] | None = None

    async def read(self, ask: Asked) -> Mark:
        """The mark of one purchase.

        raises: NotReady, the database does not answer.
        """
        answer: asyncio.Future[Mark] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        return await answer

    async def close(self) -> None:
        """Close the connection. The next reading opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _read_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                marks = await self._look([ask for ask, _ in group])
            except Exception:
                # A fault of ours: whoever waits must hear of it, and the next ones be read.
                logger.exception("the state of purchases could not be read")
                marks = None
            for place, (_, answer) in enumerate(group):
                if answer.done():
                    continue
                if marks is None:
                    answer.set_exception(NotReady("the database does not answer"))
                else:
                    answer.set_result(marks[place])

    async def _look(self, asks: Sequence[Asked]) -> list[Mark] | None:
        """The marks in order; None when the database does not answer."""
        # Once more: a connection may have been closed while nobody asked.
        for _ in range(2):
            try:
                async with asyncio.timeout(_SECONDS):
                    rows = await self._select(asks)
                return [Mark(row[0], row[1], row[2], tuple(row[3:])) for row in rows]
            except (psycopg.Error, OSError) as error:
                logger.warning("the state of purchases could not be read: %s", type(error).__name__)
                await self.close()
        return None

    async def _select(self, asks: Sequence[Asked]) -> list[TupleRow]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                await asyncio.to_thread(database.address, self._sessions),
                autocommit=True,
                connect_timeout=_SECONDS,
                application_name="pennyrail-polling",
                options=_OPTIONS,
            )
        given = (
            [ask.token_hash for ask in asks],
            [ask.kind for ask in asks],
            [ask.reference for ask in asks],
        )
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_MARKS, given, prepare=True)
        return await cursor.fetchall()
