"""Bring a database to the newest version of the schema."""

import importlib
import pkgutil
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData
from sqlmodel import SQLModel, text

import app
import ledger
import office
import outbound
import rails
from app.migrations import roles
from ledger import database

# Any number that nobody else in this database takes: it lets one process migrate at a time.
MIGRATION_LOCK: Final = 7_364_101


def migrate(
    database_url: str, *, service_url: str | None = None, api_url: str = "", worker_url: str = ""
) -> None:
    """Apply every migration that the database has not seen, one process at a time; idempotent.

    Then say what the roles may do, and let the users of the other URLs in: as the service, the API, a worker.

    raises: NotAllowed
    """
    engine = database.connect(database_url, pool_size=1, application="pennyrail-migrate")
    try:
        with engine.connect() as connection:
            # Or the driver would read the percent signs in the text of a function as placeholders.
            connection.execution_options(no_parameters=True)
            # The other process may have much to do, and its lock goes with its connection if it dies.
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
            config.attributes["connection"] = connection
            with roles.explained(connection):
                command.upgrade(config, "head")
                connection.commit()
                roles.grant(connection)
            logins = ((service_url, roles.SERVICE), (api_url, roles.API), (worker_url, roles.WORKER))
            for login_url, role in logins:
                if login_url:
                    roles.let_in(connection, login_url=login_url, role=role)
            connection.commit()
    finally:
        engine.dispose()


def metadata() -> MetaData:
    """The tables of every models.py in the house."""
    for room in (ledger, rails, outbound, office, app):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith(".models"):
                importlib.import_module(module.name)
    return SQLModel.metadata
