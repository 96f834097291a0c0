"""When operations are booked, and when they are said to have happened."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, text

from ledger import credits
from ledger.database import Sessions
from ledger.operations import Operation
from tests.ledger.acting import do, has
from tests.ledger.make import NOON, after, debit, grant, hold

INSTANT = timedelta(microseconds=1)


def moment(session: Session, key: str, what: str = "created_at") -> datetime:
    query = f"SELECT {what} FROM ledger_transaction WHERE reference = :key"  # noqa: S608
    found: datetime = session.connection().execute(text(query), {"key": key}).scalar_one()
    return found


@pytest.mark.parametrize(
    ("rows", "told"),
    [("floor = 0", debit("d", 1)), ("floor IS NULL", debit("d", 1)), ("floor = 0", hold("d", 1))],
    ids=["debit, the agent's row is ahead", "debit, the house's rows are ahead", "hold"],
)
def test_an_operation_is_booked_later_than_what_its_rows_had_before(
    credited: Sessions, rows: str, told: Operation
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)

    with credited() as session:
        # In one transaction, so that all meet the same shard.
        credits.apply(session, [grant("g", 10, cents=10)], now=NOON)
        put_ahead = text(f"UPDATE balance SET last_at = :ahead WHERE {rows}")  # noqa: S608
        session.connection().execute(put_ahead, {"ahead": ahead})
        credits.apply(session, [told], now=NOON)

        assert moment(session, "d") == ahead + INSTANT


def test_what_the_clock_did_is_said_to_have_happened_when_it_was_due(credited: Sessions) -> None:
    ended = hold("h", 4, minutes=10)
    do(credited, grant("g", 10, expires_at=after(20)), grant("later", 5, effective_at=after(5)), ended)

    assert has(credited, now=after(60)) == (5, 0)

    with credited() as session:
        query = "SELECT kind, effective_at FROM ledger_transaction WHERE actor = 'ledger' ORDER BY id"
        happened = [tuple(row) for row in session.connection().execute(text(query))]
    assert happened == [("lot_begin", after(5)), ("hold_expiry", after(10)), ("lot_expiry", after(20))]
