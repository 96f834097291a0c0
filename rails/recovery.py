"""Gap recovery: what a processor still lists and nobody delivered, kept like everything else that knocks.

The list is read oldest first, and a cursor remembers up to where. A webhook endpoint that was down for days
loses nothing, as long as the processor's memory (Stripe's is thirty days) is longer.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from ledger.database import Sessions
from rails import errors, inbox
from rails.models import NoticeCursor
from rails.notice import Listed, Memory

logger = logging.getLogger("pennyrail.rails")

# An event may enter the list a moment after a younger one: the cursor never passes what is younger than this.
_SETTLED: Final = timedelta(minutes=5)
# What was not delivered is asked for from a little before the cursor, and of all time if there is none.
_BEFORE_CURSOR: Final = timedelta(days=1)
_IN_ONE_COMMIT: Final = 100


@dataclass(slots=True)
class Recovered:
    """What a pass found: how many were listed, and the ids of the notices that nobody had delivered."""

    listed: int = 0
    notice_ids: list[int] = field(default_factory=list)


def recover(sessions: Sessions, memory: Memory, *, now: datetime, since: datetime | None = None) -> Recovered:
    """Keep what the processor lists and the inbox lacks: first what was not delivered, then all the rest.

    Everything after the cursor is read; since a time if one is given, and then the cursor stays where it is.
    What is kept already stays as it is.

    raises: RailUnreachable, having kept what was read so far: the next pass goes on there.
    """
    done, oldest = Recovered(), now - memory.reaches
    with sessions() as session:
        cursor = session.get(NoticeCursor, memory.source)
    begins = max(since or (cursor.happened_at - _BEFORE_CURSOR if cursor else oldest), oldest)
    _keep(sessions, memory.undelivered(since=begins), done, now=now)
    if since is not None:
        _keep(sessions, memory.after(None, since=begins), done, now=now)
    elif cursor is None:
        _advance(sessions, memory, None, done, now=now)
    else:
        try:
            _advance(sessions, memory, cursor.external_id, done, now=now)
        except errors.RailRefused:
            logger.warning("%s does not list the last event any more: reading all it lists", memory.source)
            _advance(sessions, memory, None, done, now=now)
    return done


def _keep(sessions: Sessions, found: Iterator[Listed], done: Recovered, *, now: datetime) -> None:
    while chunk := list(islice(found, _IN_ONE_COMMIT)):
        with sessions() as session:
            _receive(session, chunk, done, now=now)


def _advance(
    sessions: Sessions, memory: Memory, after: str | None, done: Recovered, *, now: datetime
) -> None:
    found = memory.after(after, since=now - memory.reaches)
    while chunk := list(islice(found, _IN_ONE_COMMIT)):
        settled = [each for each in chunk if each.happened_at <= now - _SETTLED]
        with sessions() as session:
            _receive(session, chunk, done, now=now)
            if settled:
                _move(session, memory.source, settled[-1], now=now)


def _receive(session: Session, chunk: Sequence[Listed], done: Recovered, *, now: datetime) -> None:
    came = [each.incoming for each in chunk if each.incoming is not None]
    done.listed += len(chunk)
    done.notice_ids += inbox.receive_all(session, came, now=now)


def _move(session: Session, source: str, to: Listed, *, now: datetime) -> None:
    row = insert(NoticeCursor).values(
        source=source, external_id=to.external_id, happened_at=to.happened_at, moved_at=now
    )
    latest = {name: row.excluded[name] for name in ("external_id", "happened_at", "moved_at")}
    # Of two passes at a time the slower one must not take the cursor back.
    session.execute(
        row.on_conflict_do_update(
            index_elements=["source"],
            set_=latest,
            where=NoticeCursor.happened_at <= row.excluded.happened_at,
        )
    )
