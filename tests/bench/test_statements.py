"""The statements that bench/ measures do what they are said to: a refusal would be fast and worthless."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from bench import _filling, _statements, cost, hash_chain, house_accounts
from bench._pool import Pool
from bench._server import PREPARE, connect

OPERATIONS = {name: text for name, text in cost.SCRIPTS.items() if "apply_operations" in text}
KEYS = itertools.count(1)
BROKEN = """
SELECT count(*) FROM entry
JOIN balance USING (account_id, shard)
WHERE entry.seq > balance.seq OR (entry.seq = balance.seq AND entry.balance_after <> balance.posted)
"""


@pytest.fixture
def book(database_url: str) -> Iterator[psycopg.Connection]:
    """A book as bench/ measures on it, with open holds to close."""
    with connect(database_url) as connection:
        connection.execute(PREPARE)
        connection.execute(_statements.OPENING_GRANTS)
        Pool(database_url).fill(10)
        yield connection


def outcomes(book: psycopg.Connection, script: str) -> list[object]:
    statement = script.removeprefix(_statements.CHOOSE).replace(":agent", "%(agent)s")
    given = {"agent": 7, "key": next(KEYS)}
    statement = statement.replace("(:key)", "(%(key)s)").replace("(:client_id)", "(0)")
    return [row[0] for row in book.execute(statement.encode(), given)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_measured_operation_is_done(book: psycopg.Connection, name: str) -> None:
    said = outcomes(book, OPERATIONS[name])

    assert said == ([50] if name.startswith("batch") else ["done"])


def test_a_batch_is_fifty_operations_that_are_done(book: psycopg.Connection) -> None:
    before = book.execute("SELECT count(*) FROM hold").fetchone()

    outcomes(book, _statements.HOLDS_IN_BATCH)

    after = book.execute("SELECT count(*) FROM hold").fetchone()
    assert before
    assert after
    assert after[0] - before[0] == _statements.BATCH


def test_the_house_posting_is_created(book: psycopg.Connection) -> None:
    assert outcomes(book, _statements.POSTING) == ["created"]


@pytest.mark.parametrize("kind", ["one row", "derived", "unchained"])
def test_a_changed_book_still_grants_and_debits(book: psycopg.Connection, kind: str) -> None:
    sources = house_accounts.sources(book)
    changed = {
        "one row": house_accounts.one_row(sources),
        "derived": house_accounts.derived(sources),
        "unchained": hash_chain.UNCHAINED,
    }[kind]

    book.execute(changed.encode())

    assert outcomes(book, _statements.GRANT) == outcomes(book, _statements.DEBIT) == ["done"]


def test_a_filled_book_goes_on_where_the_filling_ended(database_url: str, book: psycopg.Connection) -> None:
    Pool(database_url).fill(1_000)
    _filling.fill(database_url, entries=20_000)

    said = outcomes(book, _statements.HOLD) + outcomes(book, _statements.DEBIT)

    assert said == ["done", "done"]
    assert book.execute(BROKEN).fetchone() == (0,)
