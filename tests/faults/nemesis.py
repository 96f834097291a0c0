"""What may go wrong, when it goes wrong for a seed, and who makes it go wrong."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sandbox import house, stripe_twin
from tests.chain import faults
from tests.faults import servers, shifted
from tests.faults.world import World

Heal = Callable[[], object]
Strike = Callable[[World, random.Random], Heal]
BEGIN_SECONDS: Final = 2.0
"""How long the load runs before anything happens."""
PAUSE_SECONDS: Final = (0.5, 3.5)
"""Between one fault's beginning and the next one's: several overlap."""
BREATH_SECONDS: Final = 1.5
"""For which nothing more happens to what was struck: a process comes up before it is killed again."""
TICK_SECONDS: Final = 0.2
# More than a lease of the chain or of an opening, less than a quote or a signature lasts.
CLOCK_SECONDS: Final = 75


@dataclass(frozen=True)
class Fault:
    """Something that happens to `target`, which has no two faults at once."""

    target: str
    strike: Strike
    seconds: tuple[float, float]
    weight: int = 2


@dataclass(frozen=True)
class Planned:
    """A fault at its time, in seconds after the beginning."""

    at: float
    seconds: float
    name: str
    seed: int


def kill(name: str) -> Strike:
    """A process dies in the middle of whatever it does; another begins later."""

    def strike(world: World, _: random.Random) -> Heal:
        world.kill(name)
        return lambda: world.start(name)

    return strike


def stop(name: str) -> Strike:
    """A process stands still, connections open, for longer than its leases, and goes on as if nothing was."""

    def strike(world: World, _: random.Random) -> Heal:
        world.signal(name, signal.SIGSTOP)
        return lambda: world.signal(name, signal.SIGCONT)

    return strike


def move_clock(name: str) -> Strike:
    """The clock of one process jumps, forward or back, and later to the right time again."""

    def strike(world: World, chance: random.Random) -> Heal:
        shifted.move(world.clocks, name, chance.uniform(-CLOCK_SECONDS, CLOCK_SECONDS))
        return lambda: shifted.move(world.clocks, name, 0)

    return strike


def kill_postmaster(world: World, _: random.Random) -> Heal:
    """PostgreSQL's first process dies, and its children after it; it recovers from its log."""
    world.postgres.kill()
    return world.postgres.start


def kill_postgres(world: World, _: random.Random) -> Heal:
    """Every process of PostgreSQL dies at once; it recovers from its log."""
    world.postgres.kill_all()
    return world.postgres.start


def stop_postgres(world: World, _: random.Random) -> Heal:
    """PostgreSQL stands still, and nobody is told."""
    stopped = world.postgres.processes
    servers.signal_all(stopped, signal.SIGSTOP)
    return lambda: servers.signal_all(stopped, signal.SIGCONT)


def fill_disk(world: World, _: random.Random) -> Heal:
    """PostgreSQL's disk is full; it may give up, and is started again when there is room."""
    if world.disk is None:
        return lambda: None
    disk = world.disk
    disk.fill()

    def heal() -> None:
        disk.make_room()
        world.postgres.start()

    return heal


def flush_redis(world: World, _: random.Random) -> Heal:
    """Every wake-up call and every count of a limit is forgotten."""
    world.redis.flush()
    return lambda: None


def kill_redis(world: World, _: random.Random) -> Heal:
    """Redis dies, and the next one knows nothing."""
    world.redis.kill()
    return world.redis.start


def stop_redis(world: World, _: random.Random) -> Heal:
    """Redis stands still, for longer than anybody waits for it."""
    stopped = [world.redis.process]
    servers.signal_all(stopped, signal.SIGSTOP)
    return lambda: servers.signal_all(stopped, signal.SIGCONT)


def cut(server: str) -> Strike:
    """Every connection to a server is cut, in the middle of whatever was said."""

    def strike(world: World, _: random.Random) -> Heal:
        world.proxies[server].cut()
        return lambda: world.proxies[server].cut()

    return strike


def swallow(server: str) -> Strike:
    """What is sent to a server, and what it says, goes nowhere; in the end it arrives, or all is cut."""

    def strike(world: World, chance: random.Random) -> Heal:
        proxy, arrives = world.proxies[server], chance.random() < 0.5
        proxy.swallow()

        def heal() -> None:
            if not arrives:
                proxy.cut()
            proxy.heal()

        return heal

    return strike


def delay(server: str) -> Strike:
    """Every piece that a server is sent or sends is late."""

    def strike(world: World, chance: random.Random) -> Heal:
        world.proxies[server].delay(chance.uniform(0.02, 0.2))
        return world.proxies[server].heal

    return strike


def lose_half(server: str) -> Strike:
    """Half of all connections to a server break at their next piece."""

    def strike(world: World, _: random.Random) -> Heal:
        world.proxies[server].doom(0.5)
        return world.proxies[server].heal

    return strike


def break_stripe(world: World, chance: random.Random) -> Heal:
    """Stripe's next answers are lost, late or errors; what was asked may have been done."""
    kind = chance.choice(("status", "drop", "lost_answer", "lost_answer", "hang"))
    world.home.twin.control.fail(
        stripe_twin.Fault(kind=kind, times=chance.randrange(2, 12), hang_seconds=chance.uniform(1, 6))
    )
    return world.home.twin.control.clear_faults


