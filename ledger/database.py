"""The database of the house: one engine, and one way to open a transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

ALIVE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""By which a host that is gone without a word is noticed in seconds, under a connection that idles, too."""

Sessions = Callable[[], AbstractContextManager[Session]]
"""`with sessions() as session:` is one transaction: committed at the end, rolled back on an error."""


def connect(
    url: str, *, pool_size: int = 10, pool_wait_seconds: float = 30, application: str = "pennyrail"
) -> Engine:
    """Open an engine on a PostgreSQL URL in any spelling that `parsed` reads.

    Whoever finds no connection free in time gets SQLAlchemy's TimeoutError, and has done nothing.
    """
    return create_engine(
        parsed(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=pool_wait_seconds,
        pool_pre_ping=True,
        connect_args={
            "application_name": application,
            "connect_timeout": 10,
            **ALIVE,
            # A transaction that is left open holds locks that somebody's money waits for.
            "options": "-c idle_in_transaction_session_timeout=60000 -c lock_timeout=30000 -c timezone=UTC",
        },
    )


def parsed(url: str) -> URL:
    """A PostgreSQL URL that SQLAlchemy and libpq read alike; begins with postgres:// or postgresql://.

    It may name several hosts, host:port,host:port: a connection goes to the one that takes writes.

    raises: ArgumentError, ValueError
    """
    scheme, mark, rest = url.replace("postgres://", "postgresql://", 1).partition("://")
    before, slash, after = rest.partition("/")
    user, at, hosts = before.rpartition("@")
    several = "," in hosts
    found = make_url(f"{scheme}{mark}{user}{at}{slash}{after}" if several else f"{scheme}{mark}{rest}")
    if several:
        named = [each.partition(":") for each in hosts.split(",")]
        found = found.update_query_dict(
            {"host": ",".join(host for host, _, _ in named), "port": ",".join(port for _, _, port in named)}
        )
    if "," in str(found.query.get("host", "")) and "target_session_attrs" not in found.query:
        # Or a process that meets the standby first would read there, and fail to write.
        found = found.update_query_dict({"target_session_attrs": "read-write"})
    return found


def address(opener: Sessions) -> str:
    """The URL behind an opener, with its password: for a connection that is not of its pool."""
    return engine(opener).url.set(drivername="postgresql").render_as_string(hide_password=False)


def engine(opener: Sessions) -> Engine:
    """The engine behind an opener. Takes no connection of it."""
    with opener() as session:
        bound = session.get_bind()
    assert isinstance(bound, Engine)
    return bound


def sessions(engine: Engine) -> Sessions:
    """The opener of transactions on `engine`."""
    return sessionmaker(engine, class_=Session, expire_on_commit=False).begin
