"""What must hold when all is well again: nothing acknowledged lost or done twice, every cent explained."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ledger import database
from sandbox import house
from sandbox.stripe_twin.store import Store
from tests.faults.world import World
from tests.simulation import invariants

# Longer than the longest lease under which somebody may have died.
QUIET_SECONDS: Final = 240
COMMAND_SECONDS: Final = 120


def recover(world: World, progress: Callable[[str], None]) -> None:
    """Make everything well, and wait until the house answers."""
    world.heal()
    give_up_at = time.monotonic() + house.START_SECONDS
    while not house.answers(world.home.addresses.api_url):
        world.supervise()
        assert time.monotonic() < give_up_at, "the API does not come back"
        progress("recovering")
        time.sleep(0.2)


def come_to_rest(world: World, progress: Callable[[str], None]) -> list[str]:
    """What is still broken when everybody has had time to look; waits only while something is."""
    began, found = time.monotonic(), ["nobody has looked yet"]
    while found and time.monotonic() - began < QUIET_SECONDS:
        world.supervise()
        try:
            found = list(_broken(world))
        except SQLAlchemyError as error:
            found = [f"the database does not answer: {type(error).__name__}"]
        progress(f"{time.monotonic() - began:3.0f} s  {len(found)} open still: {', '.join(found[:1])}")
    return found


def verified(world: World) -> list[str]:
    """What `pennyrail ledger verify` finds in the book."""
    return world.command("ledger", "verify", seconds=COMMAND_SECONDS)


def _broken(world: World) -> Iterator[str]:
    yield from world.command("reconcile", "run", seconds=COMMAND_SECONDS)
    engine = database.connect(world.postgres.url, pool_size=1)
    try:
        with closing(Store(world.home.folder / "twin" / "stripe_twin.sqlite")) as store:
            yield from invariants.broken(database.sessions(engine), store)
    finally:
        engine.dispose()
