"""Which service is calling, and what it may do: looked up once in a few seconds, not at every call."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.concurrency import run_in_threadpool

from app import service_tokens
from app.house import Clock
from app.internal.errors import Declined
from app.models import ServiceToken
from ledger.database import Sessions

MOST_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """A service that showed a valid token."""

    name: str
    scopes: frozenset[str]

    def key(self, given: str) -> str:
        """The service's key as the book knows it: no other service's key is ever the same."""
        return f"svc:{self.name}:{given}"

    @property
    def actor(self) -> str:
        """Who the book says it was."""
        return f"service:{self.name}"

    def must(self, scope: str) -> None:
        """Go on only if the token may do this.

        raises: Declined
        """
        if scope not in self.scopes:
            raise Declined("SCOPE_REQUIRED", f"this token lacks the scope {scope}", {"required_scope": scope})


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    expires_at: datetime | None
    looked_at: float


class Callers:
    """The services that called lately. A token that is revoked is refused `seconds` later at the latest."""

    def __init__(self, sessions: Sessions, clock: Clock, *, seconds: float) -> None:
        self._sessions = sessions
        self._clock = clock
        self._seconds = seconds
        self._remembered: dict[bytes, _Remembered] = {}
        self._looking: dict[bytes, asyncio.Task[_Remembered | None]] = {}

    async def admit(self, authorization: str) -> Caller:
        """The service whose bearer token this header holds.

        raises: Declined, the same for missing, unknown, expired and revoked tokens.
        """
        scheme, _, token = authorization.partition(" ")
        token_hash = service_tokens.hashed(token.strip()) if scheme.lower() == "bearer" else None
        if token_hash is not None:
            # A stopwatch, not a date: the clock that is passed in stands still in tests.
            found = self._remembered.get(token_hash)
            if found is None or time.monotonic() - found.looked_at >= self._seconds:
                found = await self._look(token_hash)
            if found is not None and (found.expires_at is None or self._clock() < found.expires_at):
                return found.caller
        raise Declined("AUTH_REQUIRED", "a valid service token is required")

    async def _look(self, token_hash: bytes) -> _Remembered | None:
        # Many calls that find the memory too old at once ask the database once.
        task = self._looking.get(token_hash)
        if task is None:
            task = asyncio.create_task(self._look_up(token_hash))
            self._looking[token_hash] = task
            task.add_done_callback(lambda _: self._looking.pop(token_hash, None))
        return await asyncio.shield(task)

    async def _look_up(self, token_hash: bytes) -> _Remembered | None:
        # Before the question, or a token revoked while it is answered would be remembered too long.
        looked_at = time.monotonic()
        row = await run_in_threadpool(self._read, token_hash)
        self._remembered.pop(token_hash, None)
        if row is None or not row.valid(self._clock()):
            return None
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        found = _Remembered(Caller(row.name, frozenset(row.scopes)), row.expires_at, looked_at)
        self._remembered[token_hash] = found
        return found

    def _read(self, token_hash: bytes) -> ServiceToken | None:
        with self._sessions() as session:
            return service_tokens.known(session, token_hash=token_hash)
