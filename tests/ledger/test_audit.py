"""The verification sees every kind of drift, and nothing else."""

from collections.abc import Iterator

import psycopg
import pytest

from ledger import audit, book
from ledger.audit import Report
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from tests.ledger.test_book import credit, spend

AGENT_ROW = "account_id = (SELECT id FROM account WHERE name LIKE 'agent:%') AND shard = 0"
SECOND = f"{AGENT_ROW} AND seq = 2"

FORGERIES = [
    ("posted", "UPDATE balance SET posted = posted + 1 WHERE {AGENT_ROW}"),
    ("seq", "UPDATE balance SET seq = seq + 1 WHERE {AGENT_ROW}"),
    ("head", "UPDATE balance SET head = 'x' WHERE {AGENT_ROW}"),
    ("last_at", "UPDATE balance SET last_at = now() WHERE {AGENT_ROW}"),
    ("floor", "UPDATE balance SET floor = NULL WHERE {AGENT_ROW}"),
    ("balance row", "DELETE FROM balance WHERE {AGENT_ROW}"),
    ("sum", "UPDATE entry SET amount = amount - 1 WHERE {SECOND}"),
    ("balance_after", "UPDATE entry SET balance_after = 7 WHERE {SECOND}"),
    ("hash", "UPDATE entry SET hash = 'x' WHERE {SECOND}"),
    ("created_at", "UPDATE entry SET created_at = now() + interval '1 day' WHERE {SECOND}"),
    ("order", "UPDATE entry SET created_at = '2020-01-01' WHERE {SECOND}"),
    ("seq", "UPDATE entry SET seq = 9 WHERE {AGENT_ROW} AND seq = 3"),
    ("seq", "DELETE FROM entry WHERE {SECOND}"),
    ("legs", "DELETE FROM entry WHERE transaction_id = (SELECT max(id) FROM ledger_transaction)"),
    ("transaction", "DELETE FROM ledger_transaction WHERE reference = 'capture:1'"),
    ("account", "DELETE FROM account WHERE name = 'spent'"),
    ("hash", "UPDATE ledger_transaction SET reference = 'other' WHERE reference = 'capture:1'"),
    ("hash", "UPDATE account SET name = 'agent:thief' WHERE name LIKE 'agent:%'"),
    ("asset", "UPDATE account SET asset = 'USD' WHERE name = 'issued'"),
]


def verify(sessions: Sessions) -> Report:
    with sessions() as session:
        return audit.verify(session)


@pytest.fixture
def written(sessions: Sessions) -> Sessions:
    with sessions() as session:
        book.post(session, credit(500))
    for number in (1, 2):
        with sessions() as session:
            book.post(session, spend(10, reference=f"capture:{number}"))
    return sessions


@pytest.fixture
def forger(database_url: str, written: Sessions) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in ("account", "account_class", "balance", "entry", "ledger_transaction"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield connection


def test_an_empty_book_is_clean(sessions: Sessions) -> None:
    report = verify(sessions)

    assert report == Report(accounts=0, transactions=0, entries=0, volumes=(), drifts=())
    assert report.clean


def test_an_honest_book_is_clean_and_counted(written: Sessions) -> None:
    report = verify(written)

    assert report.clean, list(report.lines())
    assert (report.accounts, report.transactions, report.entries) == (3, 3, 6)
    assert report.volumes == (Amount(520, CREDIT),)
    assert list(report.lines())[-1] == "the book agrees with its entries"


@pytest.mark.parametrize(("what", "forgery"), FORGERIES)
def test_a_forgery_is_found(forger: psycopg.Connection, written: Sessions, what: str, forgery: str) -> None:
    assert forger.execute(forgery.format(AGENT_ROW=AGENT_ROW, SECOND=SECOND)).rowcount > 0

    report = verify(written)

    assert not report.clean
    assert what in {drift.what for drift in report.drifts}


def test_a_drift_says_what_and_where_and_what_was_expected(
    forger: psycopg.Connection, written: Sessions
) -> None:
    forger.execute("UPDATE balance SET posted = 1000000 WHERE floor = 0")

    report = verify(written)

    (drift,) = report.drifts
    assert f"DRIFT         {drift}" in report.lines()
    assert str(drift) == "posted of agent:agt_123 shard 0: expected 480, found 1000000"
