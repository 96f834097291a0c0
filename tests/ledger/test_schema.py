"""The migrations, the models and the snapshot in docs say the same about the database."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from pydantic import ValidationError
from sqlalchemy import Engine

from app.migrations.run import metadata, migrate
from ledger import models
from ledger.settings import LedgerSettings
from tests.conftest import in_database
from tests.ledger.snapshot import SNAPSHOT, dump

BOOK = {
    *("account_class", "account", "balance", "ledger_transaction", "entry"),
    *("lot", "lot_entry", "hold", "reversal", "preview_day", "agent_freeze", "agent_thaw"),
    *("period_draft", "period_close"),
}
MODELS = (
    *(models.AccountClass, models.Account, models.Balance, models.Transaction, models.Entry),
    *(models.Lot, models.LotEntry, models.Hold, models.Reversal, models.PreviewDay),
    *(models.Freeze, models.Thaw, models.PeriodDraft, models.PeriodClose),
)


def test_the_models_of_the_book_describe_the_tables_that_the_migrations_make(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: kind != "table" or name in BOOK,
                "include_object": lambda _, name, kind, *__: kind != "table" or name in BOOK,
            },
        )
        differences = compare_metadata(context, metadata())

    assert {model.__tablename__ for model in MODELS} == BOOK
    assert differences == []


def test_the_snapshot_in_docs_is_the_schema_after_all_migrations(database_url: str) -> None:
    assert dump(database_url) == SNAPSHOT.read_text(), "write it anew: make schema"


def test_processes_that_migrate_at_the_same_time_wait_for_each_other(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE migrated_by_many"))
    url = in_database(postgres_url, "migrated_by_many")

    with ThreadPoolExecutor(4) as processes:
        list(processes.map(migrate, [url] * 4))
    migrate(url)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_without_a_database_the_book_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir("/")

    with pytest.raises(ValidationError, match="database_url"):
        LedgerSettings()
