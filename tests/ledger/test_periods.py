"""The close of a month: what it tells, what it locks, and that nothing that comes late is refused or lost."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select, text

from ledger import audit, book, chart, credits, operations, periods, seals
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.errors import Malformed, NotClosable
from ledger.models import Lot, PeriodClose, PeriodDraft, Transaction
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Grant
from ledger.periods import Month
from tests.ledger import story
from tests.ledger.story import AGENT, CHECKOUT, HOUR, NOON, do, hold, paid, refund

JULY = Month(date(2026, 7, 1))
END = JULY.ends_at
LATER = END + timedelta(days=4)


def prepared(
    session: Session, month: Month = JULY, *, warnings: Sequence[str] = (), reason: str | None = None
) -> PeriodDraft:
    """A draft whose report says nothing: what it says is the office's matter."""
    snapshot = periods.one_state(session)
    draft = PeriodDraft(
        month=month.first,
        report={},
        control_hash=bytes(32),
        warnings=list(warnings),
        reason=reason,
        prepared_by="operator:ann",
        prepared_at=LATER,
        snapshot=snapshot,
    )
    session.add(draft)
    session.flush()
    return draft


def close(sessions: Sessions, month: Month = JULY, *, by: str = "operator:ben") -> None:
    """Prepare and close a month."""
    with sessions() as session:
        draft_id = prepared(session, month).draft_id
    with sessions() as session:
        periods.close(session, session.get_one(PeriodDraft, draft_id), by=by, now=LATER)


def newest(sessions: Sessions) -> Transaction:
    """What was booked last."""
    with sessions() as session:
        return session.exec(select(Transaction).order_by(col(Transaction.id).desc()).limit(1)).one()


def drifts(sessions: Sessions) -> tuple[object, ...]:
    """What contradicts the entries and the seals, after everything was sealed."""
    seals.seal_all(sessions, now=LATER)
    with sessions() as session:
        return audit.verify(session).drifts


def receipt_of_a_fee(reference: str, at: datetime) -> Posting:
    """A posting between house accounts."""
    legs = (Leg(CHECKOUT, Amount(30, USD)), Leg(chart.FEES, Amount(-30, USD)))
    return Posting(reference, "processor_fee", legs, effective_at=at, actor="test", metadata={"type": "fee"})


@pytest.fixture
def closed(credited: Sessions) -> Sessions:
    """A book with a purchase, a hold and a lot that end in July, whose July is closed."""
    do(credited, paid("purchase:1", 100), now=NOON)
    do(credited, paid("purchase:2", 50, priority=9, expires_at=END - 2 * HOUR), now=NOON)
    do(credited, hold("h1", 10, expires_at=END - HOUR, in_flight=True), now=NOON)
    close(credited)
    return credited


def test_a_month_is_what_happened_in_it(credited: Sessions) -> None:
    do(credited, paid("purchase:0", 40), now=JULY.begins_at - HOUR)
    story.everything(credited)
    do(credited, paid("purchase:9", 7), now=END)

    with credited() as session:
        june, july = periods.read(session, JULY.previous), periods.read(session, JULY)

    assert june.of("agents", asset="CREDIT").closing == Amount(40, CREDIT)
    assert july.of("agents", asset="CREDIT").opening == Amount(40, CREDIT)
    assert list(july.contradictions()) == list(june.contradictions()) == []
    assert {each.what for each in july.movements} >= {"granted", "spent", "expired", "reversed", "reinstated"}
    assert july.transactions == july.unsealed
    assert sum(each.flow.cents.units for each in july.movements) == july.of("prepaid_liability").change.units


def test_what_the_clock_made_due_in_a_closed_month_is_told_in_the_next(closed: Sessions) -> None:
    with closed() as session:
        assert credits.settle_due(session, now=LATER) == 1

    with closed() as session:
        told = session.exec(select(Transaction).where(col(Transaction.actor) == "ledger")).all()
    assert {each.kind: each.details["happened_at"] for each in told} == {
        "hold_expiry": "2026-07-31T23:00:00.000000Z",
        "lot_expiry": "2026-07-31T22:00:00.000000Z",
    }
    assert {each.effective_at for each in told} == {END}
    assert drifts(closed) == ()


