"""Bring a database to the newest version of the schema."""

import importlib
import pkgutil
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData
from sqlmodel import SQLModel

import app
import ledger
import office
import outbound
import rails
from app.migrations import patience, roles, schema
from app.migrations.patience import Patience, Say
from ledger import database

HERE: Final = Path(__file__).parent
# More folders than one are for tests of how migrations run.
VERSIONS: tuple[Path, ...] = (HERE / "versions",)


def migrate(
    database_url: str,
    *,
    service_url: str | None = None,
    api_url: str = "",
    worker_url: str = "",
    patient: Patience = Patience(),  # noqa: B008  frozen
    say: Say = lambda _: None,
) -> None:
    """Apply every migration that the database has not seen, one process at a time; idempotent.

    Then say what the roles may do, and let the users of the other URLs in: as the service, the API, a worker.
    Nobody waits behind it for a lock longer than `patient` allows; a migration that got none is tried again.

    raises: NotAllowed, NotMigrated
    """
    engine = database.connect(database_url, pool_size=1, application="pennyrail-migrate")
    try:
        with engine.connect() as connection:
            # Or the driver would read the percent signs in the text of a function as placeholders.
            connection.execution_options(no_parameters=True)
            patience.take_turn(connection, say)
            patience.hurry(connection, patient)
            config = _config(connection)
            with roles.explained(connection):
                patience.insist(connection, lambda: _upgrade(connection, config), patient, say)
                patience.insist(connection, lambda: _grant(connection), patient, say)
            logins = ((service_url, roles.SERVICE), (api_url, roles.API), (worker_url, roles.WORKER))
            # It speaks to the driver, whose work is committed only with a transaction of the connection.
            with connection.begin():
                for login_url, role in logins:
                    if login_url:
                        roles.let_in(connection, login_url=login_url, role=role)
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, VERSIONS)).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, config: Config) -> None:
    command.upgrade(config, "head")
    connection.commit()
    needed = _needed(config)
    if needed is not None:
        connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{schema.promise(needed)}'")
        connection.commit()


def _needed(config: Config) -> str | None:
    """The oldest code that works with the newest schema, by the newest migration that says so."""
    # Newest first.
    for revision in ScriptDirectory.from_config(config).walk_revisions():
        needed = getattr(revision.module, "needs_code", None)
        if needed is not None:
            assert isinstance(needed, str)
            return needed
    return None


def _grant(connection: Connection) -> None:
    roles.grant(connection)
    connection.commit()


def metadata() -> MetaData:
    """The tables of every models.py in the house."""
    for room in (ledger, rails, outbound, office, app):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith(".models"):
                importlib.import_module(module.name)
    return SQLModel.metadata
