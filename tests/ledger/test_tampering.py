"""A superuser changes, deletes or forges any stored row behind the triggers' back: it is found."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine

from ledger import audit, database, seals
from tests.conftest import new_database
from tests.ledger import full_book, tampering
from tests.ledger.make import NOON
from tests.ledger.tampering import HARMLESS, ONLY_BY_THE_SEAL, TABLES, Column

COLUMNS = {
    "account": 5,
    "balance": 10,
    "ledger_transaction": 15,
    "entry": 12,
    "lot": 17,
    "lot_entry": 7,
    "hold": 12,
    "reversal": 7,
    "seal": 7,
    "seal_leaf": 5,
}


class Forger:
    """A superuser's connection to a book, of which everything is taken back after each forgery."""

    def __init__(self, connection: Connection) -> None:
        self.book = connection
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        self.raw = raw

    def finds(self) -> bool:
        """Whether the verification finds that something is wrong."""
        return not audit.examine(self.book).clean

    def undetected(self, column: Column) -> list[str]:
        """The changes of a column, row by row, that the verification does not find."""
        missed = []
        tried = 0
        for row in tampering.rows(self.raw, column.table):
            for value in tampering.changes(column):
                with self.raw.transaction(force_rollback=True):
                    changed = tampering.change(self.raw, column, row, value)
                    tried += changed
                    if changed and not self.finds():
                        missed.append(f"{column.table} {row} {column.name}: {value}")
        assert tried, f"no row to try {column} on"
        return missed


def made(postgres_url: str, *, sealed: bool) -> Iterator[Engine]:
    with new_database(postgres_url) as url:
        engine = database.connect(url)
        opened = database.sessions(engine)
        full_book.write(opened)
        if sealed:
            assert len(seals.seal_all(opened, now=NOON, most=20)) > 1
        with psycopg.connect(url) as connection:
            tampering.disarm(connection)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def sealed_book(postgres_url: str) -> Iterator[Engine]:
    yield from made(postgres_url, sealed=True)


@pytest.fixture(scope="module")
def unsealed_book(postgres_url: str) -> Iterator[Engine]:
    yield from made(postgres_url, sealed=False)


@pytest.fixture
def forger(sealed_book: Engine) -> Iterator[Forger]:
    with sealed_book.connect() as connection:
        forger = Forger(connection)
        assert not forger.finds()
        yield forger
        connection.rollback()


@pytest.fixture
def early_forger(unsealed_book: Engine) -> Iterator[Forger]:
    with unsealed_book.connect() as connection:
        yield Forger(connection)
        connection.rollback()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", TABLES)
def test_a_change_of_any_column_of_any_row_is_found(forger: Forger, table: str) -> None:
    columns = [column for column in tampering.columns(forger.raw) if column.table == table]

    missed = [each for column in columns for each in forger.undetected(column)]

    assert len(columns) == COLUMNS[table], "a new column: is it protected, and is it sealed?"
    assert missed == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_gone_is_found(forger: Forger, table: str) -> None:
    delete = sql.SQL("DELETE FROM {} WHERE ctid = %s").format(sql.Identifier(table))
    missed = []
    for row in tampering.rows(forger.raw, table):
        with forger.raw.transaction(force_rollback=True):
            assert forger.raw.execute(delete, [row]).rowcount == 1
            if not forger.finds():
                missed.append(row)

    assert missed == []


FORGED = {
    "account": "INSERT INTO account (id, name, class_name, asset) VALUES (99, 'agent:x', 'agent', 'CREDIT')",
    # The shards of a house account that exist depend on which connections wrote it.
    "balance": """
        INSERT INTO balance (account_id, shard, posted)
        SELECT account.id, free.shard, 7
        FROM account
        CROSS JOIN generate_series(0, 15) AS free (shard)
        LEFT JOIN balance AS taken ON taken.account_id = account.id AND taken.shard = free.shard
        WHERE taken.account_id IS NULL
        ORDER BY account.id DESC
        LIMIT 1
        """,
    "ledger_transaction": """
        INSERT INTO ledger_transaction (reference, request_hash, kind, effective_at, created_at, actor, hash)
        VALUES ('forged', '', 'grant', now(), now(), 'forger', '')
        """,
    "entry": """
        INSERT INTO entry
        SELECT transaction_id, 9, account_id, shard, asset, amount, held, seq + 1000, balance_after,
            held_after, hash, created_at
        FROM entry LIMIT 1
        """,
    "lot": """
        INSERT INTO lot (id, account_id, granted_in, promotional, priority, effective_at, expires_at, granted,
            paid_cents, credits, cents)
        SELECT 999, account_id, 999, true, 0, effective_at, expires_at, 5, 0, 5, 0 FROM lot LIMIT 1
        """,
    "lot_entry": "INSERT INTO lot_entry SELECT transaction_id, 9, lot_id, 1, 1, 0, 0 FROM lot_entry LIMIT 1",
    "hold": """
        INSERT INTO hold (id, account_id, credits, lots, pins, job, in_flight, expires_at, placed_in)
        SELECT 'hold_forged', account_id, 0, lots, '{0}', job, false, 'infinity', placed_in FROM hold LIMIT 1
        """,
    "reversal": "INSERT INTO reversal SELECT 1, lot_id, 1, 0, 0, 0 FROM reversal LIMIT 1",
    "seal": """
        INSERT INTO seal SELECT number + 100, leaves, root, hash, hash, horizon, sealed_at FROM seal LIMIT 1
        """,
    "seal_leaf": "INSERT INTO seal_leaf SELECT seal, 999, 999, xid, hash FROM seal_leaf LIMIT 1",
}


@pytest.mark.parametrize("table", TABLES)
def test_a_forged_row_is_found(forger: Forger, table: str) -> None:
    assert forger.raw.execute(FORGED[table].encode()).rowcount == 1

    assert forger.finds()


@pytest.mark.timeout(600)
def test_before_the_seal_only_these_columns_are_unprotected(early_forger: Forger) -> None:
    columns = [
        column for column in tampering.columns(early_forger.raw) if not column.table.startswith("seal")
    ]

    open_to_change = {
        (column.table, column.name)
        for column in columns
        if (column.table, column.name) in ONLY_BY_THE_SEAL or column.table in ("lot", "hold")
        if early_forger.undetected(column)
    }

    assert open_to_change == set(ONLY_BY_THE_SEAL)
    assert set(HARMLESS) <= {(column.table, column.name) for column in columns}
