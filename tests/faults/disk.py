"""A disk of its own for PostgreSQL, which can be full: a file system in memory, private to this process."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SIZE_BYTES = 1024**3
PAGE_BYTES = 4096
_TRIES = 50
_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | 0x40000


class Disk:
    """A mounted folder whose size can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave not one free page."""
        # Whoever writes meanwhile makes it larger than it may become.
        if not any(self._resize(shutil.disk_usage(self.folder).used) for _ in range(_TRIES)):
            raise RuntimeError("the disk grew faster than it could be filled")

    def make_room(self) -> None:
        """Give it its size again."""
        if not self._resize(SIZE_BYTES):
            raise RuntimeError("the disk could not be given its size again")

    def _resize(self, size_bytes: int) -> bool:
        size = -(-size_bytes // PAGE_BYTES) * PAGE_BYTES
        command = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def mounted(folder: Path) -> Iterator[Disk | None]:
    """A disk at `folder` for as long as the block lasts; None where nobody may mount one.

    The mount is seen by this process and its children alone, and ends with them. Call it before there are
    threads: those that are there already do not see it.
    """
    if not (sys.platform.startswith("linux") and os.geteuid() == 0 and _alone()):
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # A process that lingers keeps it busy: let go of it now, the kernel frees it after the last one.
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@cache
def _alone() -> bool:
    """Whether what we mount from now on is seen by nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return bool(libc.mount(None, b"/", None, _MS_REC_PRIVATE, None) == 0)
