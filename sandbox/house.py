"""The whole house on this machine: the outside world, and the processes that production runs."""

import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TextIO

import httpx
from sqlalchemy.engine import make_url

from ledger.keys import SigningKey
from outbound import vault
from sandbox import devnet, embedded, people, stripe_twin
from sandbox.errors import NobodyHome, SandboxError
from sandbox.processes import Begin, Child, child

Mode = Literal["test", "live"]
Say = Callable[[str], None]
ADDRESSES = "addresses.json"
LOCK = "lock"
MODE = "mode"
LOCK_SECONDS = 1
START_SECONDS = 180
SERVICE_USER = "pennyrail_app"
# Each process is given what its own work needs; commands log in as the service.
LOGINS = {"api": "pennyrail_app_api", "worker": "pennyrail_app_worker", "watcher": "pennyrail_app_worker"}
UNLIMITED = tuple(
    f"PENNYRAIL_LIMIT_{rule}"
    for rule in (
        "STATUS_PER_SECOND",
        "QUOTES_PER_MINUTE",
        "PURCHASES_PER_MINUTE",
        "OTHER_PER_SECOND",
        "SIGNUPS_PER_MINUTE",
        "STRANGERS_PER_MINUTE",
        "VISITS_PER_SECOND",
    )
)


class HouseDidNotStart(SandboxError):
    """Something was in the way, or a process died or did not answer; the message says what to do."""


@dataclass(frozen=True)
class Addresses:
    """Where everything listens. Written beside the data, so that other commands find a running house.

    `database_url` is the owner's; the processes of the house are told that of the service.
    """

    api_url: str
    database_url: str
    redis_url: str
    rpc_url: str
    twin_url: str
    mode: Mode = "test"

    @classmethod
    def read(cls, folder: Path) -> "Addresses":
        """The addresses of the house running over `folder`.

        raises: NobodyHome if none is running there, or not yet.
        """
        if not _is_lived_in(folder):
            raise NobodyHome(f"no house runs over {folder}; start one with `pennyrail dev --folder {folder}`")
        try:
            return cls(**json.loads((folder / ADDRESSES).read_text()))
        except FileNotFoundError:
            raise NobodyHome(f"the house over {folder} is still starting; try again in a moment") from None


@dataclass(frozen=True)
class Identity:
    """What the sandbox's Stripe account keeps from one start to the next. All of it is pretend."""

    secret_key: str = field(repr=False)
    live_secret_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    twin_port: int


@dataclass(frozen=True)
class House:
    """A running house, with levers for tests."""

    folder: Path
    addresses: Addresses
    environment: Mapping[str, str]
    twin: stripe_twin.Twin
    devnet: devnet.Devnet
    children: dict[str, Child]
    begin: Begin = child
    """How each of the house's own processes is started."""

    @property
    def logs(self) -> Path:
        """Where every process writes its log."""
        return self.folder / "logs"

    def start(self, name: str, **changed: str) -> Child:
        """Start api, worker, watcher or beat of the house. `changed` are settings of its own."""
        command = [sys.executable, "-m", "app.cli", *COMMANDS[name](self)]
        login = as_user(self.environment["DATABASE_URL"], LOGINS.get(name, SERVICE_USER))
        environment = {**self.environment, "DATABASE_URL": login, **changed}
        started = self.begin(command, log=self.logs / f"{name}.log", environment=environment)
        self.children[name] = started
        return started

    def stop(self) -> None:
        """Stop every process of the house, those that a test has started anew included."""
        for running in self.children.values():
            running.process.terminate()
        for running in self.children.values():
            running.stop()

    def fallen(self) -> str | None:
        """The name of a process that has ended by itself, or None."""
        return next((name for name, running in self.children.items() if running.ended), None)


COMMANDS: Mapping[str, Callable[[House], list[str]]] = {
    "api": lambda house: ["api", "--port", house.addresses.api_url.rsplit(":", 1)[1]],
    "worker": lambda _: ["worker", "--concurrency", "2", "--queues", "celery"],
    "watcher": lambda _: ["watcher"],
    "beat": lambda house: ["beat", "--schedule", str(house.folder / "beat")],
}