def test_a_late_refund_takes_back_what_was_bought_in_a_closed_month(closed: Sessions) -> None:
    (done,) = credits.perform(closed, [refund("refund:1", "purchase:1", 60)], now=NOON + HOUR)

    assert done.code == "done"
    told = newest(closed)
    assert (told.effective_at, told.details) == (END, {"happened_at": "2026-07-01T13:00:00.000000Z"})
    with closed() as session:
        august = periods.read(session, JULY.next)
    assert [(each.what, each.flow.cents.units) for each in august.movements] == [("reversed", -60)]
    assert drifts(closed) == ()


def test_credits_that_begin_in_a_closed_month_are_granted_in_the_next_and_spent_at_once(
    closed: Sessions,
) -> None:
    given = paid("purchase:3", 5, effective_at=NOON, expires_at=LATER + HOUR, agent="agt_2")
    do(closed, given, now=LATER)

    with closed() as session:
        (begins,) = session.exec(select(Lot.effective_at).where(Lot.granted == 5)).all()
    assert (begins, newest(closed).effective_at) == (NOON, END)
    assert credits.perform(closed, [given], now=LATER)[0].replayed
    assert drifts(closed) == ()


def test_a_house_posting_of_a_closed_month_is_booked_under_the_first_open_moment_once(
    closed: Sessions,
) -> None:
    for _ in range(2):
        with closed() as session:
            book.post(session, receipt_of_a_fee("stripe:txn_1", NOON))

    told = newest(closed)
    assert told.effective_at == END
    assert told.details == {"type": "fee", "happened_at": "2026-07-01T12:00:00.000000Z"}
    assert drifts(closed) == ()


def test_a_refusal_of_a_closed_month_is_kept_in_the_next(closed: Sessions) -> None:
    (refused,) = credits.perform(closed, [story.debit("d1", 5000)], now=END - 3 * HOUR)

    assert refused.code == "not_enough"
    assert newest(closed).effective_at == END


def test_nobody_writes_into_a_closed_month_by_hand(closed: Sessions) -> None:
    with pytest.raises(DBAPIError, match="in a month that is closed"), closed() as session:
        session.connection().execute(
            text(
                "INSERT INTO ledger_transaction"
                " (reference, request_hash, kind, effective_at, created_at, actor, hash)"
                " VALUES ('x', '', 'x', :at, now(), 'x', '')"
            ),
            {"at": END - timedelta(microseconds=1)},
        )


def test_the_open_month_is_told_as_it_happens(closed: Sessions) -> None:
    do(closed, paid("purchase:4", 5), now=LATER)

    told = newest(closed)
    assert (told.effective_at, told.details) == (LATER, {})


def test_months_are_closed_in_order_and_without_a_gap(closed: Sessions) -> None:
    with pytest.raises(NotClosable, match="it is the turn of 2026-08"):
        close(closed, JULY.next.next)
    with pytest.raises(NotClosable, match="it is the turn of 2026-08"):
        close(closed, JULY)

    close(closed, JULY.next)

    with closed() as session:
        assert periods.last_closed(session) == JULY.next
        assert periods.next_to_close(session, now=LATER) == JULY.next.next


@pytest.mark.parametrize("previous", [None, "2026-06-01", "2026-07-01"])
def test_the_database_knows_no_second_beginning_and_no_gap(closed: Sessions, previous: str | None) -> None:
    with closed() as session:
        draft_id = prepared(session, JULY.next.next).draft_id
    with pytest.raises(DBAPIError, match="period_close_"), closed() as session:
        session.connection().execute(
            text(
                "INSERT INTO period_close SELECT month, CAST(:previous AS date), draft_id, prepared_by,"
                " control_hash, 'operator:ben', now() FROM period_draft WHERE draft_id = :draft_id"
            ),
            {"draft_id": draft_id, "previous": previous},
        )


@pytest.mark.parametrize("name", ["operator:ann", "Operator:Ann", " operator:ann "])
def test_whoever_prepared_a_close_cannot_confirm_it(credited: Sessions, name: str) -> None:
    with pytest.raises(NotClosable, match="another person"):
        close(credited, by=name)


@pytest.mark.parametrize("name", ["operator:ann", "OPERATOR:Ann", "operator:ann "])
def test_the_database_wants_two_people(credited: Sessions, name: str) -> None:
    with credited() as session:
        draft_id = prepared(session).draft_id
    with pytest.raises(DBAPIError, match="period_close_by_another"), credited() as session:
        session.connection().execute(
            text(
                "INSERT INTO period_close SELECT month, NULL, draft_id, prepared_by, control_hash,"
                " :name, now() FROM period_draft WHERE draft_id = :draft_id"
            ),
            {"draft_id": draft_id, "name": name},
        )


