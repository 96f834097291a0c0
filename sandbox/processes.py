"""Child processes that are stopped by pid, and that do not outlive us even if we are killed."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

STOP_SECONDS = 15
_PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What is asked of a process, as `subprocess.Popen` answers it."""

    @property
    def pid(self) -> int:
        """The process id."""

    def poll(self) -> int | None:
        """How it ended, None if it has not."""

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has.

        raises: subprocess.TimeoutExpired
        """

    def terminate(self) -> None:
        """Ask it to end."""


@dataclass(frozen=True)
class Child:
    """One process that we started."""

    process: Process
    log: Path
    log_from: int
    """Where in the log this process begins to speak: earlier ones wrote into the same file."""

    def said(self) -> str:
        """What it has written so far."""
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            return log.read().decode(errors="replace")

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and make it end if it does not."""
        if not self.ended:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and its children at once, as a power cut would (SIGKILL)."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


class Begin(Protocol):
    """Starts a command that appends to `log`."""

    def __call__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Child:
        """The process."""


def child(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Child:
    """Start a command that appends to `log`, in a process group of its own so that Ctrl-C reaches only us."""
    with log.open("ab") as output:
        log_from = output.tell()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_end_with_parent(),
        )
    return Child(process, log, log_from)


def _end_with_parent() -> Callable[[], None] | None:
    # The kernel watches the thread that started the child, so only the main thread may ask for this.
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
