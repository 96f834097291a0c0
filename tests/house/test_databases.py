"""The databases of tests leave nothing behind that disturbs a later test."""

from typing import Any, cast

import psycopg

from ledger import database
from tests.conftest import new_database


def test_a_connection_that_is_given_back_too_late_is_closed_with_its_database(postgres_url: str) -> None:
    with new_database(postgres_url) as url:
        engine = database.connect(url, pool_size=1)
        borrowed = engine.connect()
        held = cast("psycopg.Connection[Any]", borrowed.connection.dbapi_connection)
        engine.dispose()
        borrowed.close()
        before = held.closed

    assert (before, held.closed) == (False, True)
