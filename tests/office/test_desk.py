"""Notes and owners: only ever added to, and of two who take the same thing one is told so."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlmodel import col, select

from ledger.database import Sessions
from office import errors, notes, operators, owners
from office.actor import Actor
from office.models import Assignment, AuditRow, Note
from office.owners import Owned

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ABOUT = ("exception", "7")
ANN = Actor("operator:ann@example.com", role="finance", via="console")
BEN = Actor("operator:ben@example.com", role="support", via="console")


def noted(sessions: Sessions, said: str, *, about: tuple[str, str] = ABOUT) -> Note:
    with sessions() as session:
        return notes.write(session, about=about, said=said, by=ANN, now=NOON)


def given(sessions: Sessions, owner: str | None, *, turn: int, by: Actor = ANN) -> Owned:
    with sessions() as session:
        return owners.assign(session, about=ABOUT, owner=owner, turn=turn, by=by, now=LATER)


def owner(sessions: Sessions) -> Owned:
    with sessions() as session:
        return owners.of(session, about=ABOUT)


def test_notes_are_read_the_newest_first_and_of_one_thing_alone(sessions: Sessions) -> None:
    noted(sessions, "  the payer wrote\nto us ")
    noted(sessions, "another", about=("exception", "8"))
    noted(sessions, "and again")

    with sessions() as session:
        found = notes.listed(session, about=ABOUT)

    assert [(each.said, each.author, each.written_at) for each in found] == [
        ("and again", ANN.name, NOON),
        ("the payer wrote\nto us", ANN.name, NOON),
    ]


def test_a_note_is_in_the_audit_log_with_who_wrote_it(sessions: Sessions) -> None:
    note = noted(sessions, "the payer wrote")

    with sessions() as session:
        [row] = session.exec(select(AuditRow)).all()
    assert (row.actor, row.action, row.about_kind, row.about_id) == (ANN.name, "note.write", *ABOUT)
    assert row.after == {"note_id": note.note_id}


@pytest.mark.parametrize("said", ["", "  \n ", "x" * 4001])
def test_a_note_says_something_and_no_book(sessions: Sessions, said: str) -> None:
    with pytest.raises(errors.SayWhy):
        noted(sessions, said)


def test_a_key_in_a_note_is_not_kept_and_an_id_of_the_processor_is(sessions: Sessions) -> None:
    note = noted(sessions, "pi_3MtwBwLkdIwHu7ix28a3tqPa with sk_live_4eC39HqLyjWDarjtT1zdp7dc")

    assert note.said == "pi_3MtwBwLkdIwHu7ix28a3tqPa with [redacted]"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE note SET said = 'x'",
        "DELETE FROM note",
        "TRUNCATE note",
        "UPDATE assignment SET owner = 'x'",
        "DELETE FROM assignment",
        "TRUNCATE assignment",
    ],
)
def test_nothing_that_was_said_or_assigned_is_ever_changed(
    sessions: Sessions, database_url: str, statement: str
) -> None:
    noted(sessions, "a note")
    given(sessions, ANN.name, turn=0)

    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.DatabaseError, match="never changed"),
    ):
        connection.execute(statement)


def test_what_is_taken_handed_over_and_given_back_is_told_in_turns(sessions: Sessions) -> None:
    with sessions() as session:
        operators.invite(
            session,
            email="ben@example.com",
            name="Ben",
            role="support",
            by=ANN,
            good_for=timedelta(days=1),
            now=NOON,
        )

    assert owner(sessions) == owners.NOBODYS
    assert given(sessions, ANN.name, turn=0) == Owned(ANN.name, 1, LATER)
    assert given(sessions, BEN.name, turn=1) == Owned(BEN.name, 2, LATER)
    assert given(sessions, None, turn=2, by=BEN) == owner(sessions) == Owned(None, 3, LATER)
    with sessions() as session:
        turns = owners.history(session, about=ABOUT)
        assigned = select(AuditRow).where(col(AuditRow.action) == "exception.assign")
        told = session.exec(assigned.order_by(col(AuditRow.audit_id))).all()
    assert [(each.owner, each.assigned_by) for each in turns] == [
        (ANN.name, ANN.name),
        (BEN.name, ANN.name),
        (None, BEN.name),
    ]
    assert [(each.before, each.after) for each in told] == [
        ({"owner": None}, {"owner": ANN.name}),
        ({"owner": ANN.name}, {"owner": BEN.name}),
        ({"owner": BEN.name}, {"owner": None}),
    ]


@pytest.mark.parametrize("name", ["operator:nobody@example.com", "house", "operator:"])
def test_nobody_but_an_operator_is_given_anything(sessions: Sessions, name: str) -> None:
    with pytest.raises(errors.NoSuchOwner):
        given(sessions, name, turn=0)


def test_whoever_looked_before_it_went_to_another_is_told_so(sessions: Sessions) -> None:
    given(sessions, ANN.name, turn=0)

    with pytest.raises(errors.OwnerChanged, match=r"went to operator:ann@example\.com"):
        given(sessions, BEN.name, turn=0, by=BEN)
    assert owner(sessions).owner == ANN.name


def test_a_turn_that_nobody_saw_is_refused(sessions: Sessions) -> None:
    with pytest.raises(errors.OwnerChanged):
        given(sessions, ANN.name, turn=5)
    assert owner(sessions) == owners.NOBODYS


def test_of_eight_who_take_it_at_the_same_time_one_has_it(sessions: Sessions) -> None:
    together = threading.Barrier(8)

    def take(number: int) -> bool:
        together.wait()
        actor = Actor(f"operator:{number}@example.com")
        try:
            given(sessions, actor.name, turn=0, by=actor)
        except errors.OwnerChanged:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        took = list(pool.map(take, range(8)))

    assert sorted(took) == [False] * 7 + [True]
    with sessions() as session:
        assert len(session.exec(select(Assignment)).all()) == 1


def test_held_is_what_is_somebodys_now_and_not_what_was(sessions: Sessions) -> None:
    given(sessions, ANN.name, turn=0)
    with sessions() as session:
        owners.assign(session, about=("exception", "8"), owner=ANN.name, turn=0, by=ANN, now=NOON)
        owners.assign(session, about=("agent", "9"), owner=ANN.name, turn=0, by=ANN, now=NOON)
    given(sessions, None, turn=1)

    with sessions() as session:
        assert owners.held(session, kind="exception", owner=ANN.name) == ["8"]
