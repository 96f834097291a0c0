"""Whom a warning or a dispute keeps from spending, by setting, and until when."""

from collections.abc import Iterator

import pytest

from ledger import credits, freezes
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from ledger.operations import Capture, Hold, Release
from rails.conformance.fakes import crypto_deposit
from rails.settings import story
from tests.ledger import invariants
from tests.rails.reversing import AGENT, NOON, Bought, opened


@pytest.fixture
def bought(sessions: Sessions) -> Bought:
    one = opened(sessions, crypto_deposit())
    assert one.settle()
    return one


@pytest.fixture
def freezing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PENNYRAIL_FRAUD_WARNING", "freeze")
    monkeypatch.setenv("PENNYRAIL_DISPUTE", "freeze")
    story.cache_clear()
    yield
    monkeypatch.undo()
    story.cache_clear()


def test_by_default_neither_a_warning_nor_a_dispute_freezes(bought: Bought) -> None:
    story.cache_clear()
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.rail.dispute(bought.reference, "dp_1", 100)

    bought.look()

    assert (bought.frozen(), bought.spend("job", 10)) == ([], "done")


@pytest.mark.usefixtures("freezing")
def test_a_warning_freezes_until_it_is_not_actionable_any_more(bought: Bought) -> None:
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.look()
    refused = bought.spend("while", 10)
    bought.rail.warn_of_fraud(bought.reference, "issfr_1", actionable=False)

    bought.look()

    assert (refused, bought.frozen(), bought.spend("after", 10)) == ("frozen", [], "done")
    invariants.check_book(bought.sessions)


@pytest.mark.usefixtures("freezing")
def test_a_dispute_freezes_until_it_is_won_and_not_when_it_is_lost(bought: Bought) -> None:
    bought.rail.dispute(bought.reference, "dp_1", 100, "pending")
    bought.look()
    bought.rail.turn(bought.reference, "dp_1", "gone")
    bought.look()
    lost = bought.frozen()
    bought.rail.turn(bought.reference, "dp_1", "back")

    bought.look()

    assert (lost, bought.frozen()) == (["dispute:dp_1"], [])


@pytest.mark.usefixtures("freezing")
def test_a_dispute_after_a_warning_keeps_the_agent_frozen(bought: Bought) -> None:
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.look()
    bought.rail.warn_of_fraud(bought.reference, "issfr_1", actionable=False)
    bought.rail.dispute(bought.reference, "dp_1", 500)

    bought.look()

    assert (bought.frozen(), bought.spend("job", 1)) == (["dispute:dp_1"], "frozen")


@pytest.mark.usefixtures("freezing")
def test_what_a_person_has_lifted_stays_lifted(bought: Bought) -> None:
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.look()
    with bought.sessions() as session:
        [frozen] = freezes.standing(session, agent_id=AGENT)
        assert freezes.lift(session, freeze_id=frozen.freeze_id, reason="known", thawed_by="ops", now=NOON)

    bought.look()

    assert (bought.frozen(), bought.spend("job", 1)) == ([], "done")


@pytest.mark.usefixtures("freezing")
def test_while_frozen_holds_that_stand_are_captured_and_released(bought: Bought) -> None:
    def tell(wish: Hold | Capture | Release) -> str:
        return credits.perform(bought.sessions, [wish], now=NOON)[0].code

    ends = NOON.replace(year=2027)
    holds = [
        Hold(key=key, credits=Amount(10, CREDIT), job="j", expires_at=ends, agent_id=AGENT, actor="test")
        for key in ("h1", "h2", "h3")
    ]
    assert [tell(hold) for hold in holds[:2]] == ["done", "done"]
    bought.rail.warn_of_fraud(bought.reference, "issfr_1")
    bought.look()

    assert tell(Capture(key="c", hold_id=holds[0].hold_id, agent_id=AGENT, actor="test")) == "done"
    assert tell(Release(key="r", hold_id=holds[1].hold_id, agent_id=AGENT, actor="test")) == "done"
    assert tell(holds[2]) == "frozen"


def test_an_agent_is_frozen_before_it_is_given_anything(sessions: Sessions) -> None:
    with sessions() as session:
        assert freezes.freeze(
            session, agent_id=AGENT, reference="hand:1", reason="known thief", frozen_by="ops", now=NOON
        )
    one = opened(sessions, crypto_deposit())

    assert one.settle()

    assert one.spend("job", 1) == "frozen"
    invariants.check_book(sessions)
