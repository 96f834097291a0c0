"""PostgreSQL and Redis as servers that die, stand still and come back, each behind its proxy."""

import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from sqlalchemy.engine import make_url

from sandbox import embedded
from tests.faults.proxy import Proxy


@contextmanager
def prepared(folder: Path, disk: Path) -> Iterator[None]:
    """A PostgreSQL whose data live on `disk`, to be started over `folder` later."""
    with embedded.postgres(disk / "postgres"):
        pass
    folder.symlink_to(disk / "postgres")
    yield


@dataclass
class Postgres:
    """A PostgreSQL over `folder`; whoever is in its way is told where it is after a restart."""

    folder: Path
    proxy: Proxy
    url: str
    """For those who go past the proxy: the owner's."""
    _own: ExitStack = field(default_factory=ExitStack)

    @property
    def processes(self) -> Sequence[psutil.Process]:
        """The postmaster, if it runs, and after it whatever it has started."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess, IndexError):
            pid = int((self.folder / "postmaster.pid").read_text().splitlines()[0])
            postmaster = psutil.Process(pid)
            if postmaster.status() != psutil.STATUS_ZOMBIE and "postgres" in postmaster.name():
                return [postmaster, *postmaster.children(recursive=True)]
        return []

    def kill(self) -> None:
        """End the postmaster alone: its children notice, and what they were doing is not finished."""
        signal_all(self.processes[:1], signal.SIGKILL)

    def kill_all(self) -> None:
        """End every process of it at once."""
        signal_all(self.processes, signal.SIGKILL)

    def start(self) -> None:
        """Start it over the same data, which it first recovers. Does nothing if it runs."""
        if self.processes:
            return
        self._own.close()
        self.url = self._own.enter_context(embedded.postgres(self.folder))
        self.proxy.upstream = socket_of(self.url)

    def end(self) -> None:
        """Stop the one that we have started."""
        self._own.close()


@dataclass
class Redis:
    """A Redis that forgets everything whenever it dies."""

    folder: Path
    proxy: Proxy
    url: str
    _own: ExitStack = field(default_factory=ExitStack)
    _count: int = 0

    @property
    def process(self) -> psutil.Process:
        """The server."""
        with redis.Redis.from_url(self.url) as connection:
            return psutil.Process(int(connection.info("server")["process_id"]))

    def flush(self) -> None:
        """Forget everything, and go on."""
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()

    def kill(self) -> None:
        """End it, and lose what it has kept."""
        signal_all([self.process], signal.SIGKILL)

    def start(self) -> None:
        """Start one that knows nothing."""
        self._own.close()
        self._count += 1
        kept = self.folder / f"redis-{self._count}"
        shutil.rmtree(kept, ignore_errors=True)
        self.url = self._own.enter_context(embedded.redis(kept))
        self.proxy.upstream = ("127.0.0.1", make_url(self.url).port or 0)

    def end(self) -> None:
        """Stop the one that we have started."""
        self._own.close()


def socket_of(database_url: str) -> Path:
    """The socket that a PostgreSQL of the sandbox listens on."""
    return Path(str(make_url(database_url).query["host"]), ".s.PGSQL.5432")


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal each that is still there."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)
