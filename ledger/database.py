"""The database of the house: one engine, and one way to open a transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

Sessions = Callable[[], AbstractContextManager[Session]]
"""`with sessions() as session:` is one transaction: committed at the end, rolled back on an error."""


def connect(
    url: str, *, pool_size: int = 10, pool_wait_seconds: float = 30, application: str = "pennyrail"
) -> Engine:
    """Open an engine on a PostgreSQL URL in any of its spellings (postgres://, postgresql://).

    Whoever finds no connection free in time gets SQLAlchemy's TimeoutError, and has done nothing.
    """
    parsed = make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=pool_wait_seconds,
        pool_pre_ping=True,
        connect_args={
            "application_name": application,
            "connect_timeout": 10,
            # A transaction that is left open holds locks that somebody's money waits for.
            "options": "-c idle_in_transaction_session_timeout=60000 -c lock_timeout=30000 -c timezone=UTC",
        },
    )


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
