"""The verification says of an honest book that it is one, and names what is wrong with any other."""

from collections.abc import Iterator

import psycopg
import pytest

from ledger import audit, seals
from ledger.audit import Report
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from tests.ledger import full_book
from tests.ledger.full_book import do
from tests.ledger.make import NOON, debit, grant, hold
from tests.ledger.tampering import disarm


def verify(sessions: Sessions) -> Report:
    with sessions() as session:
        return audit.verify(session)


@pytest.fixture
def written(sessions: Sessions) -> Sessions:
    do(sessions, grant("g", 500, cents=500), debit("d1", 10), hold("h", 5), debit("d2", 10))
    return sessions


@pytest.fixture
def forger(database_url: str, written: Sessions) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        disarm(connection)
        yield connection


def test_an_empty_book_is_clean(sessions: Sessions) -> None:
    report = verify(sessions)

    assert report == Report(accounts=0, transactions=0, entries=0, volumes=(), drifts=())
    assert report.clean


def test_an_honest_book_is_clean_and_counted(written: Sessions) -> None:
    report = verify(written)

    assert report.clean, list(report.lines())
    assert (report.accounts, report.transactions, report.entries) == (6, 4, 13)
    assert (report.lots, report.holds, report.sealed) == (1, 1, 0)
    assert report.volumes == (Amount(520, CREDIT), Amount(520, USD))
    assert list(report.lines())[-1] == "the book agrees with its entries"


def test_a_book_in_which_everything_has_happened_is_clean_sealed_or_not(sessions: Sessions) -> None:
    full_book.write(sessions)

    before = verify(sessions)
    seals.seal_all(sessions, now=NOON, most=20)
    after = verify(sessions)

    assert before.clean, list(before.lines())
    assert after.clean, list(after.lines())
    assert (before.sealed, after.sealed) == (0, after.transactions)


def test_a_drift_says_what_and_where_and_what_was_expected(
    forger: psycopg.Connection, written: Sessions
) -> None:
    forger.execute("UPDATE balance SET seq = 1000000 WHERE floor = 0")

    report = verify(written)

    (drift,) = report.drifts
    assert f"DRIFT         {drift}" in report.lines()
    assert f"FIRST BROKEN  {drift}" in report.lines()
    assert str(drift) == "seq of agent:agt_1 shard 0: expected 4, found 1000000"


def test_of_many_broken_rows_the_first_is_that_of_the_oldest_transaction(
    forger: psycopg.Connection, written: Sessions
) -> None:
    forger.execute("UPDATE balance SET posted = posted + 1 WHERE floor = 0")
    forger.execute("UPDATE entry SET hash = 'x' WHERE transaction_id = 3")
    forger.execute("UPDATE entry SET amount = amount + 1 WHERE transaction_id = 2 AND leg = 1")
    forger.execute("UPDATE ledger_transaction SET actor = 'forger' WHERE id = 2")
    forger.execute("UPDATE ledger_transaction SET actor = 'forger' WHERE id = 4")

    report = verify(written)

    assert (report.drifts[0].transaction_id, report.drifts[0].what) == (2, "told")
    places = [drift.transaction_id for drift in report.drifts]
    assert places == sorted(places, key=lambda place: (place is None, place))
    assert {2, 3, 4, None} == set(places)


def test_refusals_have_no_entries(forger: psycopg.Connection, written: Sessions) -> None:
    do(written, debit("too much", 9999))
    forger.execute(
        "INSERT INTO lot_entry SELECT id, 1, 1, 0, 0, 0, 0 FROM ledger_transaction WHERE outcome <> 'done'"
    )

    report = verify(written)

    assert "legs" in {drift.what for drift in report.drifts}


def test_a_long_list_of_drifts_is_cut(forger: psycopg.Connection, written: Sessions) -> None:
    forger.execute(
        "INSERT INTO preview_day SELECT 1, date '2020-01-01' + day, 1 FROM generate_series(1, 300) AS day"
    )

    report = verify(written)

    assert len(report.drifts) == 300
    assert "and 200 more" in report.lines()
    assert list(report.lines())[-1] == "300 drifts"


def test_progress_is_told_to_the_end(written: Sessions) -> None:
    told: list[tuple[int, int]] = []

    with written() as session:
        audit.verify(session, progress=lambda _, done, of: told.append((done, of)))

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