@contextmanager
def running(
    folder: Path,
    *,
    port: int = 0,
    mode: Mode = "test",
    say: Say = lambda _: None,
    wire: Callable[[House], House] = lambda house: house,
) -> Iterator[House]:
    """Everything, up and migrated, for as long as the block runs. Data live in `folder`.

    `wire` may put something between the house's processes and the world before the first of them starts.

    raises: HouseDidNotStart, and what the services raise when they cannot start.
    """
    with ExitStack() as stack:
        _move_in(stack, folder)
        _refuse_taken(port)
        house = wire(_world(stack, folder, port=port or _free_port(), mode=mode, say=say))
        say("migrating the database")
        _migrate(house)
        people.settle_in(folder, database_url=house.addresses.database_url, console_key=console_key(folder))
        say("starting the API, a worker, a watcher and the clock")
        stack.callback(house.stop)
        for name in COMMANDS:
            house.start(name)
        _wait_until_ready(house)
        _write_addresses(stack, house)
        yield house


def _move_in(stack: ExitStack, folder: Path) -> None:
    """Make the folder ours until we end, however we end: the lock goes with this process."""
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / LOCK).open("a+"))
    except OSError as error:
        raise HouseDidNotStart(
            f"{folder} cannot be used: {error.strerror}; choose another --folder"
        ) from None
    if not _locked(lock, fcntl.LOCK_EX):
        lock.seek(0)
        raise HouseDidNotStart(
            f"another house runs over {folder} (process {lock.read().strip() or 'unknown'});"
            " stop it, or choose another --folder"
        )
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    (folder / ADDRESSES).unlink(missing_ok=True)


def _is_lived_in(folder: Path) -> bool:
    try:
        with (folder / LOCK).open() as lock:
            return not _locked(lock, fcntl.LOCK_SH)
    except OSError:
        return False


def _locked(lock: TextIO, kind: int) -> bool:
    """Take a lock if it is free. Somebody who only asks holds it for a moment, so we ask again."""
    give_up_at = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if kind == fcntl.LOCK_SH or time.monotonic() > give_up_at:
                return False
            time.sleep(0.05)
        else:
            return True


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise HouseDidNotStart(f"port {port} is reserved; choose another with --port") from None
        except OSError:
            raise HouseDidNotStart(f"port {port} is in use; choose another with --port") from None


def _world(stack: ExitStack, folder: Path, *, port: int, mode: Mode, say: Say) -> House:
    say("starting PostgreSQL and Redis")
    database_url = stack.enter_context(embedded.postgres(folder / "postgres"))
    redis_url = stack.enter_context(embedded.redis(folder / "redis"))
    say("starting the devnet (anvil, chain id 8453)")
    net = stack.enter_context(devnet.start(folder / "devnet"))
    say("starting the Stripe twin")
    api_url = f"http://127.0.0.1:{port}"
    identity = _identity(folder)
    (folder / MODE).write_text(mode)
    twin = stack.enter_context(
        stripe_twin.start(
            folder / "twin",
            rpc_url=net.rpc_url,
            webhook_url=f"{api_url}/webhooks/stripe",
            webhook_secret=identity.webhook_secret,
            port=identity.twin_port,
            secret_key=identity.secret_key,
            live_secret_key=identity.live_secret_key,
            # One more than a reorganisation of the newest block can take back.
            confirmations=2,
        )
    )
    addresses = Addresses(api_url, database_url, redis_url, net.rpc_url, twin.url, mode)
    key = twin.live_secret_key if mode == "live" else twin.secret_key
    environment = {
        # Every agent of the sandbox comes from one address, and demos and tests do not pace themselves.
        **dict.fromkeys(UNLIMITED, "0"),
        # This machine does everything at once: what is refused elsewhere may wait here.
        **dict.fromkeys(("PENNYRAIL_WORK_WAIT_SECONDS", "DATABASE_POOL_WAIT_SECONDS"), "30"),
        **os.environ,
        "DATABASE_URL": as_user(database_url, SERVICE_USER),
        "REDIS_URL": redis_url,
        "STRIPE_SECRET_KEY": key,
        "STRIPE_WEBHOOK_SECRETS": identity.webhook_secret,
        "STRIPE_API_BASE": twin.url,
        "PENNYRAIL_PUBLIC_URL": api_url,
        "PENNYRAIL_BASE_RPC_URL": net.rpc_url,
        "PENNYRAIL_SWEEP_SECONDS": "2",
        "PENNYRAIL_WATCH_SECONDS": "1",
        "PENNYRAIL_SEAL_SECONDS": "1",
        "PENNYRAIL_RECEIPT_KEY_FILE": str(receipt_key(folder)),
        "PENNYRAIL_TELL_SECONDS": "1",
        # Nobody balances between houses on one machine.
        "PENNYRAIL_DRAIN_LINGER_SECONDS": "0",
        "PENNYRAIL_DRAIN_FINISH_SECONDS": "10",
        "PENNYRAIL_WEBHOOK_KEYS": webhook_key(folder),
        "PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK": str(mode == "test").lower(),
        "PENNYRAIL_CONSOLE_KEYS": console_key(folder),
        "PENNYRAIL_EXPORT_FOLDER": str(folder / "exports"),
    }
    return House(folder, addresses, environment, twin, net, {})


