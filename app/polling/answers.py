"""The answer to how a purchase stands: made once, and given again for as long as nothing has changed."""

import asyncio
import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool

from app import agents, errors
from app.envelope import Fields
from app.house import House
from app.models import Agent
from app.polling.marks import Ask, Mark, Marks
from app.shapes import quota
from app.shapes.purchase import purchase
from rails import errors as rails_errors
from rails import status
from rails.models import Quote
from rails.status import ReferenceKind

_MOST_REMEMBERED: Final = 5_000
_Key = TypeVar("_Key", bound=Hashable)
_Kept = TypeVar("_Kept")
# How soon somebody who waits hears of a change. All who wait are read in one statement.
LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose token was shown, and the reference of a purchase."""

    token_hash: bytes
    kind: ReferenceKind
    reference: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of a purchase. `etag` is made of `data` alone, so every process gives it the same."""

    agent: Agent
    data: Fields
    etag: str
    state: str
    terminal: bool
    retry_after_seconds: int | None
    version: tuple[Any, ...]
    good_until: datetime | None
    """When the clock alone changes it, None if never."""


class _Lately(OrderedDict[_Key, _Kept]):
    """What was kept last, up to a number."""

    def remember(self, key: _Key, kept: _Kept) -> None:
        """Keep it, and forget the oldest if there are too many."""
        self[key] = kept
        self.move_to_end(key)
        if len(self) > _MOST_REMEMBERED:
            self.popitem(last=False)


class Answers:
    """The answers given lately, in one process. Nothing here is believed without asking the database."""

    def __init__(self, here: House) -> None:
        self._here = here
        self._marks = Marks(here.sessions)
        self._waiting = 0
        # What a reference means never changes. Whose it is, the mark says.
        self._quotes: _Lately[tuple[ReferenceKind, str], str] = _Lately()
        self._answers: _Lately[str, Answer] = _Lately()

    async def now(self, asked: Asked) -> Answer:
        """How the purchase stands.

        raises: AuthRequired, QuoteNotFound, PurchaseNotFound, NotReady
        """
        quote_id = self._quotes.get((asked.kind, asked.reference))
        if quote_id is None:
            quote_id = await run_in_threadpool(self._find, asked)
            self._quotes.remember((asked.kind, asked.reference), quote_id)
        # Read before the answer is made: what changes meanwhile makes the answer old, not wrong for ever.
        mark = await self._marks.read(Ask(asked.token_hash, quote_id))
        if mark.agent_id is None:
            raise errors.AuthRequired("no valid token")
        if mark.quote_id is None:
            unknown = (
                rails_errors.QuoteNotFound if asked.kind == "quote_id" else rails_errors.PurchaseNotFound
            )
            raise unknown("no purchase of yours")
        kept = self._answers.get(quote_id)
        if kept is None or not self._still_good(kept, mark):
            kept = await run_in_threadpool(self._make, mark.agent_id, quote_id, mark.version)
            self._answers.remember(quote_id, kept)
        return kept

    async def changed(self, asked: Asked, *, since: str, seconds: float) -> Answer:
        """How it stands as soon as its entity tag is not `since` any more, or after so many seconds.

        raises: AuthRequired, QuoteNotFound, PurchaseNotFound, NotReady
        """
        # A stopwatch, not a date: the clock that is passed in stands still in tests.
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + seconds
        while True:
            found = await self.now(asked)
            left = give_up_at - clock()
            if found.etag != since or left <= 0:
                return found
            self._waiting += 1
            try:
                await asyncio.sleep(min(LOOK_SECONDS, left))
            finally:
                self._waiting -= 1

    async def close(self) -> None:
        """Let the database go."""
        await self._marks.close()

    @property
    def full(self) -> bool:
        """Whether as many wait as this process lets wait."""
        return self._waiting >= self._here.settings.status_waiting_most

    def _still_good(self, kept: Answer, mark: Mark) -> bool:
        now = self._here.clock()
        due = mark.due_at is not None and mark.due_at <= now
        return kept.version == mark.version and not due and (kept.good_until is None or now < kept.good_until)

    def _find(self, asked: Asked) -> str:
        with self._here.sessions() as session:
            known = agents.known(session, token_hash=asked.token_hash)
            if known is None:
                raise errors.AuthRequired("no valid token")
            found = status.find(
                session,
                agent_id=known.agent.agent_id,
                kind=asked.kind,
                reference=asked.reference,
                now=self._here.clock(),
            )
        return found.quote.quote_id

    def _make(self, agent_id: str, quote_id: str, version: tuple[Any, ...]) -> Answer:
        here, now = self._here, self._here.clock()
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
            etag=etag(shown),
            state=view.state,
            terminal=view.terminal,
            retry_after_seconds=seconds if isinstance(seconds, int) else None,
            version=version,
            good_until=min((each for each in moments if each is not None), default=None),
        )


def etag(shown: Fields) -> str:
    """The weak entity tag of what is shown: two replies differ in their trace ids at least."""
    written = json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(written).digest()[:18]
    return f'W/"{base64.urlsafe_b64encode(digest).decode()}"'
