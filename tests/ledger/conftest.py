"""Every test of the book leaves a book that contradicts itself nowhere."""

from collections.abc import Iterator

import pytest

from ledger.database import Sessions
from tests.ledger import invariants


@pytest.fixture
def credited(sessions: Sessions) -> Iterator[Sessions]:
    """`sessions`, and at the end of the test a look at the whole book."""
    yield sessions
    invariants.check_book(sessions)
