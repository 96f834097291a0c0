"""A console for each test."""

from collections.abc import Iterator

import pytest

from ledger.database import Sessions
from tests.app.console.seats import Console, opened


@pytest.fixture
def console(sessions: Sessions) -> Iterator[Console]:
    """A console, and nobody at it."""
    with opened(sessions) as found:
        yield found
