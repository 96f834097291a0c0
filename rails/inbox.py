"""Notices: kept once, answered at once, handled later.

A notice is a knock, not a fact. Handling one means looking at the attempts it mentions, and nothing else.
"""

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select, text, update

from ledger.database import Sessions
from rails import purchase, redaction, reversal_watch, reversals
from rails.models import Notice, NoticeAction
from rails.notice import Incoming, Knock
from rails.rail import Rails

logger = logging.getLogger("pennyrail.rails")

Ask = Callable[[Knock], Sequence[str]]
"""Asks the processor what else belongs to the ids of a knock. Raises RailUnreachable if nobody answers."""
Hear = Callable[[Knock], bool]
"""Takes a knock that is about no attempt. Tells whether it is of any use to somebody."""

# Longer than one look may take, a processor that hangs included.
_LEASE: Final = timedelta(seconds=180)
# How long somebody who was woken has to take a notice, before others are woken.
WOKEN: Final = timedelta(seconds=60)
_FIRST_TRY: Final = timedelta(seconds=10)
# Twenty tries of at most an hour apart: ten hours, so that a bad night of the database's kills nothing.
MOST_ATTEMPTS: Final = 20
_LONGEST_WAIT_SECONDS: Final = 3600
_JITTER: Final = 0.2
_ERROR_CHARACTERS: Final = 300

