"""The audit trail: what people did and what the service did, once each, in one list that pages fast."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import text

from ledger import freezes
from ledger.database import Sessions
from office import audit, trail
from office.actor import Actor
from office.trail import BadPlace, Entry, Place, Wanted
from rails import purchase, refunds
from rails.conformance.fakes import FakeRail, hosted_page
from tests.office.exporting import LATER, written
from tests.rails.conftest import AGENT, NOON, buy

ANN = Actor("operator:ann@example.com", "finance", via="console")


@pytest.fixture
def rail() -> FakeRail:
    return hosted_page()


def listed(sessions: Sessions, wanted: Wanted | None = None, *, most: int = 500) -> list[Entry]:
    """The whole trail, read page by page."""
    found: list[Entry] = []
    after: Place | None = None
    while True:
        with sessions() as session:
            page = trail.page(session, wanted or Wanted(), after=after, most=most)
        found += page.entries
        if page.next is None:
            return found
        after = Place.parse(page.next)


def granted(sessions: Sessions, rail: FakeRail) -> str:
    """A purchase that was paid and granted; its attempt."""
    rails = {rail.rail_id: rail}
    attempt = buy(sessions, rails, rail).attempt
    assert attempt is not None
    assert attempt.reference is not None
    rail.pay(attempt.reference)
    purchase.settle(sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=NOON)
    return attempt.payment_attempt_id


def wrote(sessions: Sessions, number: int, *, at: datetime = NOON, outcome: audit.Outcome = "done") -> None:
    with sessions() as session:
        about = ("exception", str(number))
        audit.write(session, ANN, "exception.resolve", about=about, outcome=outcome, reason="why", now=at)


def test_what_people_and_the_service_did_is_one_list(sessions: Sessions, rail: FakeRail) -> None:
    attempt_id = granted(sessions, rail)
    with sessions() as session:
        freezes.freeze(
            session,
            agent_id=AGENT,
            reference="dispute:1",
            reason="a dispute",
            frozen_by=f"rail:{rail.rail_id}",
            now=NOON + timedelta(hours=1),
        )
    wrote(sessions, 7, at=NOON + timedelta(hours=2))

    found = listed(sessions)

    told = [(each.actor, each.action, each.about_kind, each.about_id) for each in found]
    assert told == [
        ("operator:ann@example.com", "exception.resolve", "exception", "7"),
        (f"rail:{rail.rail_id}", "agent.freeze", "agent", AGENT),
        ("service", "credits.grant", "purchase", attempt_id),
    ]
    assert found[2].after["credits"] > 0
    assert listed(sessions, Wanted(whose="people")) == found[:1]
    assert listed(sessions, Wanted(whose="service")) == found[1:]


def test_what_a_person_did_stands_there_once(sessions: Sessions, rail: FakeRail) -> None:
    attempt_id = granted(sessions, rail)
    with sessions() as session:
        refunds.place(
            session,
            payment_attempt_id=attempt_id,
            amount=None,
            reason="asked",
            requested_by=ANN.name,
            key="key",
            now=NOON,
        )
        freezes.freeze(session, agent_id=AGENT, reference="hand", reason="why", frozen_by=ANN.name, now=NOON)

    # Both are told to the log by whoever lets people do them.
    assert [each.action for each in listed(sessions)] == ["credits.grant"]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 50])
def test_pages_miss_nothing_and_repeat_nothing(sessions: Sessions, rail: FakeRail, most: int) -> None:
    for number in range(12):
        # Several at the same moment, in several tables.
        at = NOON + timedelta(seconds=number // 4)
        wrote(sessions, number, at=at)
        with sessions() as session:
            freezes.freeze(
                session,
                agent_id=f"agt_{number}",
                reference=f"dispute:{number}",
                reason="why",
                frozen_by="rail:x",
                now=at,
            )

    paged, whole = listed(sessions, most=most), listed(sessions)

    assert paged == whole
    assert len({(each.source, each.id) for each in whole}) == 24
    assert [each.at for each in whole] == sorted((each.at for each in whole), reverse=True)


def test_the_trail_is_searched_by_who_what_about_outcome_and_period(sessions: Sessions) -> None:
    for number in range(6):
        wrote(
            sessions,
            number,
            at=NOON + timedelta(days=number),
            outcome="refused" if number == 2 else "done",
        )
    with sessions() as session:
        other = Actor("operator:bob@example.com", "support", via="ops")
        audit.write(session, other, "note.write", about=("exception", "3"), now=NOON)

    def numbers(**wanted: object) -> list[str]:
        return [each.about_id for each in listed(sessions, Wanted(**wanted))]  # type: ignore[arg-type]

    assert numbers(actor="operator:bob@example.com") == ["3"]
    assert numbers(action="note.write") == ["3"]
    assert numbers(outcome="refused") == ["2"]
    assert numbers(about_kind="exception", about_id="3") == ["3", "3"]
    assert numbers(begins_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=3)) == ["2", "1"]
    assert numbers(actor="nobody") == []


def test_the_whole_trail_is_exported(sessions: Sessions) -> None:
    for number in range(3):
        wrote(sessions, number, at=NOON + timedelta(days=number))

    rows = [json.loads(line) for line in written(sessions, "audit", "jsonl", ends_at=LATER).splitlines()]

    assert [row["about_id"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["actor"] == ANN.name
    assert rows[0]["kept_in"] == "operators"


@pytest.mark.parametrize("written_place", ["", "x", "W10=", "WyJhIiwgImIiLCAiYyJd", "bm8gSlNPTg=="])
def test_a_place_that_is_none_is_refused(written_place: str) -> None:
    with pytest.raises(BadPlace):
        Place.parse(written_place)


def test_no_page_walks_over_a_table(sessions: Sessions) -> None:
    fill = """
        ALTER TABLE receipt DISABLE TRIGGER ALL;
        INSERT INTO receipt
        SELECT 'r' || n, 'p' || n, 'q' || n, 'agt', 'e' || n, n, 5, 5, 5, now() - n * interval '1 minute'
        FROM generate_series(1, 30000) AS n;
        INSERT INTO audit_log (at, actor, via, action, about_kind, about_id, outcome, reason)
        SELECT now() - n * interval '1 minute', 'operator:' || mod(n, 50), 'console', 'note.write',
            'exception', n, 'done', ''
        FROM generate_series(1, 30000) AS n;
        ANALYZE;
    """
    with sessions() as session:
        session.connection().exec_driver_sql(fill)
    place = Place(datetime.now(UTC) - timedelta(days=3), "operators", "15000")
    searches = (
        Wanted(),
        Wanted(actor="operator:7"),
        Wanted(actor="service"),
        Wanted(action="exception.resolve"),
        Wanted(outcome="refused"),
        Wanted(whose="people"),
        Wanted(whose="service"),
        Wanted(about_kind="purchase", about_id="p700"),
        Wanted(begins_at=place.at, ends_at=place.at + timedelta(hours=1)),
    )

    for wanted in searches:
        for after in (None, place):
            plan = explained(sessions, wanted, after)
            for table in ("receipt", "audit_log"):
                assert f"Seq Scan on {table}" not in plan, f"{wanted}\n{plan}"


def explained(sessions: Sessions, wanted: Wanted, after: Place | None) -> str:
    """How the database reads one page."""
    with sessions() as session:
        query, given = trail.asked(wanted, after=after, most=50)
        rows = session.connection().execute(text(f"EXPLAIN (COSTS OFF) {query}"), given)
        return "\n".join(row[0] for row in rows)