def as_user(database_url: str, name: str) -> str:
    """The database as another of its users."""
    return make_url(database_url).set(username=name).render_as_string()


def _identity(folder: Path) -> Identity:
    path = folder / "identity.json"
    if not path.exists():
        path.touch(mode=0o600)
        fresh = Identity(
            secret_key=f"sk_test_{secrets.token_hex(16)}",
            live_secret_key=f"sk_live_{secrets.token_hex(16)}",
            webhook_secret=f"whsec_{secrets.token_hex(24)}",
            twin_port=_free_port(),
        )
        path.write_text(json.dumps(asdict(fresh)))
    return Identity(**json.loads(path.read_text()))


def environment(folder: Path) -> dict[str, str]:
    """The settings under which another command speaks to everything of the house running over `folder`.

    raises: NobodyHome
    """
    found, identity = Addresses.read(folder), _identity(folder)
    return {
        **os.environ,
        "DATABASE_URL": as_user(found.database_url, SERVICE_USER),
        "REDIS_URL": found.redis_url,
        "STRIPE_SECRET_KEY": identity.live_secret_key if found.mode == "live" else identity.secret_key,
        "STRIPE_WEBHOOK_SECRETS": identity.webhook_secret,
        "STRIPE_API_BASE": found.twin_url,
        "PENNYRAIL_PUBLIC_URL": found.api_url,
        "PENNYRAIL_BASE_RPC_URL": found.rpc_url,
        "PENNYRAIL_CONSOLE_KEYS": console_key(folder),
        "PENNYRAIL_EXPORT_FOLDER": str(folder / "exports"),
    }


def receipt_key(folder: Path) -> Path:
    """The file of the key that signs the receipts of the house over `folder`."""
    path = folder / "receipt-key.pem"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(SigningKey.generate().pem())
    return path


def webhook_key(folder: Path) -> str:
    """The key under which the house over `folder` keeps the secrets of webhook endpoints."""
    return _key(folder / "webhook-key")


def console_key(folder: Path) -> str:
    """The key under which the house over `folder` keeps what its operators prove themselves with."""
    return _key(folder / "console-key")


def _key(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(vault.new_key())
    return path.read_text()


def stripe_access(folder: Path) -> tuple[str, str]:
    """The secret key and the webhook secret of the house over `folder`, in the mode it runs in."""
    identity, live = _identity(folder), (folder / MODE).read_text() == "live"
    return identity.live_secret_key if live else identity.secret_key, identity.webhook_secret


def _migrate(house: House) -> None:
    command = [sys.executable, "-m", "app.cli", "migrate"]
    owner_url = house.addresses.database_url
    environment = {
        **house.environment,
        "PENNYRAIL_MIGRATE_DATABASE_URL": owner_url,
        "PENNYRAIL_API_DATABASE_URL": as_user(owner_url, LOGINS["api"]),
        "PENNYRAIL_WORKER_DATABASE_URL": as_user(owner_url, LOGINS["worker"]),
    }
    with (house.logs / "migrate.log").open("ab") as log:
        done = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise HouseDidNotStart(f"the migration failed; see {house.logs / 'migrate.log'}")


def _wait_until_ready(house: House) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        fallen = house.fallen()
        if fallen:
            said = house.children[fallen].said().strip()
            raise HouseDidNotStart(
                f"{fallen} ended at its start; {house.logs / fallen}.log says:\n{said[-500:]}"
            )
        working = all(" ready." in house.children[name].said() for name in ("worker", "watcher"))
        if working and answers(house.addresses.api_url):
            return
        time.sleep(0.1)
    raise HouseDidNotStart(f"not ready after {START_SECONDS} s; see {house.logs}")


def answers(api_url: str) -> bool:
    """Whether the API is ready there."""
    try:
        return httpx.get(f"{api_url}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _write_addresses(stack: ExitStack, house: House) -> None:
    path = house.folder / ADDRESSES
    path.write_text(json.dumps(asdict(house.addresses), indent=1))
    stack.callback(path.unlink, missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
