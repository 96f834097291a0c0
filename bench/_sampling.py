"""What a running house uses: memory and files of its processes, connections, dead rows, keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil
import redis

from bench._server import connect
from sandbox.house import House

_MEGABYTE: Final = 1024 * 1024
# A table of few rows is dead for the most part between two vacuums, and costs nothing.
_ROWS_LEAST: Final = 2_000
_DEAD: Final = """
SELECT coalesce(max(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)), 0)
FROM pg_stat_user_tables
WHERE n_live_tup + n_dead_tup >= %s
"""
_CONNECTIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Level:
    """How much of something there was."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was used after so many requests."""

    requests: int
    watched: dict[str, Level]


def sample(home: House, *, requests: int) -> Sample:
    """Look at everything once."""
    watched = dict(_processes(home))
    with connect(home.addresses.database_url) as connection:
        for name, statement, given, unit in (
            ("connections to the database", _CONNECTIONS, (), "connections"),
            ("dead rows of the worst table", _DEAD, (_ROWS_LEAST,), "% dead"),
        ):
            row = connection.execute(statement.encode(), given).fetchone()
            assert row is not None
            watched[name] = Level(float(row[0]), unit)
    with redis.Redis.from_url(home.addresses.redis_url) as client:
        watched["keys in Redis"] = Level(float(client.dbsize()), "keys")
        used = client.info("memory")["used_memory"]
        watched["memory of Redis"] = Level(used / _MEGABYTE, "MB")
    return Sample(requests, watched)


def _processes(home: House) -> Iterator[tuple[str, Level]]:
    for name, running in home.children.items():
        top = psutil.Process(running.pid)
        family = [top, *top.children(recursive=True)]
        # What is its own: shared pages would be counted once for each child.
        own = sum(each.memory_full_info().uss for each in family)
        yield f"memory of {name}", Level(own / _MEGABYTE, "MB")
        yield f"files of {name}", Level(float(sum(each.num_fds() for each in family)), "files")
