"""Processes of the house that are forked from one that has read all its code: up in a moment, however often.

Each is a process of its own, in a group of its own, with its own environment and log; only the six seconds
of importing are done once.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sandbox.processes import Child

_PR_SET_PDEATHSIG = 1
_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.shifted", "app.cli", "app.main", "workers.tasks"])


@dataclass(frozen=True)
class Nursling:
    """One process, asked as `subprocess.Popen` is."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process.pid is not None, "it was started"
        return self.process.pid

    def poll(self) -> int | None:
        """How it ended, None if it has not."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has.

        raises: subprocess.TimeoutExpired
        """
        self.process.join(timeout)
        ended = self.process.exitcode
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return ended

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()


def start(words: Sequence[str], *, log: Path, environment: Mapping[str, str], clocks: Path) -> Child:
    """Start `pennyrail` with these words, its clock in the folder `clocks`."""
    log.touch()
    log_from = log.stat().st_size
    arguments = (["pennyrail", str(clocks), *words], log, dict(environment))
    process = _context.Process(target=_be, args=arguments)
    process.start()
    return Child(Nursling(process), log, log_from)


def _be(arguments: list[str], log: Path, environment: dict[str, str]) -> None:
    os.setpgid(0, 0)
    if sys.platform.startswith("linux"):
        # The server that forks us ends with whoever plays, in whatever way that ends.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    written = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(written, sys.stdout.fileno())
    os.dup2(written, sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    from tests.faults import shifted

    shifted.main()
