"""The database's machine is lost: its standby has everything that was acknowledged, and the house goes on."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.internal.errors import Unavailable
from app.internal.settings import InternalSettings
from app.internal.writer import Line, Row, Writer
from ledger import operations
from tests.conftest import memory
from tests.operations import cluster, promotion

ANSWER_SECONDS = 1.0


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=memory()) as made:
        yield Path(made)


@pytest.mark.timeout(600)
def test_a_standby_that_takes_over_under_load_has_all_that_was_acknowledged(folder: Path) -> None:
    outcome = promotion.play(folder, seed=1, operations=150)

    assert outcome.fine, outcome


@pytest.mark.timeout(600)
def test_what_the_standby_does_not_have_is_not_acknowledged_however_often_it_is_asked(folder: Path) -> None:
    with cluster.running(folder) as both:
        with both.standby_hears_nothing():
            alone = [asyncio.run(asked(both.url)) for _ in range(2)]
        together = asyncio.run(asked(both.url))

    assert alone == [None, None]
    assert together is not None
    assert (together[0], together[1]) == ("done", True)


async def asked(database_url: str) -> Row | None:
    """What the door's writer says of one and the same operation, None if it does not know."""
    wish = promotion.opening("agt_1")
    line = Line(operations.encode([wish], now=datetime.now(UTC))[1:-1], wish.key, wish.agent_id)
    writer = Writer(database_url, InternalSettings(writers=1), answer_seconds=ANSWER_SECONDS)
    writer.start()
    try:
        [row] = await writer.write([line])
    except Unavailable:
        return None
    else:
        return row
    finally:
        await writer.stop()
