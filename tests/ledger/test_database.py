"""Which spellings of a database's address are read, and how."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from ledger import database


@pytest.mark.parametrize(
    ("written", "hosts", "ports"),
    [
        ("postgresql://me:secret@a:5432,b:5433/book", "a,b", "5432,5433"),
        ("postgres://me:secret@a,b/book", "a,b", ","),
        ("postgresql://me:secret@/book?host=a,b&port=5432,5433", "a,b", "5432,5433"),
        ("postgresql://me:secret@/book?host=/run/a,/run/b", "/run/a,/run/b", None),
    ],
)
def test_several_hosts_are_read_and_the_one_that_takes_writes_is_meant(
    written: str, hosts: str, ports: str | None
) -> None:
    found = database.parsed(written)

    assert (found.username, found.password, found.database) == ("me", "secret", "book")
    assert (found.query["host"], found.query.get("port")) == (hosts, ports)
    assert found.query["target_session_attrs"] == "read-write"


def test_who_wants_any_of_them_says_so() -> None:
    found = database.parsed("postgresql://me@a,b/book?target_session_attrs=any")

    assert found.query["target_session_attrs"] == "any"


@pytest.mark.parametrize(
    "written", ["postgresql://me:p%40ss@a:5432/book", "postgresql://me@/book?host=/run/a"]
)
def test_one_host_is_read_as_ever(written: str) -> None:
    assert database.parsed(written) == make_url(written)


def test_of_two_servers_the_one_that_is_there_is_met(database_url: str, tmp_path: Path) -> None:
    here = make_url(database_url)
    hosts = f"{tmp_path},{here.query['host']}"
    engine = database.connect(here.update_query_dict({"host": hosts}).render_as_string(hide_password=False))

    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    engine.dispose()

    assert found == here.database


def test_a_host_that_is_gone_without_a_word_is_noticed(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        told = driver.info.get_parameters()

    assert {name: int(told[name]) for name in database.ALIVE} == database.ALIVE
