"""An operator's freeze: once for one reason, lifted once, and on record either way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from ledger import credits, freezes
from ledger.database import Sessions
from ledger.models import Freeze
from office import freezing
from office.actor import Actor
from office.errors import AgentNotFound, AlreadyFrozen, AlreadyLifted, FreezeNotFound, OfficeError
from office.models import AuditRow
from tests.ledger import invariants
from tests.ledger.make import AGENT, debit, grant
from tests.ledger.story import do

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN = Actor("operator:ann@example.invalid", role="support", via="console", address="192.0.2.1")
BEN = Actor("operator:ben@example.invalid", role="finance", via="console")


@pytest.fixture(autouse=True)
def _has_credits(sessions: Sessions) -> None:
    do(sessions, grant("g", 100))


def freeze(sessions: Sessions, reason: str, actor: Actor = ANN, *, agent_id: str = AGENT) -> Freeze:
    with sessions() as session:
        return freezing.freeze(session, actor, agent_id=agent_id, reason=reason, now=NOON)


def lift(sessions: Sessions, freeze_id: int, *, agent_id: str = AGENT) -> int:
    with sessions() as session:
        return freezing.lift(
            session, BEN, agent_id=agent_id, freeze_id=freeze_id, reason="it was him", now=NOON
        )


def spend(sessions: Sessions, key: str) -> str:
    return credits.perform(sessions, [debit(key, 1)], now=NOON + timedelta(hours=1))[0].code


def recorded(sessions: Sessions) -> list[AuditRow]:
    with sessions() as session:
        return list(session.exec(select(AuditRow).order_by("audit_id")))


def test_a_frozen_agent_spends_nothing_until_its_freeze_is_lifted(sessions: Sessions) -> None:
    made = freeze(sessions, "its owner says it was stolen")
    refused = spend(sessions, "while")

    left = lift(sessions, made.freeze_id)

    assert (refused, left, spend(sessions, "after")) == ("frozen", 0, "done")
    invariants.check_book(sessions)


def test_who_froze_and_who_lifted_is_on_record_with_the_reason(sessions: Sessions) -> None:
    made = freeze(sessions, "its owner says it was stolen")

    lift(sessions, made.freeze_id)

    frozen, lifted = recorded(sessions)
    assert (frozen.action, frozen.actor, frozen.reason) == ("agent.freeze", ANN.name, made.reason)
    assert (frozen.about_kind, frozen.about_id, frozen.address) == ("agent", AGENT, "192.0.2.1")
    assert (frozen.before, frozen.after) == (
        {"standing_freezes": 0},
        {"standing_freezes": 1, "freeze_id": made.freeze_id},
    )
    assert (lifted.action, lifted.actor, lifted.reason) == ("agent.lift_freeze", BEN.name, "it was him")
    assert lifted.after == {"standing_freezes": 0}


def test_the_same_freeze_is_refused_while_it_stands_and_another_reason_is_not(sessions: Sessions) -> None:
    made = freeze(sessions, "stolen")

    with pytest.raises(AlreadyFrozen, match="ann@example"):
        freeze(sessions, " Stolen ", BEN)
    freeze(sessions, "a bank asks")

    assert lift(sessions, made.freeze_id) == 1
    assert spend(sessions, "while") == "frozen"
    freeze(sessions, "stolen")
    assert len(recorded(sessions)) == 4


def test_a_freeze_that_a_payment_caused_does_not_stand_for_a_persons(sessions: Sessions) -> None:
    with sessions() as session:
        freezes.freeze(
            session, agent_id=AGENT, reference="dispute:dp_1", reason="stolen", frozen_by="rail:x", now=NOON
        )

    freeze(sessions, "stolen")

    with sessions() as session:
        assert len(freezes.standing(session, agent_id=AGENT)) == 2


def test_of_many_who_freeze_at_once_for_one_reason_one_does(sessions: Sessions) -> None:
    def try_to(_: int) -> bool:
        try:
            freeze(sessions, "stolen")
        except AlreadyFrozen:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(try_to, range(8)))

    assert done.count(True) == 1
    with sessions() as session:
        assert len(freezes.standing(session, agent_id=AGENT)) == 1


def test_a_freeze_is_lifted_once(sessions: Sessions) -> None:
    made = freeze(sessions, "stolen")
    lift(sessions, made.freeze_id)

    with pytest.raises(AlreadyLifted):
        lift(sessions, made.freeze_id)

    assert len(recorded(sessions)) == 2


@pytest.mark.parametrize("agent_id", ["agt_other", AGENT])
def test_a_freeze_is_lifted_as_its_own_agents_alone(sessions: Sessions, agent_id: str) -> None:
    made = freeze(sessions, "stolen")
    number = made.freeze_id if agent_id != AGENT else made.freeze_id + 1

    with pytest.raises(FreezeNotFound):
        lift(sessions, number, agent_id=agent_id)

    assert spend(sessions, "while") == "frozen"


def test_nobody_is_frozen_who_is_no_agent(sessions: Sessions) -> None:
    with pytest.raises(OfficeError) as refused:
        freeze(sessions, "stolen", agent_id="agt_nobody")

    assert isinstance(refused.value, AgentNotFound)
    assert recorded(sessions) == []