def test_a_month_that_is_not_over_stays_open(credited: Sessions) -> None:
    with pytest.raises(NotClosable, match="is not over"):
        close(credited, periods.month_of(datetime.now(UTC)))


def test_a_book_that_changed_since_it_was_prepared_is_prepared_again(credited: Sessions) -> None:
    with credited() as session:
        draft_id = prepared(session).draft_id
    do(credited, paid("purchase:1", 100), now=NOON)
    with pytest.raises(NotClosable, match="has changed since"), credited() as session:
        periods.close(session, session.get_one(PeriodDraft, draft_id), by="operator:ben", now=LATER)

    close(credited)


def test_what_happens_after_the_month_does_not_disturb_its_close(credited: Sessions) -> None:
    with credited() as session:
        draft_id = prepared(session).draft_id
    do(credited, paid("purchase:1", 100), now=END)

    with credited() as session:
        periods.close(session, session.get_one(PeriodDraft, draft_id), by="operator:ben", now=LATER)


def test_a_close_waits_for_whoever_writes_into_the_month_and_then_refuses(credited: Sessions) -> None:
    with credited() as session:
        draft_id = prepared(session).draft_id
    said: list[str] = []

    def confirm() -> None:
        try:
            with credited() as session:
                periods.close(session, session.get_one(PeriodDraft, draft_id), by="operator:ben", now=LATER)
        except NotClosable as error:
            said.append(str(error))

    with credited() as writing:
        book.post(writing, receipt_of_a_fee("stripe:txn_1", NOON))
        closing = threading.Thread(target=confirm)
        closing.start()
        closing.join(0.5)
        assert closing.is_alive()
    closing.join()

    assert "has changed since" in said[0]
    assert newest(credited).effective_at == NOON


def test_a_writer_waits_for_a_close_and_then_books_late(credited: Sessions) -> None:
    with credited() as session:
        draft_id = prepared(session).draft_id

    def write() -> None:
        with credited() as session:
            book.post(session, receipt_of_a_fee("stripe:txn_1", NOON))

    with credited() as closing:
        periods.close(closing, closing.get_one(PeriodDraft, draft_id), by="operator:ben", now=LATER)
        writing = threading.Thread(target=write)
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()
    writing.join()

    assert newest(credited).effective_at == END


def test_whoever_began_to_write_before_the_draft_is_waited_for(credited: Sessions) -> None:
    with credited() as slow:
        slow.connection().execute(text("SELECT pg_current_xact_id()"))
        with credited() as session:
            draft_id = prepared(session).draft_id
        with pytest.raises(NotClosable, match="still writing"), credited() as session:
            periods.close(session, session.get_one(PeriodDraft, draft_id), by="operator:ben", now=LATER)


@pytest.mark.parametrize("table", ["period_draft", "period_close"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET prepared_by = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_a_close_is_never_changed(closed: Sessions, table: str, change: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), closed() as session:
        session.connection().execute(text(change.format(table)))
    with closed() as session:
        assert session.exec(select(PeriodClose)).one().closed_by == "operator:ben"


def test_a_draft_with_warnings_says_why_it_may_be_closed(credited: Sessions) -> None:
    with pytest.raises(DBAPIError, match="period_draft_gives_a_reason"), credited() as session:
        prepared(session, warnings=["an exception is open"], reason=" ")

    with credited() as session:
        prepared(session, warnings=["an exception is open"], reason="it is of another month")


def test_the_name_of_the_true_time_is_the_books_own() -> None:
    wanted = Grant(
        key="g", agent_id=AGENT, actor="x", credits=Amount(1, CREDIT), metadata={"happened_at": "never"}
    )
    with pytest.raises(Malformed, match="happened_at"):
        operations.check(wanted)


@pytest.mark.parametrize("written", ["2026", "2026-13", "2026-7", "1970-01", "2026-07-01", "x"])
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(Malformed, match="no month"):
        periods.parse(written)


def test_months_follow_each_other() -> None:
    december = periods.parse("2026-12")

    assert str(december.next) == "2027-01"
    assert december.next.previous == december
    assert periods.month_of(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == december
    assert december.ends_at == datetime(2027, 1, 1, tzinfo=UTC)
