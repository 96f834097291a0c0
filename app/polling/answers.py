"""The answer to how a purchase stands: made once, and given again for as long as nothing has changed."""

import asyncio
import base64
import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import errors
from app.envelope import Fields
from app.house import House
from app.models import Agent
from app.polling.marks import Asked, Mark, Marks
from app.shapes import quota, warnings
from app.shapes.purchase import purchase
from rails import errors as rails_errors
from rails import status
from rails.models import Quote

_MOST_REMEMBERED: Final = 5_000
_MAKERS: Final = 1
# How soon somebody who waits hears of a change. All who wait are read in one statement.
LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of a purchase. `etag` is made of `data` alone, so every process gives it the same."""

    agent: Agent
    data: Fields
    warnings: Sequence[str]
    etag: str
    state: str
    terminal: bool
    retry_after_seconds: int | None
    version: tuple[Any, ...]
    good_until: datetime | None
    """When the clock alone changes it, None if never."""
    closed: tuple[str | None, ...]
    """Why each rail takes no payments, None where it does: what to do next depends on it."""


class Answers:
    """The answers given lately, in one process. Nothing here is believed without asking the database."""

    def __init__(self, here: House) -> None:
        self._here = here
        self._marks = Marks(here.sessions)
        self._waiting: Counter[str] = Counter()
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        # More at once would only take turns, and keep those waiting whose answer is there.
        self._makers, self._threads = CapacityLimiter(_MAKERS), CapacityLimiter(_MAKERS)

    async def mark(self, asked: Asked) -> tuple[str, Mark]:
        """Whose token was shown, and how far what was asked for has come.

        raises: AuthRequired, NotReady
        """
        mark = await self._marks.read(asked)
        if mark.agent_id is None:
            raise errors.AuthRequired("no valid token")
        return mark.agent_id, mark

    async def now(self, asked: Asked) -> Answer:
        """How the purchase stands.

        raises: AuthRequired, QuoteNotFound, PurchaseNotFound, NotReady
        """
        return await self.at(asked, *await self.mark(asked))

    async def at(self, asked: Asked, agent_id: str, mark: Mark) -> Answer:
        """How the purchase stands at a mark, which is read before: what changes meanwhile makes the answer
        old, not wrong for ever.

        raises: QuoteNotFound, PurchaseNotFound, NotReady
        """
        if mark.quote_id is None:
            unknown = (
                rails_errors.QuoteNotFound if asked.kind == "quote_id" else rails_errors.PurchaseNotFound
            )
            raise unknown("no purchase of yours")
        kept = self._kept(mark.quote_id, mark)
        if kept is not None:
            return kept
        async with self._makers:
            # Others may have waited for the same, and it is there now.
            return self._kept(mark.quote_id, mark) or await self._made(agent_id, mark.quote_id, mark)

    async def changed(self, asked: Asked, *, since: str, seconds: float) -> Answer:
        """How it stands as soon as its entity tag is not `since` any more, or after so many seconds.

        At once if this process is about to end: whoever waits asks again, another one.

        raises: AuthRequired, QuoteNotFound, PurchaseNotFound, NotReady
        """
        # A stopwatch, not a date: the clock that is passed in stands still in tests.
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + seconds
        while True:
            found = await self.now(asked)
            left = give_up_at - clock()
            if found.etag != since or left <= 0 or self.leaving:
                return found
            agent_id = found.agent.agent_id
            self._waiting[agent_id] += 1
            try:
                await asyncio.sleep(min(LOOK_SECONDS, left))
            finally:
                self._waiting[agent_id] -= 1
                if not self._waiting[agent_id]:
                    del self._waiting[agent_id]

    @property
    def leaving(self) -> bool:
        """Whether this process is about to end."""
        return self._here.draining.under_way

    async def close(self) -> None:
        """Let the database go."""
        await self._marks.close()

    def full_for(self, agent_id: str) -> bool:
        """Whether as many wait as this process lets wait, for this agent or for all."""
        told = self._here.settings
        each, most = told.status_waiting_most_each, told.status_waiting_most
        return self._waiting[agent_id] >= each or self._waiting.total() >= most

    def _kept(self, quote_id: str, mark: Mark) -> Answer | None:
        kept = self._answers.get(quote_id)
        return kept if kept is not None and self._still_good(kept, mark) else None

    async def _made(self, agent_id: str, quote_id: str, mark: Mark) -> Answer:
        making = (agent_id, quote_id, mark.version)
        try:
            made = await to_thread.run_sync(self._make, *making, limiter=self._threads)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise errors.NotReady("the database does not answer") from error
        self._remember(quote_id, made)
        return made

    def _still_good(self, kept: Answer, mark: Mark) -> bool:
        now = self._here.clock()
        due = mark.due_at is not None and mark.due_at <= now
        if due or (kept.good_until is not None and now >= kept.good_until):
            return False
        return (kept.version, kept.closed) == (mark.version, self._closed())

    def _closed(self) -> tuple[str | None, ...]:
        return tuple(rail.unavailable_reason for rail in self._here.rails.values())

    def _remember(self, quote_id: str, answer: Answer) -> None:
        self._answers[quote_id] = answer
        self._answers.move_to_end(quote_id)
        if len(self._answers) > _MOST_REMEMBERED:
            self._answers.popitem(last=False)

    def _make(self, agent_id: str, quote_id: str, version: tuple[Any, ...]) -> Answer:
        here, now, closed = self._here, self._here.clock(), self._closed()
        with here.sessions() as session:
            agent = session.get_one(Agent, agent_id)
            view = status.view(session, quote=session.get_one(Quote, quote_id), now=now)
        standing = quota.balance(here, agent_id=agent_id)
        shown = purchase(here, view, standing)
        step = shown["next"]
        seconds = step.get("retry_after_seconds") if isinstance(step, dict) else None
        moments = (view.changes_at, standing.due_at)
        return Answer(
            agent=agent,
            data=shown,
            warnings=warnings.test_money(live=view.quote.live_money),
            etag=etag(shown),
            state=view.state,
            terminal=view.terminal,
            retry_after_seconds=seconds if isinstance(seconds, int) else None,
            version=version,
            good_until=min((each for each in moments if each is not None), default=None),
            closed=closed,
        )


def etag(shown: Fields) -> str:
    """The weak entity tag of what is shown: two replies differ in their trace ids at least."""
    written = json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(written).digest()[:18]
    return f'W/"{base64.urlsafe_b64encode(digest).decode()}"'
