"""What nobody should ask is refused before it reaches the book, and what is asked arrives as it was said."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

from ledger import credits
from ledger.database import Sessions
from ledger.errors import BookError, Malformed, OutOfRange
from ledger.money import CREDIT, USD, Amount
from ledger.operations import LARGEST, Operation
from tests.ledger.acting import do, has
from tests.ledger.make import NOON, after, capture, debit, grant, hold, refund, start, unwind

HELD = hold("h", 1)
NAIVE = NOON.replace(tzinfo=None)
TOO_MUCH = [0, -1, LARGEST + 1, 2**63]


@pytest.mark.parametrize("units", TOO_MUCH)
@pytest.mark.parametrize(
    "make",
    [
        *(lambda n: grant("k", n), lambda n: grant("k", 1, cents=n or -1), lambda n: hold("k", n)),
        *(lambda n: debit("k", n), lambda n: capture("k", HELD, n), lambda n: unwind("k", "d", n)),
        *(lambda n: refund("k", "g", cents=n), lambda n: debit("k", 1, minimum_left=Amount(n or -1, CREDIT))),
    ],
    ids=["grant", "cents", "hold", "debit", "capture", "unwind", "refund", "minimum"],
)
def test_an_amount_out_of_range_is_refused(sessions: Sessions, make: Any, units: int) -> None:
    do(sessions, grant("g", 10, cents=10), HELD, debit("d", 5))

    with pytest.raises(OutOfRange):
        do(sessions, make(units))

    assert has(sessions) == (5, 1)


@pytest.mark.parametrize("units", [1, LARGEST])
def test_the_smallest_and_the_largest_amount_are_accepted(credited: Sessions, units: int) -> None:
    do(credited, grant("g", units, cents=units))

    assert do(credited, debit("d", units)).done


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
@pytest.mark.parametrize("field", ["expires_at", "effective_at"])
def test_a_time_that_no_calendar_has_in_utc_is_refused(sessions: Sessions, field: str, moment: str) -> None:
    beyond: Any = {field: datetime.fromisoformat(moment)}

    with pytest.raises(OutOfRange):
        do(sessions, replace(grant("g", 10), **beyond))

    assert has(sessions) == (0, 0)


@pytest.mark.parametrize("units", [True, 1.5, 1.0, "1", None])
def test_an_amount_is_a_whole_number(units: Any) -> None:
    with pytest.raises(TypeError):
        Amount(units, CREDIT)


@pytest.mark.parametrize(
    "wrong",
    [
        *(debit("", 1), debit("k", 1, agent=""), debit("k" * 501, 1), debit("k\x00", 1)),
        *(debit(f"{own}1", 1) for own in ("hold_expiry:", "lot_begin:", "lot_expiry:", "clawback:")),
        *(replace(debit("k", 1), credits=Amount(1, USD)), grant("k", 1, cents=1, clearing=None)),
        *(grant("k", 1, cents=1, promotional=True), grant("k", 1, priority=-1), grant("k", 1, priority=1001)),
        *(
            grant("k", 1, cents=1, clearing=name)
            for name in ("revenue", "agent:agt_1", "clearing:", "clearing:a b")
        ),
        *(grant("k", 1, expires_at=NOON), grant("k", 1, expires_at=NAIVE)),
        *(
            grant("k", 1, effective_at=after(2), expires_at=after(2)),
            hold("k", 1, expires_at=NAIVE),
        ),
    ],
    ids=lambda wrong: repr(wrong.key)[:15],
)
def test_an_operation_that_contradicts_itself_is_refused(sessions: Sessions, wrong: Operation) -> None:
    do(sessions, grant("g", 10))

    with pytest.raises(Malformed):
        do(sessions, wrong)

    assert has(sessions) == (10, 0)


@pytest.mark.parametrize("kind", ["debit", "hold", "unwind", "capture"])
@pytest.mark.parametrize("units", [0, -5])
def test_the_database_itself_refuses_amounts_below_one(sessions: Sessions, kind: str, units: int) -> None:
    do(sessions, grant("g", 10), HELD, debit("d", 5))
    row = f"""("{kind}","k","\\\\\\\\x00","a","{NOON.isoformat()}","agt_1",{units},"d",,,,,,,,,,,,)"""
    given = '{"' + row.replace("\\\\", "\\").replace('"', '\\"') + '"}'

    with sessions() as session, pytest.raises(DBAPIError, match="is refused"):
        session.connection().execute(
            text("SELECT * FROM apply_operations(CAST(:given AS operation[]))"), {"given": given}
        )

    assert has(sessions) == (5, 1)


@pytest.mark.parametrize(
    "job", ['"quoted"', "back\\slash", "{a,b}", "(x)", "new\nline", "", "ключ", "NULL", "'; --"]
)
def test_what_is_said_arrives_as_it_was_said(credited: Sessions, job: str) -> None:
    held = hold(f"key {job}", 1, job=job, metadata={"said": job})
    do(credited, grant("g", 1), held)

    with credited() as session:
        said = session.connection().execute(text("SELECT job FROM hold")).scalar_one()
        told = text("SELECT metadata FROM ledger_transaction WHERE reference = :key")
        metadata = session.connection().execute(told, {"key": held.key}).scalar_one()
    assert (said, metadata) == (job, {"said": job})


def test_a_caller_cannot_stop_the_clock_with_a_key_of_the_book_itself(credited: Sessions) -> None:
    do(credited, grant("g", 10), HELD)

    with pytest.raises(BookError):
        do(credited, debit(f"hold_expiry:{HELD.hold_id}", 1))

    assert has(credited, now=after(10)) == (10, 0)
    assert do(credited, start("s", HELD), now=after(10)).code == "hold_expired"


def test_a_refusal_names_itself_and_what_was_asked(credited: Sessions) -> None:
    outcome = do(credited, debit("d", 5, agent="nobody"))

    assert (outcome.code, outcome.credits, outcome.done) == ("unknown_account", Amount(5, CREDIT), False)
    assert outcome.standing is not None
    assert (outcome.standing.version, outcome.standing.available) == (0, Amount(0, CREDIT))
    assert credits.DONE == "done"
