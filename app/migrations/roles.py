"""Who may do what in the database: the grants of all roles, and the logins of the processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors, sql
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from ledger import database

GRANTS: Final = Path(__file__).with_name("grants.sql")
SERVICE: Final = "pennyrail_service"
API: Final = "pennyrail_api"
WORKER: Final = "pennyrail_worker"
NO_ROLE: Final = "PR008"
NO_RIGHT: Final = "42501"


class NotAllowed(Exception):
    """Who migrates may not do what the migration needs; the message says what to run."""


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """Say in one line that a right was missing.

    raises: NotAllowed
    """
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error) or error.orig.sqlstate not in (NO_ROLE, NO_RIGHT):
            raise
        hint = error.orig.diag.message_hint or (
            f"{_driver(connection).info.user} is not the owner: set PENNYRAIL_MIGRATE_DATABASE_URL"
        )
        raise NotAllowed(f"{error.orig.diag.message_primary}. {hint}") from error


def grant(connection: Connection) -> None:
    """Say anew what the roles may do; whatever is not granted there is taken away."""
    connection.exec_driver_sql(GRANTS.read_text())


def let_in(connection: Connection, *, login_url: str, role: str) -> None:
    """Make the user of `login_url` a member of the role, and make the user if there is none.

    Does nothing if that user is who migrates: an owner needs no membership. Idempotent.

    raises: NotAllowed
    """
    url = database.parsed(login_url)
    driver = _driver(connection)
    if url.username is None or url.username == driver.info.user:
        return
    try:
        _make_login(driver, url)
        _make_member(driver, url.username, role)
    except errors.InsufficientPrivilege as error:
        raise NotAllowed(
            f"{url.username} is no member of {role}, and {driver.info.user} may not change that: an "
            f'administrator runs CREATE ROLE "{url.username}" LOGIN PASSWORD ... IN ROLE {role}'
        ) from error


def _driver(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _make_login(driver: psycopg.Connection[tuple[object, ...]], url: URL) -> None:
    assert url.username is not None
    name = url.username
    if driver.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None:
        return
    statement = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name))
    if url.password is not None:
        # Hashed here, so that the password is in no log of the server.
        hashed = driver.pgconn.encrypt_password(str(url.password).encode(), name.encode(), b"scram-sha-256")
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))
    try:
        with driver.transaction():
            driver.execute(statement)
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Another database of this cluster is being migrated at the same time.
        return


def _make_member(driver: psycopg.Connection[tuple[object, ...]], name: str, role: str) -> None:
    member = "SELECT pg_has_role(%s, %s, 'MEMBER')"
    if driver.execute(member, (name, role)).fetchone() == (True,):
        return
    statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name))
    try:
        with driver.transaction():
            driver.execute(statement)
    except errors.UniqueViolation:
        return
