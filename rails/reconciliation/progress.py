"""What a run shows of itself while it is at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from ledger.database import Sessions
from rails.reconciliation.models import ShownProgress
from rails.reconciliation.reading import Progress

LONGEST: Final = timedelta(minutes=30)
"""A run that began longer ago has ended, even if it could not say so: no worker lets one go on."""
_EVERY: Final = 50


@contextmanager
def shown(sessions: Sessions, *, now: datetime) -> Iterator[Progress]:
    """Write down what is done next, so that pages can show it; at the end, that it has ended."""
    last = ""

    def tell(step: str, done: int, total: int) -> None:
        nonlocal last
        # A row for each of a million bookings would cost as much as the bookings.
        if step != last or done % _EVERY == 0:
            _write(sessions, ShownProgress(step=step, done=done, total=total, started_at=now, at_work=True))
        last = step

    tell("beginning", 0, 0)
    try:
        yield tell
    finally:
        _write(sessions, ShownProgress(step="ended", done=0, total=0, started_at=now, at_work=False))


def at_work(session: Session, *, now: datetime) -> ShownProgress | None:
    """What the run does that is at work now; None if none is."""
    found = session.get(ShownProgress, True)
    if found is None or not found.at_work or now - found.started_at > LONGEST:
        return None
    return found


def _write(sessions: Sessions, row: ShownProgress) -> None:
    with sessions() as session:
        session.merge(row)
