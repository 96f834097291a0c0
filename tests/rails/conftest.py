"""An agent's purchase over fake rails and a real database."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ledger import book, chart
from ledger.database import Sessions
from rails import catalog, purchase, status
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.rail import Rails
from rails.status import PurchaseView

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "agt_1"


@pytest.fixture
def rail() -> FakeRail:
    return crypto_deposit()


@pytest.fixture
def rails(rail: FakeRail) -> Rails:
    return {rail.rail_id: rail}


def buy(sessions: Sessions, rails: Rails, rail: FakeRail) -> PurchaseView:
    """An open attempt to buy 500 credits, opened at noon."""
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(
        sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="quote-1", now=NOON
    ).quote
    return purchase.buy(
        sessions,
        rails,
        agent_id=AGENT,
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key="buy-1",
        now=NOON,
    ).view


@pytest.fixture
def bought(sessions: Sessions, rails: Rails, rail: FakeRail) -> PurchaseView:
    """An open attempt on the rail of this test."""
    return buy(sessions, rails, rail)


@pytest.fixture
def reference(bought: PurchaseView) -> str:
    """The processor's id of the open attempt."""
    assert bought.attempt is not None
    assert bought.attempt.reference is not None
    return bought.attempt.reference


@pytest.fixture
def attempt_id(bought: PurchaseView) -> str:
    """Our own id of the open attempt."""
    assert bought.attempt is not None
    return bought.attempt.payment_attempt_id


@pytest.fixture
def credits_of_agent(sessions: Sessions) -> Callable[[], int]:
    """What the agent can spend."""

    def read() -> int:
        with sessions() as session:
            return book.balance(session, account=chart.agent(AGENT)).units

    return read


@pytest.fixture
def view(sessions: Sessions, attempt_id: str) -> Callable[[], PurchaseView]:
    """The purchase as it stands."""

    def read() -> PurchaseView:
        with sessions() as session:
            return status.find(
                session, agent_id=AGENT, kind="payment_attempt_id", reference=attempt_id, now=NOON
            )

    return read
