"""The same world with every process real: wake-ups are thrown away and processes killed while money moves."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis

from ledger import database
from sandbox import house, stripe_twin
from sandbox.agent import Agent, Data, Refused
from sandbox.house import House
from sandbox.stripe_twin.store import Store
from tests.flows.buying import CHECKOUT, X402
from tests.simulation import invariants
from tests.waiting import eventually

PAYER = "0x00000000000000000000000000000000000a9e17"
AGENTS = 6
PACKS = ("starter-500", "builder-2000")
QUIET_SECONDS = 240


@dataclass
class Town:
    """The running house, its agents, and what they remember."""

    chance: random.Random
    home: House
    agents: list[Agent]
    bought: list[Data] = field(default_factory=list)
    paid: set[str] = field(default_factory=set)
    names: int = 0
    done: Counter[str] = field(default_factory=Counter)


def play(folder: Path, *, seed: int, steps: int, progress: Callable[[int], None]) -> tuple[Town, list[str]]:
    """Play so many steps on a house over `folder`; what is broken when it has come to rest."""
    with house.running(folder) as home:
        api_url = home.addresses.api_url
        town = Town(random.Random(seed), home, [Agent(api_url, name=f"agent-{n}") for n in range(AGENTS)])
        actions, weights = zip(*STEPS, strict=True)
        for number in range(steps):
            action = town.chance.choices(actions, weights)[0]
            with suppress(Refused, httpx.TransportError, ValueError):
                action(town)
                town.done[action.__name__] += 1
            progress(number + 1)
        _mend(town)
        return town, _rest(town, folder)


def buy(town: Town) -> None:
    """An agent quotes and buys."""
    town.names += 1
    agent, rail = town.chance.choice(town.agents), town.chance.choice((X402, CHECKOUT))
    pack = town.chance.choice(PACKS)
    quoted = agent.quote(pack_id=pack, method=rail[0], key=f"quote-{town.names}")
    for _ in range(town.chance.choice((1, 1, 2))):
        attempt = agent.buy(quoted["quote_id"], endpoint=rail[1], key=f"buy-{town.names}")
    town.bought.append(attempt)


def pay(town: Town) -> None:
    """An attempt is paid: mostly exactly, sometimes short, over or twice."""
    attempt = town.chance.choice(town.bought[-30:])
    name = attempt["payment_attempt_id"]
    if name in town.paid and town.chance.random() < 0.9:
        return
    town.paid.add(name)
    if "checkout_session_id" in attempt:
        town.home.twin.control.pay(attempt["checkout_session_id"])
        return
    told = attempt["stripe_x402"]["payable_instructions"]
    units = int(told["token_amount_atomic"]) + town.chance.choice([0] * 8 + [-10_000, 250_000])
    town.home.devnet.mint(PAYER, units)
    town.home.devnet.transfer(PAYER, told["deposit_address"], units)


def reorganise(town: Town) -> None:
    """The newest block is replaced, and its transfers are gone."""
    town.home.devnet.reorg(1)


def spoil_webhooks(town: Town) -> None:
    """Webhooks come twice, late, out of order or never for a while."""
    town.home.twin.control.set_switches(
        town.chance.choice(
            (
                stripe_twin.Switches(),
                stripe_twin.Switches(duplicate=2),
                stripe_twin.Switches(drop_next=5),
                stripe_twin.Switches(reorder=3),
                stripe_twin.Switches(delay_seconds=2),
            )
        )
    )


def break_stripe(town: Town) -> None:
    """Stripe's next answers are lost or errors."""
    kind = town.chance.choice(("status", "drop", "lost_answer"))
    town.home.twin.control.fail(stripe_twin.Fault(kind=kind, times=town.chance.randrange(1, 4)))


def flush_redis(town: Town) -> None:
    """Every wake-up call that is on its way is gone."""
    with redis.Redis.from_url(town.home.addresses.redis_url) as connection:
        connection.flushall()


def kill_worker(town: Town) -> None:
    """The worker dies in the middle of whatever it does, and another begins."""
    _kill(town, "worker")


def kill_watcher(town: Town) -> None:
    """The watcher dies, perhaps with the lease in its hand, and another begins."""
    _kill(town, "watcher")


def kill_beat(town: Town) -> None:
    """The clock dies, and another begins."""
    _kill(town, "beat")


def kill_api(town: Town) -> None:
    """The API dies, and another begins."""
    _kill(town, "api")
    eventually(lambda: house.answers(town.home.addresses.api_url))


def ask(town: Town) -> None:
    """Agents ask what became of their attempts."""
    attempt = town.chance.choice(town.bought[-30:])
    for agent in town.agents:
        with suppress(Refused):
            agent.status(attempt["payment_attempt_id"])


def _kill(town: Town, name: str) -> None:
    town.home.children[name].kill()
    town.home.start(name)


STEPS: Sequence[tuple[Callable[[Town], None], int]] = (
    (buy, 300),
    (pay, 300),
    (ask, 300),
    (reorganise, 15),
    (spoil_webhooks, 20),
    (break_stripe, 20),
    (flush_redis, 15),
    (kill_worker, 12),
    (kill_watcher, 5),
    (kill_beat, 5),
    (kill_api, 5),
)


def _mend(town: Town) -> None:
    town.home.twin.control.set_switches(stripe_twin.Switches())
    town.home.twin.control.clear_faults()
    for name, child in town.home.children.items():
        if child.ended:
            town.home.start(name)


def _reconcile(town: Town) -> None:
    command = [sys.executable, "-m", "app.cli", "reconcile", "run"]
    with (town.home.logs / "reconcile.log").open("ab") as log:
        subprocess.run(command, env=dict(town.home.environment), stdout=log, stderr=log, check=False)


def _rest(town: Town, folder: Path) -> list[str]:
    """What is still broken when everybody has had time to look; waits only while something is."""
    engine = database.connect(town.home.addresses.database_url)
    store = Store(folder / "twin" / "stripe_twin.sqlite")
    try:
        found: list[list[str]] = []

        def settled() -> bool:
            _reconcile(town)
            found.append(invariants.broken(database.sessions(engine), store))
            return not found[-1]

        with suppress(AssertionError):
            eventually(settled, seconds=QUIET_SECONDS)
        return found[-1]
    finally:
        store.close()
        engine.dispose()
