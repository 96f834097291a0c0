"""How a migration waits: for other migrations as long as they take, for everybody's locks hardly at all."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

# Any number that nobody else in this database takes: it lets one process migrate at a time.
MIGRATION_LOCK: Final = 7_364_101
_TURN_SECONDS: Final = 3600
_AGAIN: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_OLDEST: Final = text(
    "SELECT pid, application_name, CAST(extract(epoch FROM now() - xact_start) AS integer)"
    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
)
Say = Callable[[str], None]


class NotMigrated(Exception):
    """What was migrated stays so, and running it again goes on from there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Whoever waits for a table's lock makes all behind it wait: so a short while, and again later."""

    lock_ms: int = 300
    statement_seconds: int = 60
    tries: int = 40
    pause_most_seconds: float = 5


def take_turn(connection: Connection, say: Say) -> None:
    """Wait until no other process migrates this database. The turn goes with the connection.

    raises: NotMigrated after an hour
    """
    give_up_at, told = time.monotonic() + _TURN_SECONDS, False
    # Asked again and again: a statement that waits has a snapshot, and an index that is made concurrently by
    # the other process would wait for that.
    while not _is_our_turn(connection):
        if not told:
            say("another process is migrating this database; waiting for it")
            told = True
        if time.monotonic() > give_up_at:
            raise NotMigrated("another process has been migrating this database for an hour")
        time.sleep(0.2)


def hurry(connection: Connection, patience: Patience) -> None:
    """Bound every statement from now on. A migration may say otherwise for itself, with SET LOCAL."""
    for setting, value in (
        ("lock_timeout", f"{patience.lock_ms}ms"),
        ("statement_timeout", f"{patience.statement_seconds}s"),
    ):
        connection.execute(
            text("SELECT set_config(:setting, :value, false)").bindparams(setting=setting, value=value)
        )
    connection.commit()


def insist(connection: Connection, step: Callable[[], None], patience: Patience, say: Say) -> None:
    """Do `step`, and again as long as others hold the locks that it needs. It must be safe to do again.

    raises: NotMigrated, and whatever else `step` raises
    """
    for tried in range(1, patience.tries + 1):
        try:
            step()
        except DBAPIError as error:
            connection.rollback()
            if isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise NotMigrated(
                    f"a statement took longer than {patience.statement_seconds} s and was taken back;"
                    " --statement-seconds gives it more"
                ) from None
            if not isinstance(error.orig, _AGAIN):
                raise
            say(f"others hold a lock, try {tried} of {patience.tries}; {_who(connection)}")
        else:
            return
        pause = min(patience.pause_most_seconds, 0.2 * 1.5**tried)
        # Or two that wait for each other would meet again.
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
    raise NotMigrated(
        f"others held a lock at every try; {_who(connection)}; run it again in a quieter moment"
    )


def _is_our_turn(connection: Connection) -> bool:
    taken: bool = connection.execute(
        text("SELECT pg_try_advisory_lock(:key)").bindparams(key=MIGRATION_LOCK)
    ).scalar_one()
    connection.commit()
    return taken


def _who(connection: Connection) -> str:
    found = connection.execute(_OLDEST).one_or_none()
    connection.commit()
    if found is None:
        return "no transaction is open now"
    pid, application, seconds = found
    return f"the oldest transaction is open for {seconds} s (process {pid}, {application or 'no name'})"
