"""What happens by itself when time passes."""

import asyncio

from sandbox.stripe_twin import balance, checkout, deposits, idempotency, payouts, refunding, simulation
from sandbox.stripe_twin.world import World

TICK_SECONDS = 0.1
TICKS_PER_SWEEP = 10


async def run(world: World) -> None:
    """Tick for ever."""
    while True:
        for _ in range(TICKS_PER_SWEEP):
            with world.store.transaction():
                simulation.finish_due(world)
            await asyncio.sleep(TICK_SECONDS)
        sweep(world)


def sweep(world: World) -> None:
    """Do everything that is due by the twin's clock."""
    with world.store.transaction():
        simulation.finish_due(world)
        checkout.expire_due(world)
        deposits.cancel_expired(world)
        balance.mature(world)
        payouts.finish_due(world)
        refunding.finish_pending(world)
        idempotency.prune(world)
