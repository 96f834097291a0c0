"""A worker that was asked to end takes nothing new, finishes what it does, and not for ever."""

import logging
import os
import signal
import threading
from contextlib import suppress
from typing import Any

from billiard import active_children
from celery import signals

from workers.settings import DrainSettings

logger = logging.getLogger("pennyrail.workers")


@signals.worker_shutting_down.connect
def _bound(**_: Any) -> None:
    """End though something is not done yet, when its time is over."""
    timer = threading.Timer(DrainSettings().finish_seconds, _end)
    timer.daemon = True
    timer.start()


def _end() -> None:
    # As a power cut would, which every task survives: leases end, and the sweeper finds what is due.
    logger.warning("tasks were not done in time: they are left to other workers, or to the next start")
    for pid in (each.pid for each in active_children()):
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os._exit(0)
