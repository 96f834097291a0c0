"""A console for each test."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from app.migrations import roles
from ledger import database
from ledger.database import Sessions
from tests.app.console.seats import Console, opened


@pytest.fixture
def as_api(database_url: str) -> Iterator[Sessions]:
    """The database with the rights of the process that serves the console, and no more."""
    engine = database.connect(database_url, pool_size=5)

    @event.listens_for(engine, "connect")
    def be_the_api(connection: Any, _record: Any) -> None:
        connection.execute(f"SET ROLE {roles.API}")
        connection.commit()

    yield database.sessions(engine)
    engine.dispose()


@pytest.fixture
def console(sessions: Sessions, as_api: Sessions) -> Iterator[Console]:
    """A console, and nobody at it."""
    with opened(sessions, served_as=as_api) as found:
        yield found
