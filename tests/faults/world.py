"""The whole house as processes, with everything between and under them in the hands of a test."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from app import service_tokens
from ledger import database
from sandbox import house, stripe_twin
from sandbox.house import House
from sandbox.processes import Child
from tests.chain import fault_proxy
from tests.chain.fault_proxy import FaultProxy
from tests.faults import disk, nursery, proxy, servers, shifted
from tests.faults.disk import Disk
from tests.faults.proxy import Proxy
from tests.faults.servers import Postgres, Redis

QUICK: Mapping[str, str] = {
    # Shorter than a process is stopped for.
    "PENNYRAIL_CHAIN_LEASE_SECONDS": "3",
    "PENNYRAIL_OPENING_LEASE_SECONDS": "3",
    "PENNYRAIL_RECOVER_SECONDS": "10",
    "PENNYRAIL_RECONCILE_SECONDS": "15",
    "PENNYRAIL_CHAIN_DEADLINE_SECONDS": "3",
    "STRIPE_CONNECT_SECONDS": "2",
    "STRIPE_READ_SECONDS": "4",
    "STRIPE_RETRIES": "1",
}
SCOPES = ("holds:write", "debits:write", "grants:write", "balances:read", "outcomes:read")


@dataclass
class World:
    """Everything that a fault can touch."""

    home: House
    postgres: Postgres
    redis: Redis
    stripe: Proxy
    node: FaultProxy
    clocks: Path
    disk: Disk | None
    down: set[str] = field(default_factory=set)
    """The processes that a fault has ended: nobody else starts them."""
    restarted: Counter[str] = field(default_factory=Counter)

    @property
    def proxies(self) -> Mapping[str, Proxy]:
        """Who stands before which server."""
        return {"postgres": self.postgres.proxy, "redis": self.redis.proxy, "stripe": self.stripe}

    def kill(self, name: str) -> None:
        """End a process of the house, as a power cut would."""
        self.down.add(name)
        self.home.children[name].kill()

    def start(self, name: str) -> None:
        """Start a process of the house that is down."""
        self.down.discard(name)
        self.home.start(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Signal a process of the house, and those it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.home.children[name].pid, number)

    def supervise(self) -> None:
        """Start again what ended by itself, as whatever runs containers does."""
        for name, child in self.home.children.items():
            if child.ended and name not in self.down:
                self.restarted[name] += 1
                self.home.start(name)

    def heal(self) -> None:
        """Make everything well again, whatever was done to it."""
        if self.disk is not None:
            self.disk.make_room()
        servers.signal_all(self.postgres.processes, signal.SIGCONT)
        self.postgres.start()
        for each in self.proxies.values():
            each.heal()
        self.node.heal()
        self.home.twin.control.set_switches(stripe_twin.Switches())
        self.home.twin.control.clear_faults()
        for name in self.home.children:
            shifted.move(self.clocks, name, 0)
            self.signal(name, signal.SIGCONT)
        self.down.clear()
        self.supervise()

    def command(self, *words: str, seconds: float) -> list[str]:
        """What a command of the house complained of: nothing if it exits with 0.

        raises: subprocess.TimeoutExpired
        """
        log = self.home.logs / f"{'-'.join(words)}.log"
        child = self.home.begin(
            [sys.executable, "-m", "app.cli", *words], log=log, environment=self.home.environment
        )
        try:
            ended = child.process.wait(seconds)
        finally:
            child.kill()
        if not ended:
            return []
        said = child.said().strip().splitlines() or ["it said nothing"]
        return [f"pennyrail {' '.join(words)}: exit {ended}, {said[-1]}"]

    def service_token(self) -> str:
        """A token of a service that may do everything with credits."""
        engine = database.connect(self.postgres.url, pool_size=1)
        try:
            with database.sessions(engine)() as session:
                now = datetime.now(UTC)
                return service_tokens.make(session, name="chaos", scopes=SCOPES, expires_at=None, now=now)[1]
        finally:
            engine.dispose()


@contextmanager
def running(folder: Path, *, seed: int) -> Iterator[World]:
    """A house over `folder`, well, for as long as the block runs. Call it before there are threads."""
    with ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        found = stack.enter_context(disk.mounted(folder / "disk"))
        if found is not None:
            stack.enter_context(servers.prepared(folder / "postgres", found.folder))
        network = stack.enter_context(proxy.network(seed))
        made: list[World] = []

        def wire(home: House) -> House:
            made.append(_wired(stack, home, network, found))
            return made[0].home

        with house.running(folder, wire=wire) as home:
            world = made[0]
            stack.callback(world.redis.end)
            stack.callback(world.postgres.end)
            try:
                yield world
            finally:
                world.heal()
                home.stop()


def _wired(stack: ExitStack, home: House, network: proxy.Network, found: Disk | None) -> World:
    addresses = home.addresses
    (home.folder / "clocks").mkdir()
    book = network.before(servers.socket_of(addresses.database_url))
    queue = network.before(("127.0.0.1", make_url(addresses.redis_url).port or 0))
    stripe = network.before(("127.0.0.1", home.twin.port))
    node = stack.enter_context(fault_proxy.before(addresses.rpc_url))
    environment = {
        **home.environment,
        **QUICK,
        "DATABASE_URL": f"postgresql://{house.SERVICE_USER}@127.0.0.1:{book.port}/postgres",
        "REDIS_URL": f"redis://127.0.0.1:{queue.port}/0",
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe.port}",
        "PENNYRAIL_BASE_RPC_URL": node.url,
    }
    clocks = home.folder / "clocks"

    def begin(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Child:
        words = command[command.index("app.cli") + 1 :]
        return nursery.start(words, log=log, environment=environment, clocks=clocks)

    home = replace(home, environment=environment, begin=begin)
    return World(
        home,
        Postgres(home.folder / "postgres", book, addresses.database_url),
        Redis(home.folder, queue, addresses.redis_url),
        stripe,
        node,
        clocks,
        found,
    )
