"""Whose turn it is: a worker takes an export under a lease, and one that comes back late writes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, text

from office.exports.store import Kept

# Longer than the database may need for the first row of a large table.
_LEASE: Final = timedelta(minutes=15)
# A worker that dies takes others with it only so often.
_MOST_TRIES: Final = 3
# Any number that nobody else in this database takes: exports are taken one at a time.
_LOCK: Final = 7_364_124
_TAKE: Final = text(
    """
    UPDATE export
    SET state = 'running', tries = export.tries + 1, lease_until = :until, rows = 0, begun_at = :now,
        file = export.export_id || '-' || export.tries + 1
    FROM (
        SELECT due.number
        FROM export AS due
        WHERE due.state IN ('asked', 'running')
            AND (due.state = 'asked' OR due.lease_until <= :now)
            AND (
                SELECT count(*) FROM export AS busy WHERE busy.state = 'running' AND busy.lease_until > :now
            ) < :at_once
        ORDER BY due.number
        LIMIT 1
    ) AS next
    WHERE export.number = next.number
    RETURNING export.export_id, export.tries, export.file
    """
)
_GO_ON: Final = text(
    """
    UPDATE export
    SET rows = :rows, lease_until = :until, about_rows = coalesce(:about, about_rows)
    WHERE export_id = :export AND tries = :tries AND state = 'running'
    RETURNING number
    """
)
_DONE: Final = text(
    """
    UPDATE export
    SET state = 'done', rows = :rows, bytes = :bytes, sha256 = :sha256, lease_until = NULL, ended_at = :now
    WHERE export_id = :export AND tries = :tries AND state = 'running'
    RETURNING number
    """
)
_FAIL: Final = text(
    """
    UPDATE export
    SET state = 'failed', failure = :why, lease_until = NULL, ended_at = :now, file = NULL
    WHERE export_id = :export AND tries = :tries AND state = 'running'
    RETURNING number
    """
)
_EXPIRE: Final = text(
    """
    UPDATE export
    SET state = 'expired', file = NULL
    WHERE state = 'done' AND ended_at <= :before
    RETURNING export_id
    """
)
_WANTED: Final = text("SELECT file FROM export WHERE file = ANY(:names) AND state IN ('running', 'done')")


@dataclass(frozen=True, slots=True)
class Turn:
    """One worker's try at one export, and the file it writes."""

    export_id: str
    tries: int
    file: str

    @property
    def too_often(self) -> bool:
        """Whether workers have died of it."""
        return self.tries > _MOST_TRIES


def take(session: Session, *, at_once: int, now: datetime) -> Turn | None:
    """The next export that is due, unless `at_once` are being made. None if there is nothing to do."""
    connection = session.connection()
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    given = {"now": now, "until": now + _LEASE, "at_once": at_once}
    row = connection.execute(_TAKE, given).one_or_none()
    return Turn(row.export_id, row.tries, row.file) if row is not None else None


def go_on(session: Session, turn: Turn, *, rows: int, about: int | None = None, now: datetime) -> bool:
    """Tell how many rows were written. False if it is not this worker's turn any more."""
    given = {**_named(turn), "rows": rows, "about": about, "until": now + _LEASE}
    return session.connection().execute(_GO_ON, given).one_or_none() is not None


def done(session: Session, turn: Turn, kept: Kept, *, rows: int, now: datetime) -> bool:
    """The file is there. False if it is not this worker's turn any more."""
    given = {**_named(turn), "rows": rows, "bytes": kept.bytes, "sha256": kept.sha256, "now": now}
    return session.connection().execute(_DONE, given).one_or_none() is not None


def fail(session: Session, turn: Turn, *, why: str, now: datetime) -> bool:
    """It cannot be made. False if it is not this worker's turn any more."""
    given = {**_named(turn), "why": why, "now": now}
    return session.connection().execute(_FAIL, given).one_or_none() is not None


def expire(session: Session, *, before: datetime) -> list[str]:
    """Give up the files of exports that ended until `before`; their ids."""
    return list(session.connection().execute(_EXPIRE, {"before": before}).scalars())


def wanted(session: Session, names: list[str]) -> set[str]:
    """Those of these files that an export has, or is being written to."""
    return set(session.connection().execute(_WANTED, {"names": names}).scalars())


def _named(turn: Turn) -> dict[str, object]:
    return {"export": turn.export_id, "tries": turn.tries}
