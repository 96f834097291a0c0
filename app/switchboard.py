"""Which rails are switched off, as this process knows it: read from the database every second."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from ledger.database import Sessions
from rails import switches
from rails.rail import (
    Capabilities,
    Handle,
    Limits,
    Listing,
    Opened,
    Order,
    Outcome,
    Rail,
    Rails,
    RefundOrder,
    Reversed,
    Source,
)

logger = logging.getLogger("pennyrail.http")
SECONDS: Final = 1.0


class Switchboard:
    """What was read last. Nothing is refused by its word alone: a purchase asks the database itself."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.off: frozenset[str] = frozenset()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Read on for as long as the block."""
        await self._read()
        reading = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    def over(self, rails: Rails) -> Rails:
        """The same rails, telling that they are unavailable while they are switched off."""
        return {rail_id: Switched(rail, self) for rail_id, rail in rails.items()}

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            await self._read()

    async def _read(self) -> None:
        try:
            self.off = await to_thread.run_sync(self._off)
        except SQLAlchemyError as error:
            # What was known stands: a purchase asks the same database, and is refused without it.
            logger.warning("the switches of the rails could not be read: %s", type(error).__name__)

    def _off(self) -> frozenset[str]:
        with self._sessions() as session:
            turns = switches.last_turns(session).values()
        return frozenset(turn.rail_id for turn in turns if not turn.is_on)


class Switched:
    """A rail behind its switch. Everything that is asked of it is asked of the rail."""

    def __init__(self, rail: Rail, board: Switchboard) -> None:
        self._rail, self._board = rail, board

    @property
    def unavailable_reason(self) -> str | None:
        """That it is switched off, or what the rail itself says."""
        return switches.REASON if self._off else self._rail.unavailable_reason

    @property
    def capabilities(self) -> Capabilities:
        """What the rail declares; while it is switched off no agent settles a new payment alone."""
        can = self._rail.capabilities
        if not self._off or not can.agent_settleable:
            return can
        return replace(can, agent_settleable=False, settlement_blocker=switches.BLOCKER)

    @property
    def rail_id(self) -> str:
        """As the rail says."""
        return self._rail.rail_id

    @property
    def listing(self) -> Listing:
        """As the rail says."""
        return self._rail.listing

    @property
    def limits(self) -> Limits:
        """As the rail says."""
        return self._rail.limits

    @property
    def live_money(self) -> bool:
        """As the rail says."""
        return self._rail.live_money

    @property
    def witnesses(self) -> tuple[Source, ...]:
        """As the rail says."""
        return self._rail.witnesses

    def open(self, order: Order) -> Opened:
        """As the rail does."""
        return self._rail.open(order)

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """As the rail does, switched off or not: money in flight is never refused."""
        return self._rail.look_up(handle, now=now)

    def reversals(self, handle: Handle) -> tuple[Reversed, ...]:
        """As the rail does."""
        return self._rail.reversals(handle)

    def refund(self, order: RefundOrder) -> str:
        """As the rail does."""
        return self._rail.refund(order)

    def cancel(self, handle: Handle) -> None:
        """As the rail does."""
        self._rail.cancel(handle)

    @property
    def _off(self) -> bool:
        return self._rail.rail_id in self._board.off
