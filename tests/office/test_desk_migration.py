"""Exceptions that were there before know their agent after the migration, the closed ones too."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from app import migrations
from app.migrations.run import migrate
from ledger import database
from tests.conftest import in_database

BEFORE = "0020_office"


def migrated_until(url: str, revision: str) -> None:
    engine = database.connect(url, pool_size=1)
    with engine.connect() as connection:
        connection.execution_options(no_parameters=True)
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_old_exceptions_are_given_their_agent(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE migrated_in_two"))
    url = in_database(postgres_url, "migrated_in_two")
    migrated_until(url, BEFORE)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO quote (quote_id, agent_id, idempotency_key, credits, rail_id, price_cents,"
            " live_money, created_at, expires_at)"
            " VALUES ('q', 'agt_1', 'k', 500, 'r', 500, false, now(), now() + interval '1 hour')"
        )
        connection.execute(
            "INSERT INTO payment_attempt (payment_attempt_id, quote_id, agent_id, rail_id, state, created_at,"
            " expires_at) VALUES ('p', 'q', 'agt_1', 'r', 'expired', now(), now() + interval '1 hour')"
        )
        connection.execute(
            "INSERT INTO payment_exception (payment_attempt_id, subject, kind, asset, expected_units,"
            " received_units, opened_at, closed_at, closed_by, resolution) VALUES"
            " ('p', NULL, 'underpaid', 'USDC', 5, 4, now(), now(), 'house', 'gone'),"
            " ('p', NULL, 'underpaid', 'USDC', 5, 4, now(), NULL, NULL, NULL),"
            " (NULL, 'chain 1', 'deeper_than_final', 'USDC', 0, 0, now(), NULL, NULL, NULL)"
        )

    migrate(url)

    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT agent_id FROM payment_exception ORDER BY exception_id").fetchall()
        refused = None
        try:
            connection.execute("UPDATE payment_exception SET agent_id = 'agt_2' WHERE closed_at IS NOT NULL")
        except psycopg.DatabaseError as error:
            refused = str(error)
    assert found == [("agt_1",), ("agt_1",), (None,)]
    assert refused is not None
    assert "never changed" in refused
