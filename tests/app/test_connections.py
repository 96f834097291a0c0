"""Whether PostgreSQL bears the processes of a house."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from app import where
from app.cli import cli
from app.connections import Processes, allowed


def test_the_server_keeps_some_of_its_connections_for_itself(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SHOW max_connections").fetchone()

    assert row is not None
    assert allowed(database_url) == int(row[0]) - 3


def test_a_lower_limit_of_the_database_counts(database_url: str) -> None:
    name = sql.Identifier(make_url(database_url).database or "")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 7").format(name))

    assert allowed(database_url) == 7


def test_every_connection_of_every_process_is_counted() -> None:
    assert Processes(api=2, pool_size=10, writers=1, task_processes=8).most == 2 * 23 + 8 * 5 + 5


def test_the_command_refuses_more_processes_than_there_are_connections(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    enough = CliRunner().invoke(cli, ["connections", "--api", "1", "--task-processes", "3"])
    too_many = CliRunner().invoke(cli, ["connections", "--api", "100"])

    assert (enough.exit_code, too_many.exit_code) == (0, 1)
    assert enough.stdout == "43 connections at the most, of 197 that may be open\n"


def test_without_settings_the_commands_name_the_folder_of_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)

    for command in (["connections"], ["alive", "worker"]):
        refused = CliRunner().invoke(cli, command)
        assert "add --folder .pennyrail/dev" in str(refused.exception), command


def test_with_a_folder_that_house_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def in_the_house(folder: Path, *words: str) -> int:
        asked.append((str(folder), *words))
        return 1

    monkeypatch.setattr(where, "run_in_the_house", in_the_house)

    alive = CliRunner().invoke(cli, ["alive", "beat", "--folder", "home"])
    connections = CliRunner().invoke(cli, ["connections", "--api", "2", "--folder", "home"])

    assert (alive.exit_code, connections.exit_code) == (1, 1)
    assert asked == [
        ("home", "alive", "beat"),
        ("home", "connections", "--api=2", "--task-processes=3"),
    ]
