"""Signs of life in the queue, written by the work itself: a process that hangs stops writing them."""

import os
import socket
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from celery import Task, signals
from redis import Redis, RedisError

from workers import queues
from workers.settings import queue

_EVERY_SECONDS: Final = 5.0
# The clock strikes every few seconds; a task may take as long as its limit, and somewhat to be asked for.
_CLOCK_SECONDS: Final = 60
_ROOM_SECONDS: Final = 60
WATCHING: Final = frozenset(queues.ROUTES)
_written: dict[str, tuple[int, float]] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a process. `alive` unless starting it anew may help."""

    alive: bool
    told: str


def found(role: str) -> Found:
    """Whether a process of this role works on this machine: `worker`, `watcher` or `beat`."""
    try:
        here, anywhere, clock = _redis(os.getpid()).mget(
            _key(role, _host()), _key(role, "any"), _key("beat", "any")
        )
    except RedisError:
        # Nobody can work without the queue, and starting anew does not bring it back.
        return Found(True, "unknown, the queue does not answer")
    if here is not None:
        return Found(True, f"alive, worked {max(0, round(time.time() - float(here)))} s ago")
    if role != "beat" and anywhere is None and clock is None:
        return Found(True, "unknown, nobody is asked anything: the clock does not strike")
    return Found(False, "not alive, it does nothing of what it is asked")


def follow_the_clock() -> None:
    """Have every strike of the clock in this process be a sign of its life."""
    signals.after_task_publish.connect(_struck)


@signals.task_prerun.connect
def _began(task: Task[Any, Any], **_: Any) -> None:
    _sign(task, limit=task.time_limit or task.app.conf.task_time_limit)


@signals.task_postrun.connect
def _ended(task: Task[Any, Any], **_: Any) -> None:
    # Or a process that hangs after a task of hours, most often done at once, would look alive for hours.
    _sign(task, limit=task.app.conf.task_time_limit)


def _sign(task: Task[Any, Any], *, limit: float) -> None:
    role = "watcher" if task.name in WATCHING else "worker"
    _write(role, seconds=int(limit) + _ROOM_SECONDS)


def _struck(**_: Any) -> None:
    _write("beat", seconds=_CLOCK_SECONDS)


def _write(role: str, *, seconds: int) -> None:
    # A stopwatch for how often, a date for whoever reads it.
    (lasts, at), now = _written.get(role, (0, 0.0)), time.monotonic()
    if lasts == seconds and now - at < _EVERY_SECONDS:
        return
    _written[role] = (seconds, now)
    try:
        pipe = _redis(os.getpid()).pipeline(transaction=False)
        for where in (_host(), "any"):
            pipe.set(_key(role, where), f"{time.time():.3f}", ex=seconds)
        pipe.execute()
    except RedisError:
        # The work is what counts.
        return


def _key(role: str, where: str) -> str:
    return f"pennyrail:pulse:{role}:{where}"


@lru_cache(maxsize=1)
def _redis(_pid: int) -> "Redis":
    return Redis.from_url(queue().redis_url, socket_timeout=2, socket_connect_timeout=2)


@lru_cache
def _host() -> str:
    return socket.gethostname()
