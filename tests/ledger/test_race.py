"""Sixteen clients at once: every event once, no overdraft, no gap, no deadlock."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlmodel import text

from ledger import book, chart
from ledger.book import Posting
from ledger.database import Sessions
from ledger.errors import ReferenceConflict
from ledger.money import CREDIT
from tests.ledger import invariants
from tests.ledger.test_book import posting

CLIENTS = 16


def attempt(sessions: Sessions, wanted: Posting) -> str:
    try:
        with sessions() as session:
            return "created" if book.post(session, wanted).created else "exists"
    except ReferenceConflict as refusal:
        return refusal.code


def transactions(sessions: Sessions) -> int:
    with sessions() as session:
        counted = session.connection().execute(text("SELECT count(*) FROM ledger_transaction"))
        return int(counted.scalar_one())


def test_one_event_told_by_sixteen_clients_at_once_is_written_once(sessions: Sessions) -> None:
    # Only house accounts, unopened: no row that all of them would have to lock.
    wanted = posting((chart.ISSUED, -1, CREDIT), (chart.SPENT, 1, CREDIT))
    other = posting((chart.ISSUED, -2, CREDIT), (chart.SPENT, 2, CREDIT))

    for turn in range(10):
        told = [replace(each, reference=f"event:{turn}") for each in [wanted, other] * (CLIENTS // 2)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            outcomes = list(clients.map(lambda each: attempt(sessions, each), told))
        assert outcomes.count("created") == 1
        assert outcomes.count("exists") == CLIENTS // 2 - 1
        assert outcomes.count("reference_conflict") == CLIENTS // 2

    invariants.check_book(sessions)
    assert transactions(sessions) == 10