_KEEP: Final = text(
    """
    INSERT INTO notice (
        source, external_id, kind, refs, body, deliveries, state, reason, received_at, try_at
    )
    SELECT
        came.source, came.external_id, came.kind, to_jsonb(string_to_array(came.refs, chr(10))), came.body,
        came.deliveries, CASE WHEN came.ignore IS NULL THEN 'waiting' ELSE 'ignored' END, came.ignore,
        :now, CASE WHEN came.ignore IS NULL THEN CAST(:try_at AS timestamptz) END
    FROM unnest(
        CAST(:sources AS text[]), CAST(:external_ids AS text[]), CAST(:kinds AS text[]),
        CAST(:refs AS text[]), CAST(:bodies AS bytea[]), CAST(:deliveries AS integer[]),
        CAST(:ignores AS text[])
    ) AS came (source, external_id, kind, refs, body, deliveries, ignore)
    ON CONFLICT ON CONSTRAINT notice_kept_once DO UPDATE
    SET deliveries = notice.deliveries + excluded.deliveries
    -- Finding in a list what is here already says nothing new.
    WHERE excluded.deliveries > 0
    -- A row that was there before carries the number of whoever changed it now.
    RETURNING notice_id, state, xmax = 0 AS created
    """
)
_MENTIONED: Final = text(
    """
    SELECT payment_attempt_id
    FROM payment_attempt
    WHERE reference = ANY(:refs)
        OR payment_attempt_id = ANY(:refs)
    UNION
    SELECT payment_attempt_id
    FROM evidence
    WHERE source = 'stripe'
        AND detail ->> 'payment_intent_id' = ANY(:refs)
    ORDER BY 1
    """
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A notice that is ours to handle until the lease ends."""

    notice_id: int
    knock: Knock
    attempts: int
    leased_until: datetime


# Keep


def receive(session: Session, incoming: Incoming, *, now: datetime) -> int | None:
    """Keep a notice. Returns its id if somebody has to handle it, None for a repeat or one to ignore."""
    return next(iter(receive_all(session, [incoming], now=now)), None)


def receive_all(session: Session, came: Sequence[Incoming], *, now: datetime) -> Sequence[int]:
    """Keep notices, in one statement. Returns the ids of those that somebody has to handle.

    A dead notice that is delivered again is tried again: its sender was asked to.
    """
    once = _each_once(came)
    if not once:
        return []
    kept = (
        session.connection()
        .execute(
            _KEEP,
            {
                "sources": [each.source for each, _ in once],
                "external_ids": [each.external_id for each, _ in once],
                "kinds": [each.kind for each, _ in once],
                "refs": ["\n".join(each.refs) for each, _ in once],
                "bodies": [each.body for each, _ in once],
                "deliveries": [deliveries for _, deliveries in once],
                "ignores": [each.ignore for each, _ in once],
                "now": now,
                # The sweeper leaves a moment for the wake-up call that is sent after the commit.
                "try_at": now + _FIRST_TRY,
            },
        )
        .all()
    )
    for row in kept:
        if row.state == "dead":
            _revive(session, row.notice_id, now=now)
    return [row.notice_id for row in kept if row.state == "dead" or (row.created and row.state == "waiting")]


def _each_once(came: Sequence[Incoming]) -> list[tuple[Incoming, int]]:
    """Every notice with how often it was delivered. In order, so that two who keep the same never cross."""
    found: dict[tuple[str, str], tuple[Incoming, int]] = {}
    for each in came:
        name = (each.source, each.external_id)
        first, deliveries = found.get(name, (each, 0))
        found[name] = (first, deliveries + each.delivered)
    return [found[name] for name in sorted(found)]


def _revive(session: Session, notice_id: int, *, now: datetime) -> None:
    notice = session.get_one(Notice, notice_id, with_for_update=True, populate_existing=True)
    session.add(
        NoticeAction(
            notice_id=notice_id,
            action="replay",
            actor=f"sender:{notice.source}",
            reason="delivered again",
            from_state=notice.state,
            acted_at=now,
        )
    )
    begin_anew(notice, try_at=now + _FIRST_TRY)


def begin_anew(notice: Notice, *, try_at: datetime) -> None:
    """Make a notice what it was when it came: waiting, and never tried."""
    notice.state, notice.try_at, notice.attempts = "waiting", try_at, 0
    notice.reason, notice.error, notice.handled_at, notice.leased_until = None, None, None, None


# Handle


def handle(
    sessions: Sessions,
    rails: Rails,
    *,
    notice_id: int,
    now: datetime,
    ask: Ask | None = None,
    on_unmatched: Hear | None = None,
) -> str:
    """Look at every attempt a notice mentions. Returns the state the notice is left in.

    Call it as often as you like: one that is over, or that somebody else handles, is left alone. What breaks
    is kept on the notice, which comes up again later, and at last is dead. `ask` finds the attempt behind
    ids that nobody here knows; `on_unmatched` takes what is about no attempt.
    """
    with sessions() as session:
        claim = _claim(session, notice_id, now=now)
    if not isinstance(claim, _Claim):
        return claim
    try:
        mentioned = _mentioned(sessions, claim.knock, ask)
        for attempt_id in mentioned:
            settled = purchase.settle(sessions, rails, payment_attempt_id=attempt_id, now=now)
            if _may_be_reversed(sessions, settled):
                reversals.look(sessions, rails, payment_attempt_id=attempt_id, now=now)
        heard = bool(mentioned) or (on_unmatched is not None and on_unmatched(claim.knock))
    except Exception as error:
        _log_failure(claim, error)
        with sessions() as session:
            return _put_off(session, claim, error, now=now)
    with sessions() as session:
        return _finish(session, claim, heard=heard, now=now)


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[int]:
    """Take up to `limit` notices that nobody handled in time, oldest first."""
    waiting = (
        select(Notice.notice_id)
        .where(col(Notice.try_at) <= now)
        .order_by(col(Notice.try_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Notice)
        .where(col(Notice.notice_id).in_(waiting))
        .values(try_at=now + WOKEN)
        .returning(col(Notice.notice_id))
    )
    return [notice_id for notice_id in session.scalars(taken) if notice_id is not None]


def _claim(session: Session, notice_id: int, *, now: datetime) -> _Claim | str:
    """Take a notice for as long as the lease; or the state that it has without us."""
    notice = session.exec(
        select(Notice).where(Notice.notice_id == notice_id).with_for_update(skip_locked=True)
    ).one_or_none()
    if notice is None:
        seen = session.get(Notice, notice_id)
        return "gone" if seen is None else seen.state
    if notice.state != "waiting" or (notice.leased_until is not None and notice.leased_until > now):
        return notice.state
    if notice.attempts >= MOST_ATTEMPTS:
        # It was counted when it was taken, and whoever took it never came back.
        return _give_up(notice, reason="LeaseLapsed", error="whoever handled it did not come back")
    until = now + _LEASE
    notice.attempts += 1
    notice.leased_until = notice.try_at = until
    knock = Knock(notice.source, notice.kind, tuple(notice.refs))
    return _Claim(notice_id, knock, notice.attempts, until)


def _may_be_reversed(sessions: Sessions, settled: purchase.Settled) -> bool:
    """Whether money may have left an attempt, or may have come back to one that was given up."""
    if settled.granted or settled.may_be_reversed:
        return settled.may_be_reversed
    with sessions() as session:
        return reversal_watch.is_watched(session, settled.payment_attempt_id)


def _mentioned(sessions: Sessions, knock: Knock, ask: Ask | None) -> Sequence[str]:
    with sessions() as session:
        found = attempts_of(session, knock.refs)
    if found or ask is None:
        return found
    more = tuple(ask(knock))
    with sessions() as session:
        return attempts_of(session, more)


def attempts_of(session: Session, refs: Iterable[str]) -> Sequence[str]:
    """The attempts that these ids of a processor's, or of ours, are about."""
    found = session.connection().execute(_MENTIONED, {"refs": list(refs)})
    return [row.payment_attempt_id for row in found]


def _finish(session: Session, claim: _Claim, *, heard: bool, now: datetime) -> str:
    notice = session.get_one(Notice, claim.notice_id, with_for_update=True, populate_existing=True)
    if notice.leased_until != claim.leased_until:
        # Ours had ended: somebody else has it by now, or a person decided otherwise.
        return notice.state
    notice.state = "handled" if heard else "ignored"
    notice.reason = None if heard else "mentions no attempt of ours"
    notice.try_at = notice.leased_until = notice.error = None
    notice.handled_at = now
    return notice.state


def _put_off(session: Session, claim: _Claim, error: Exception, *, now: datetime) -> str:
    notice = session.get_one(Notice, claim.notice_id, with_for_update=True, populate_existing=True)
    if notice.leased_until != claim.leased_until:
        # Somebody else has it by now: only their word counts.
        return notice.state
    reason, said = type(error).__name__, _said(error)
    if claim.attempts >= MOST_ATTEMPTS:
        return _give_up(notice, reason=reason, error=said)
    notice.reason, notice.error, notice.leased_until = reason, said, None
    notice.try_at = now + _wait(claim)
    return notice.state


def _give_up(notice: Notice, *, reason: str, error: str) -> str:
    notice.state, notice.try_at, notice.leased_until = "dead", None, None
    notice.reason, notice.error = reason, error
    logger.error("notice %s is dead after %s tries: %s", notice.notice_id, notice.attempts, reason)
    return notice.state


def _wait(claim: _Claim) -> timedelta:
    """Twice as long after every try, up to an hour; give or take a fifth, so that no crowd comes as one."""
    told = hashlib.sha256(f"{claim.notice_id}|{claim.attempts}".encode()).digest()
    share = int.from_bytes(told[:4]) / 2**32
    seconds = min(2**claim.attempts, _LONGEST_WAIT_SECONDS)
    return timedelta(seconds=seconds * (1 - _JITTER + 2 * _JITTER * share))


def _said(error: Exception) -> str:
    """What an error says: its first line, without secrets. A database's further lines quote the row."""
    words = str(error.orig if isinstance(error, DBAPIError) else error)
    line = "".join(each if each.isprintable() else " " for each in words.strip().partition("\n")[0])
    return redaction.redact(line)[:_ERROR_CHARACTERS]


def _log_failure(claim: _Claim, error: Exception) -> None:
    # Where it broke. What it said may hold what no log line may, and stands on the notice, trimmed.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.warning(
        "notice %s broke with %s at try %s\n%s",
        claim.notice_id,
        type(error).__name__,
        claim.attempts,
        frames,
    )
