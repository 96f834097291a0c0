"""A primary and a standby that has every commit before its client hears of it; the primary can be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import make_url

from app.migrations.run import migrate
from sandbox import embedded
from tests.waiting import eventually

SETTINGS = {"max_connections": "100", "shared_buffers": "64MB", "synchronous_commit": "remote_apply"}
_FOLLOWED = "SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"


@dataclass(frozen=True)
class Cluster:
    """Two servers, both up. `url` names both: whoever connects meets the one that takes writes."""

    url: str
    primary_url: str
    standby_url: str
    primary_folder: Path
    standby_folder: Path

    @contextmanager
    def standby_hears_nothing(self) -> Iterator[None]:
        """What the primary writes in the block reaches the standby after it."""
        [receiver] = [
            child for child in _postmaster(self.standby_folder).children() if _does(child, "walreceiver")
        ]
        receiver.suspend()
        try:
            yield
        finally:
            receiver.resume()

    def kill_primary(self) -> None:
        """End every process of the primary at once, as a power cut would."""
        postmaster = _postmaster(self.primary_folder)
        # Stopped first, or it would start new ones while the old ones die.
        postmaster.suspend()
        for process in (*postmaster.children(recursive=True), postmaster):
            process.kill()

    def promote(self) -> None:
        """Have the standby take writes. Returns when it does."""
        with psycopg.connect(self.standby_url, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote(wait => true)").fetchone() == (True,)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A migrated primary and its synchronous standby, for as long as the block runs."""
    with embedded.postgres(folder / "primary", settings=SETTINGS) as primary_url:
        migrate(primary_url)
        embedded.standby(primary_url, folder / "standby")
        with embedded.postgres(folder / "standby", settings=SETTINGS) as standby_url:
            _wait_for_each_other(primary_url)
            yield Cluster(
                url=_both(primary_url, standby_url),
                primary_url=primary_url,
                standby_url=standby_url,
                primary_folder=folder / "primary",
                standby_folder=folder / "standby",
            )


def _wait_for_each_other(primary_url: str) -> None:
    """From now on a commit is answered when the standby has applied it, and not before."""
    with psycopg.connect(primary_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: connection.execute(_FOLLOWED).fetchone())


def _both(*urls: str) -> str:
    hosts = ",".join(str(make_url(url).query["host"]) for url in urls)
    return make_url(urls[0]).update_query_dict({"host": hosts}).render_as_string(hide_password=False)


def _postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))


def _does(process: psutil.Process, what: str) -> bool:
    return what in " ".join(process.cmdline())
