"""How many connections to PostgreSQL the processes of a house may open, beside how many there are."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from ledger import database

# One process of a worker, for its tasks (workers/wiring.py, two and two under load), and its parent.
OF_A_TASK: Final = 5
# Of app/polling/marks.py, which reads the page of statuses, and of app/api/readiness.py.
OF_ITS_OWN: Final = 2
# For `migrate`, an operator's commands and whoever looks what is wrong.
FOR_PEOPLE: Final = 5

_LEFT: Final = text(
    """
    SELECT least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true), '0')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )
    """
)


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes of a house at their most, with those that a rolling release starts before others end."""

    api: int
    pool_size: int = 10
    writers: int = 1
    task_processes: int
    """Of workers and watchers: their number times their concurrency."""

    @property
    def most(self) -> int:
        """Connections that all of them together may open."""
        of_an_api = 2 * self.pool_size + self.writers + OF_ITS_OWN
        return self.api * of_an_api + self.task_processes * OF_A_TASK + FOR_PEOPLE


def allowed(database_url: str) -> int:
    """Connections that the user of this address may have: the limit of server, user or database."""
    engine = database.connect(database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            found: int = session.execute(_LEFT).scalar_one()
            return found
    finally:
        engine.dispose()