def spoil_webhooks(world: World, chance: random.Random) -> Heal:
    """Webhooks come twice, late, out of order, or never."""
    control = world.home.twin.control
    switches = (
        stripe_twin.Switches(duplicate=2),
        stripe_twin.Switches(drop_all=True),
        stripe_twin.Switches(reorder=3),
        stripe_twin.Switches(delay_seconds=2),
    )
    control.set_switches(chance.choice(switches))
    return lambda: control.set_switches(stripe_twin.Switches())


def break_node(world: World, chance: random.Random) -> Heal:
    """The node's answers are cut, wrong, late or leave something out."""
    world.node.spoil_at_random(faults.ANY, seed=chance.randrange(10**6), rate=0.4)
    return world.node.heal


def refuse_node(world: World, _: random.Random) -> Heal:
    """The node takes no connection."""
    world.node.refuse()
    return world.node.heal


def reorganise(world: World, _: random.Random) -> Heal:
    """The newest block is replaced, and its transfers are gone."""
    world.home.devnet.reorg(1)
    return lambda: None


def _of_processes() -> Iterator[tuple[str, Fault]]:
    for name in house.COMMANDS:
        yield f"kill {name}", Fault(name, kill(name), (0.2, 3), weight=3)
        yield f"stop {name}", Fault(name, stop(name), (4, 9))
        if name != "beat":
            yield f"move clock of {name}", Fault(f"clock of {name}", move_clock(name), (5, 15))


def _of_the_network() -> Iterator[tuple[str, Fault]]:
    for server in ("postgres", "redis", "stripe"):
        link = f"link to {server}"
        yield f"cut {link}", Fault(link, cut(server), (0.5, 2))
        yield f"swallow on {link}", Fault(link, swallow(server), (3, 8))
        yield f"delay on {link}", Fault(link, delay(server), (2, 6), weight=1)
        yield f"lose half on {link}", Fault(link, lose_half(server), (1, 4))


FAULTS: Final[Mapping[str, Fault]] = {
    **dict(_of_processes()),
    "kill postmaster": Fault("postgres", kill_postmaster, (0.1, 1.5)),
    "kill postgres": Fault("postgres", kill_postgres, (0.1, 1.5)),
    "stop postgres": Fault("postgres", stop_postgres, (2, 15), weight=1),
    "fill disk": Fault("postgres", fill_disk, (1, 4)),
    "flush redis": Fault("redis", flush_redis, (0, 0)),
    "kill redis": Fault("redis", kill_redis, (0.1, 3)),
    "stop redis": Fault("redis", stop_redis, (3, 8)),
    **dict(_of_the_network()),
    "break stripe": Fault("stripe", break_stripe, (3, 8), weight=4),
    "spoil webhooks": Fault("webhooks", spoil_webhooks, (4, 10), weight=4),
    "break node": Fault("node", break_node, (4, 10)),
    "refuse node": Fault("node", refuse_node, (2, 8)),
    "reorganise": Fault("chain", reorganise, (0, 0)),
}


def plan(seed: int, seconds: float) -> Sequence[Planned]:
    """What happens when; the same for the same seed, and over before `seconds` are."""
    chance = random.Random(seed)
    busy_until: dict[str, float] = {}
    planned: list[Planned] = []
    at = BEGIN_SECONDS
    while at < seconds:
        free = [name for name, fault in FAULTS.items() if busy_until.get(fault.target, 0) <= at]
        name = chance.choices(free, [FAULTS[each].weight for each in free])[0]
        lasts = chance.uniform(*FAULTS[name].seconds)
        drawn = Planned(round(at, 2), round(lasts, 2), name, chance.randrange(10**6))
        at += chance.uniform(*PAUSE_SECONDS)
        if drawn.at + drawn.seconds > seconds:
            continue
        planned.append(drawn)
        busy_until[FAULTS[name].target] = drawn.at + drawn.seconds + BREATH_SECONDS
    return planned


@dataclass
class Nemesis:
    """Makes happen what is planned."""

    world: World
    planned: Sequence[Planned]
    struck: Counter[str] = field(default_factory=Counter)
    _heals: list[tuple[float, str, Heal]] = field(default_factory=list)

    def run(self, seconds: float, progress: Callable[[str], None]) -> None:
        """Strike and heal until the time is over, and have what ended by itself started again."""
        began, left = time.monotonic(), list(self.planned)
        while (passed := time.monotonic() - began) < seconds:
            self._heal_until(passed)
            while left and left[0].at <= passed:
                self._strike(left.pop(0), passed)
            self.world.supervise()
            progress(f"{passed:3.0f} s  {', '.join(name for _, name, _ in self._heals)}")
            time.sleep(TICK_SECONDS)
        self._heal_until(float("inf"))

    def _strike(self, each: Planned, passed: float) -> None:
        heal = FAULTS[each.name].strike(self.world, random.Random(each.seed))
        self.struck[each.name] += 1
        # From now, not from the plan: a busy machine is late, and a fault lasts as long as it should.
        self._heals.append((passed + each.seconds, each.name, heal))

    def _heal_until(self, passed: float) -> None:
        for each in sorted(self._heals, key=lambda heal: heal[0]):
            if each[0] <= passed:
                self._heals.remove(each)
                each[2]()
