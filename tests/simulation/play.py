"""Play a seed: so many steps, then peace until nothing moves any more, then the questions."""

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation import house, invariants
from tests.simulation.crashes import Crash
from tests.simulation.steps import STEPS
from tests.simulation.world import BLOCKS_UNTIL_FINAL, World, opened

Progress = Callable[[int], None]
PEACE_ROUNDS = 20
AUDIT_EVERY = 5


@dataclass
class Played:
    """What came of one seed."""

    seed: int
    steps: int
    broken: list[str]
    counts: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    summary: str = ""
    trace: list[str] = field(default_factory=list, repr=False)

    @property
    def digest(self) -> str:
        """The same for two runs in which the same happened."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]


def play(database_url: str, *, seed: int, steps: int, progress: Progress = lambda _: None) -> Played:
    """Play `steps` random steps of this seed, and ask what must hold."""
    played = Played(seed, steps, [])
    with opened(database_url, seed=seed) as world:
        try:
            _play(world, played, progress)
            _make_peace(world)
        except Exception:
            # Whatever else it is, a step that breaks is a broken promise of this seed.
            played.broken = traceback.format_exc().splitlines()[-20:]
            return played
        played.broken = invariants.broken(world.plain, world.stripe.world.store)
        played.summary = invariants.summary(world.plain)
    return played


def _play(world: World, played: Played, progress: Progress) -> None:
    actions, weights = zip(*STEPS, strict=True)
    for number in range(played.steps):
        _act(world, world.chance.choices(actions, weights)[0], played)
        progress(number + 1)


def _act(world: World, action: Callable[[World], str], played: Played) -> None:
    try:
        came = action(world)
    except Crash:
        came = "died"
        played.crashes += 1
        world.start_house()
    played.counts[action.__name__] += 1
    played.trace.append(f"{action.__name__}: {came}")


def _make_peace(world: World) -> None:
    """Let everything arrive that is on its way, and everybody look until nothing changes."""
    world.house.sessions.commits_left = None
    world.stripe.control.clear_faults()
    for node in world.nodes:
        node.heal()
    for event in [*world.mail, *world.stripe.new_events()]:
        house.keep(world, event)
    world.mail.clear()
    for number in range(PEACE_ROUNDS):
        world.mine(BLOCKS_UNTIL_FINAL)
        world.stripe.look_at_chain()
        house.watch(world)
        house.sweep(world)
        world.pass_time(300)
        if number % AUDIT_EVERY == AUDIT_EVERY - 1:
            house.audit(world)
    house.recover(world)
    house.decide(world)
    house.sweep(world)
    house.tick(world)
    house.reconcile(world)
    house.sweep(world)
    house.reconcile(world)
