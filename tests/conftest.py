"""A real PostgreSQL and a real Redis for the tests; every test that asks gets a new, migrated database."""

import pkgutil
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakSet

import freezegun
import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, Pool, event
from sqlalchemy.engine import make_url

import app
from app.migrations.run import migrate
from ledger import database
from ledger.database import Sessions
from sandbox import embedded

TEMPLATE = "pennyrail_template"
# Nothing of a test must survive a power cut, and the template is cloned, not read and written.
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "file_copy_method": "clone",
    "max_wal_size": "128MB",
}
ROOM_BYTES = 2 * 1024**3
IDLE = TransactionStatus.IDLE
_POOLED: "WeakSet[psycopg.Connection[Any]]" = WeakSet()
_POOLING = threading.Lock()
# Servers of the whole run live in threads beside the tests: a loop that sleeps on frozen time never wakes.
freezegun.configure(extend_ignore_list=["asyncio"])
# Started in the background by a shell, a run ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


# A machine that does much else beside is slow, and finds the same faults.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _commands_are_as_wide_as_asked() -> None:
    """Import what prints without COLUMNS, which pytest-xdist sets: a console keeps that width for ever."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("COLUMNS", raising=False)
        for module in pkgutil.iter_modules(app.__path__, "app."):
            if module.name.endswith("_cli"):
                import_module(module.name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server with a migrated template database; connect to it only to make databases."""
    with (
        tempfile.TemporaryDirectory(dir=memory()) as folder,
        embedded.postgres(Path(folder) / "postgres", settings=QUICK) as url,
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        migrate(in_database(url, TEMPLATE))
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that the whole run shares."""
    with embedded.redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    with new_database(postgres_url) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on `database_url`."""
    opened = database.connect(database_url, pool_size=20)
    yield opened
    opened.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    """The opener of transactions on this test's database."""
    return database.sessions(engine)


def memory() -> Path | None:
    """A folder in memory if there is room: making a database there takes 0.02 s, on a busy disk 0.4 s."""
    folder = Path("/dev", "shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES else None


@contextmanager
def new_database(postgres_url: str) -> Iterator[str]:
    """The URL of a migrated database that is dropped at the end of the block."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        yield in_database(postgres_url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        _close_what_is_left(name)


def _close_what_is_left(name: str) -> None:
    """Close connections to a database that is gone, which would warn in whichever test they are collected."""
    with _POOLING:
        pooled = list(_POOLED)
    for each in pooled:
        if not each.closed and each.info.dbname == name and each.info.transaction_status == IDLE:
            each.close()


@event.listens_for(Pool, "connect")
def _is_pooled(connection: "psycopg.Connection[Any]", _: object) -> None:
    """Remember a connection: a server's thread may give it back to a pool that was disposed of meanwhile."""
    with _POOLING:
        _POOLED.add(connection)


def in_database(url: str, name: str) -> str:
    """`url` with the name of another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)
