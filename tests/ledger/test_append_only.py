"""Nobody changes the past, the superuser included."""

from collections.abc import Iterator

import psycopg
import pytest

from ledger import book, credits, database
from ledger.database import Sessions
from ledger.operations import Operation
from tests.conftest import new_database
from tests.ledger import make
from tests.ledger.test_book import received

TABLES = [
    *("account", "account_class", "balance", "entry", "ledger_transaction"),
    *("lot", "lot_entry", "hold", "reversal"),
]
LOT = [
    "account_id",
    "granted_in",
    "promotional",
    "priority",
    "effective_at",
    "expires_at",
    "granted",
    "paid_cents",
]
HOLD = {
    "id": "'x'",
    "account_id": "0",
    "credits": "1",
    "lots": "'{}'",
    "pins": "'{}'",
    "job": "'x'",
    "placed_in": "0",
}
CHANGES = [
    *(" ".join(("DELETE FROM", table)) for table in TABLES),
    *(f"TRUNCATE {table} CASCADE" for table in TABLES),
    "UPDATE entry SET amount = 1",
    "UPDATE ledger_transaction SET metadata = '{}'",
    "UPDATE account SET name = name",
    "UPDATE lot_entry SET used = 1",
    "UPDATE lot SET id = DEFAULT",
    *(" ".join(("UPDATE lot SET", column, "=", column)) for column in LOT),
    *(" ".join(("UPDATE hold SET", column, "=", other)) for column, other in HOLD.items()),
    "UPDATE hold SET captured = 1 WHERE state <> 'open'",
]
MODES = ["origin", "replica"]

INSERT_TRANSACTION = """
INSERT INTO ledger_transaction (reference, request_hash, kind, effective_at, created_at, actor, hash)
VALUES ('forged', '', 'forged', now(), now(), 'forger', '')
"""
INSERT_ENTRIES = """
INSERT INTO entry (
    transaction_id, leg, account_id, shard, asset, amount, seq, balance_after, hash, created_at
)
SELECT {transaction}, {first_leg} + number, 0, 9, 'USD', {amount}, number, 0, '', now()
FROM (VALUES (1), (2)) AS numbered (number)
"""
NEW = "(SELECT id FROM ledger_transaction WHERE reference = 'forged')"
OLD = "(SELECT min(id) FROM ledger_transaction)"


def write_one_of_each(sessions: Sessions) -> None:
    given: list[Operation] = [
        make.grant("grant", 20, cents=20),
        make.hold("open", 5),
        make.hold("closed", 5),
        make.release("release", make.hold("closed", 5)),
        make.refund("refund", "grant", cents=1),
    ]
    assert all(told.done for told in credits.perform(sessions, given, now=make.NOON))


@pytest.fixture(scope="module")
def written_url(postgres_url: str) -> Iterator[str]:
    with new_database(postgres_url) as url:
        engine = database.connect(url)
        with database.sessions(engine)() as session:
            book.post(session, received(500))
        write_one_of_each(database.sessions(engine))
        engine.dispose()
        yield url


@pytest.fixture
def superuser(written_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(written_url) as connection:
        assert connection.execute("SHOW is_superuser").fetchone() == ("on",)
        yield connection
        connection.rollback()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_past_is_refused(superuser: psycopg.Connection, change: str, mode: str) -> None:
    superuser.execute(f"SET session_replication_role = {mode}")

    with pytest.raises(psycopg.Error, match="the book is append-only") as refusal:
        superuser.execute(change)

    assert refusal.value.sqlstate == "PR001"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("transaction", "first_leg", "amount"),
    [
        (NEW, 0, "number"),
        (OLD, 10, "number * 2 - 3"),
        ("987654321", 0, "number * 2 - 3"),
        (NEW, 0, "0"),
    ],
    ids=["does not sum to zero", "belongs to an old transaction", "belongs to no transaction", "is empty"],
)
def test_entries_that_prove_nothing_are_refused(
    superuser: psycopg.Connection, transaction: str, first_leg: int, amount: str, mode: str
) -> None:
    superuser.execute(f"SET session_replication_role = {mode}")
    superuser.execute(INSERT_TRANSACTION)

    with pytest.raises(psycopg.Error, match="does not sum to zero") as refusal:
        superuser.execute(INSERT_ENTRIES.format(transaction=transaction, first_leg=first_leg, amount=amount))

    assert refusal.value.sqlstate == "PR002"


def test_entries_that_balance_under_a_new_transaction_are_accepted(superuser: psycopg.Connection) -> None:
    superuser.execute(INSERT_TRANSACTION)

    superuser.execute(INSERT_ENTRIES.format(transaction=NEW, first_leg=0, amount="number * 2 - 3"))


@pytest.mark.parametrize("below", ["posted = -1", "held = posted + 1", "held = -1"])
def test_a_balance_below_its_floor_is_refused_by_the_table_itself(
    superuser: psycopg.Connection, below: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="balance_not_below_floor"):
        superuser.execute(" ".join(("UPDATE balance SET", below, "WHERE floor = 0")))
