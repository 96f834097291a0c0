"""A shop whose processor says what a test wants."""

import pytest

from ledger.database import Sessions
from tests.reconciliation.world import Shop


@pytest.fixture
def shop(sessions: Sessions) -> Shop:
    return Shop(sessions)
