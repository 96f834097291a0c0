"""What people of the house read of agents, a page at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, text

from app import agents as doors
from ledger import freezes
from ledger.database import Sessions
from office import agents
from office.agents import AgentPage
from office.errors import AgentNotFound
from rails import catalog, purchase
from rails.conformance.fakes import FakeRail, crypto_deposit
from tests.ledger.make import grant, hold
from tests.ledger.story import do

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def sign_up(
    sessions: Sessions, name: str, *, contact: str | None = None, now: datetime = NOON, times: int = 1
) -> str:
    with sessions() as session:
        agent = doors.sign_up(
            session, contact=contact, agent_name=name, runtime="tests", discovery_source=None, now=now
        )
        for number in range(times):
            doors.rotate(session, agent_id=agent.agent_id, now=now + number * MINUTE)
        return agent.agent_id


def names(page: AgentPage) -> list[str]:
    return [each.agent_name for each in page.agents]


def freeze(session: Session, agent_id: str) -> None:
    reference = f"test:{agent_id}"
    freezes.freeze(session, agent_id=agent_id, reference=reference, reason="why", frozen_by="ann", now=NOON)


def test_the_newest_agents_come_first_and_every_one_once(sessions: Sessions) -> None:
    # Two at the same moment, so that time alone would lose one.
    for number in range(5):
        sign_up(sessions, f"agent {number}", now=NOON + (number // 2) * MINUTE)

    with sessions() as session:
        first = agents.newest(session, most=2)
        second = agents.newest(session, most=2, after=first.next)
        third = agents.newest(session, most=2, after=second.next)

    told = names(first) + names(second) + names(third)
    assert (told[0], sorted(told)) == ("agent 4", [f"agent {number}" for number in range(5)])
    assert third.next is None


def test_an_agent_in_a_list_tells_what_was_booked_for_it(sessions: Sessions) -> None:
    rich, poor = sign_up(sessions, "rich"), sign_up(sessions, "poor", now=NOON + MINUTE)
    do(sessions, grant("g", 50, cents=50, agent=rich), hold("h", 20, agent=rich, minutes=10**6))
    with sessions() as session:
        freeze(session, rich)

    with sessions() as session:
        page = agents.newest(session, most=10)

    told = [(each.agent_id, each.posted.units, each.available.units, each.frozen) for each in page.agents]
    assert told == [(poor, 0, 0, False), (rich, 50, 30, True)]


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("paint", ["painter", "Painter of walls", "PAINTING"]),
        ("PAINTER", ["painter", "Painter of walls"]),
        ("100%", ["100% cotton"]),
        ("_", []),
        ("ÄRGER", ["Ärger"]),
        ("painting ", []),
    ],
)
def test_agents_are_found_by_how_their_name_begins(
    sessions: Sessions, beginning: str, found: list[str]
) -> None:
    for name in ("painter", "Painter of walls", "PAINTING", "a painter", "100% cotton", "1000", "Ärger"):
        sign_up(sessions, name)

    with sessions() as session:
        told, after = [], None
        while True:
            page = agents.beginning(session, by="name", beginning=beginning, most=1, after=after)
            told += names(page)
            after = page.next
            if after is None:
                break

    assert told == found


def test_agents_are_found_by_how_their_contact_begins(sessions: Sessions) -> None:
    sign_up(sessions, "one", contact="bea@example.invalid")
    sign_up(sessions, "two", contact="ben@example.invalid")
    sign_up(sessions, "three", contact="ann@example.invalid")
    sign_up(sessions, "four")

    with sessions() as session:
        page = agents.beginning(session, by="contact", beginning="BE", most=10)

    assert names(page) == ["one", "two"]


def test_only_agents_whose_freeze_stands_are_frozen(sessions: Sessions) -> None:
    ids = [sign_up(sessions, f"agent {number}") for number in range(4)]
    with sessions() as session:
        for each in ids[:3]:
            freeze(session, each)
        [standing] = freezes.standing(session, agent_id=ids[1])
        freezes.lift(session, freeze_id=standing.freeze_id, reason="over", thawed_by="ann", now=NOON)

    with sessions() as session:
        first = agents.frozen(session, most=1)
        rest = agents.frozen(session, most=1, after=first.next)

        named = agents.frozen(session, most=10, beginning="Agent 0")

    assert [each.agent_id for each in (*first.agents, *rest.agents)] == [ids[2], ids[0]]
    assert rest.next is None
    assert names(named) == ["agent 0"]


def test_nobody_is_found_where_nobody_is(sessions: Sessions) -> None:
    with sessions() as session:
        assert agents.newest(session, most=10) == AgentPage((), None)
        for nobody in ("agt_nobody", "not an agent's name"):
            with pytest.raises(AgentNotFound):
                agents.profile(session, agent_id=nobody)


def test_who_was_given_credits_and_never_signed_up_has_a_profile_too(sessions: Sessions) -> None:
    do(sessions, grant("g", 50, agent="agt_of_a_service"))

    with sessions() as session:
        profile = agents.profile(session, agent_id="agt_of_a_service")

    assert (profile.identity, profile.title, profile.standing.posted.units) == (None, "agt_of_a_service", 50)


def test_tokens_are_told_by_their_times_alone(sessions: Sessions) -> None:
    agent_id = sign_up(sessions, "painter", times=2)

    with sessions() as session:
        tokens = agents.issued(session, agent_id=agent_id, most=10)

    assert tokens == [agents.Token(NOON + MINUTE, None), agents.Token(NOON, NOON + MINUTE)]


def test_the_purchases_of_an_agent_come_newest_first_and_every_one_once(sessions: Sessions) -> None:
    rail, agent_id = crypto_deposit(), sign_up(sessions, "painter")
    attempts = [buy(sessions, rail, agent_id, number) for number in range(3)]
    buy(sessions, rail, sign_up(sessions, "other"), 9)
    rail.pay(reference(sessions, attempts[1]))
    purchase.settle(sessions, {rail.rail_id: rail}, payment_attempt_id=attempts[1], now=NOON)

    with sessions() as session:
        first, after = agents.purchases(session, agent_id=agent_id, most=2)
        rest, end = agents.purchases(session, agent_id=agent_id, most=2, after=after)

    told = [*first, *rest]
    assert sorted(each.payment_attempt_id for each in told) == sorted(attempts)
    paid = {each.payment_attempt_id: (each.state, each.receipt_id is not None) for each in told}
    assert paid[attempts[1]] == ("succeeded", True)
    assert paid[attempts[0]][1] is False
    assert end is None


def buy(sessions: Sessions, rail: FakeRail, agent_id: str, number: int) -> str:
    rails = {rail.rail_id: rail}
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quoted = purchase.quote(
        sessions, rails, agent_id=agent_id, terms=terms, idempotency_key=f"quote-{number}", now=NOON
    ).quote
    view = purchase.buy(
        sessions,
        rails,
        agent_id=agent_id,
        quote_id=quoted.quote_id,
        rail_id=rail.rail_id,
        idempotency_key=f"buy-{number}",
        now=NOON,
    ).view
    assert view.attempt is not None
    return view.attempt.payment_attempt_id


def reference(sessions: Sessions, attempt_id: str) -> str:
    query = text("SELECT reference FROM payment_attempt WHERE payment_attempt_id = :id")
    with sessions() as session:
        found: str = session.connection().execute(query, {"id": attempt_id}).scalar_one()
        return found
