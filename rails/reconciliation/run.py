"""One run: read the processor's books, book them, have what they reveal looked at, and compare every witness.

Each step can break off and is begun again by the next run; a run that finds nothing new changes nothing.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, select

from ledger import book, chart
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import errors
from rails.processor import Books
from rails.reconciliation import booking, days, facts, items, postings, reading
from rails.reconciliation.facts import Standing
from rails.reconciliation.items import Counts
from rails.reconciliation.matching import NO_BREAK, judge, reveals
from rails.reconciliation.models import Item, Run
from rails.reconciliation.reading import Progress, silently
from rails.reconciliation.settings import ReconciliationSettings

logger = logging.getLogger("pennyrail.reconciliation")

Knock = Callable[[str], object]
"""Has an attempt looked at: whether it was paid, and what of it went back."""

_BATCH: Final = 500
# Whoever was writing while a run looked is looked at by the next one.
_AGAIN: Final = timedelta(hours=1)


def run(
    sessions: Sessions,
    books: Books,
    *,
    knock: Knock,
    settings: ReconciliationSettings,
    now: datetime,
    whole: bool = False,
    progress: Progress = silently,
) -> Run:
    """Reconcile what is new since the run before; `whole`, and the first run of a day, look at every attempt.

    raises: RailUnreachable, RailRefused: nothing is compared with books that could not be read.
    """
    since = _since(sessions, now=now, whole=whole)
    read = reading.read(sessions, books, settings=settings, now=now, progress=progress)
    booked = booking.book_all(sessions, now=now, progress=progress)
    processor, later = _balance(sessions, books, settings=settings, now=now, progress=progress)
    with sessions() as session:
        postings.gather(session, now=now)
    _look(sessions, _touched(sessions, since), knock=knock, progress=progress)
    counts = Counts()
    with sessions() as session:
        postings.gather(session, now=now)
    _compare(
        sessions, _touched(sessions, since), settings=settings, counts=counts, now=now, progress=progress
    )
    with sessions() as session:
        stands = _accounts(session, books.processor_id, processor=processor, counts=counts, now=now)
        done = Run(
            started_at=now,
            read_until=read.read_until,
            kept=read.kept + later,
            booked=len(booked) + later,
            opened=counts.opened,
            closed=counts.closed,
            breaks=breaks(session),
            processor_cents=processor.units,
            book_cents=stands.units,
        )
        session.add(done)
    _add_up(sessions, now=now, progress=progress)
    return done


def breaks(session: Session) -> int:
    """How many breaks are open."""
    query = select(func.count()).where(col(Item.closed_at).is_(None), col(Item.state).not_in(NO_BREAK))
    return session.exec(query).one()


def _since(sessions: Sessions, *, now: datetime, whole: bool) -> datetime | None:
    """What a run looks at: what changed since then, or everything."""
    with sessions() as session:
        last = session.exec(select(Run).order_by(col(Run.run_id).desc()).limit(1)).one_or_none()
    if last is None or whole or last.started_at.astimezone(UTC).date() != now.astimezone(UTC).date():
        return None
    return last.started_at - _AGAIN


def _touched(sessions: Sessions, since: datetime | None) -> list[str]:
    with sessions() as session:
        return facts.touched(session, since=since)


def _balance(
    sessions: Sessions,
    books: Books,
    *,
    settings: ReconciliationSettings,
    now: datetime,
    progress: Progress,
) -> tuple[Amount, int]:
    """The processor's balance, and how many movements had to be read once more to be of the same moment."""
    balance = books.balance()
    with sessions() as session:
        stands = -book.balance(session, account=chart.processor(books.processor_id))
    if balance == stands:
        return balance, 0
    # Something may have moved between the last page and the balance.
    reading.read(sessions, books, settings=settings, now=now, progress=progress)
    later = booking.book_all(sessions, now=now, progress=progress)
    return books.balance() if later else balance, len(later)


def _look(sessions: Sessions, attempts: Sequence[str], *, knock: Knock, progress: Progress) -> None:
    """Have every attempt looked at whose money has moved in a way that we do not know of."""
    revealed: list[str] = []
    for batch in _batches(attempts):
        with sessions() as session:
            revealed += [name for name, known in facts.of_attempts(session, batch) if reveals(known)]
    for done, payment_attempt_id in enumerate(revealed):
        progress("asking the rails", done, len(revealed))
        try:
            knock(payment_attempt_id)
        except errors.RailsError as error:
            logger.warning("%s could not be looked at: %s", payment_attempt_id, error)


def _compare(
    sessions: Sessions,
    attempts: Sequence[str],
    *,
    settings: ReconciliationSettings,
    counts: Counts,
    now: datetime,
    progress: Progress,
) -> None:
    for done, batch in enumerate(_batches(attempts)):
        progress("comparing", done * _BATCH, len(attempts))
        with sessions() as session:
            found = [
                (name, finding)
                for name, known in facts.of_attempts(session, batch)
                for finding in judge(known, patience=settings.missing_after, now=now)
            ]
            items.record(session, found, of_attempts=True, now=now, counts=counts)
    with sessions() as session:
        strays = list(facts.strays(session, patience=settings.missing_after, now=now))
        ownerless = [*facts.nobodys(session), *facts.book_only(session), *strays]
        items.record(session, ownerless, of_attempts=False, now=now, counts=counts)
        items.close_gone(session, strays, prefix="deposit:", now=now, counts=counts)


def _add_up(sessions: Sessions, *, now: datetime, progress: Progress) -> None:
    with sessions() as session:
        told_at = days.last_told(session)
        changed = days.touched(session, since=told_at - _AGAIN if told_at is not None else None)
    for done, day in enumerate(changed):
        progress("adding up days", done, len(changed))
        with sessions() as session:
            days.add_up(session, [day], now=now)


def _accounts(
    session: Session, processor_id: str, *, processor: Amount, counts: Counts, now: datetime
) -> Amount:
    """Compare whole accounts; what the book says is in the processor's balance."""
    name = chart.processor(processor_id)
    stands = -book.balance(session, account=name)
    standings = [Standing(name, processor, stands), *facts.clearings(session)]
    items.record(session, facts.of_accounts(standings, now=now), of_attempts=False, now=now, counts=counts)
    return Amount(stands.units, USD)


def _batches(attempts: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(attempts), _BATCH):
        yield attempts[begin : begin + _BATCH]
