"""People at the desk of each test."""

import pytest

from ledger.database import Sessions
from tests.ledger.make import grant
from tests.ledger.story import do
from tests.office.people import NOON
from tests.office.proposing import AGENT, Office


@pytest.fixture
def office(sessions: Sessions) -> Office:
    """Ann, Bob and Eve, and an agent with 100 credits that it paid 80 cents for."""
    do(sessions, grant("g", 100, cents=80, agent=AGENT), now=NOON)
    return Office.opened(sessions)
