"""What moves when a purchase changes, read for all who ask at the same moment in one statement."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool

from ledger.database import Sessions

_MOST: Final = 500

_MARKS: Final = text(
    """
    SELECT
        token.agent_id, quote.quote_id, CASE WHEN balance.due_at < 'infinity' THEN balance.due_at END,
        attempt.state, attempt.looks, attempt.reference IS NULL, balance.seq,
        (
            SELECT max(exception.exception_id)
            FROM payment_exception AS exception
            WHERE exception.payment_attempt_id = attempt.payment_attempt_id AND exception.closed_at IS NULL
        )
    FROM unnest(CAST(:tokens AS bytea[]), CAST(:quotes AS text[])) WITH ORDINALITY
        AS asked (token_hash, quote_id, place)
    LEFT JOIN agent_token AS token ON token.token_hash = asked.token_hash AND token.revoked_at IS NULL
    LEFT JOIN quote ON quote.quote_id = asked.quote_id AND quote.agent_id = token.agent_id
    LEFT JOIN payment_attempt AS attempt ON attempt.quote_id = quote.quote_id
    LEFT JOIN account ON account.name = 'agent:' || token.agent_id
    LEFT JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    ORDER BY asked.place
    """
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose token was shown, and which purchase is meant."""

    token_hash: bytes
    quote_id: str


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
    """A queue that one reading empties. While it runs, the next one gathers."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._waiting: list[tuple[Ask, asyncio.Future[Mark]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, ask: Ask) -> Mark:
        """The mark of one purchase. Raises what the database raises."""
        answer: asyncio.Future[Mark] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                marks = await run_in_threadpool(self._look, [ask for ask, _ in group])
            except Exception as error:
                for _, answer in group:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), mark in zip(group, marks, strict=True):
                if not answer.done():
                    answer.set_result(mark)

    def _look(self, asks: Sequence[Ask]) -> list[Mark]:
        given = {
            "tokens": [ask.token_hash for ask in asks],
            "quotes": [ask.quote_id for ask in asks],
        }
        with self._sessions() as session:
            rows = session.connection().execute(_MARKS, given).all()
        return [Mark(row[0], row[1], row[2], tuple(row[3:])) for row in rows]
