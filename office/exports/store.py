"""Files of exports: whole or not there, for nobody else on the machine to read."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

_BEGUN: Final = ".part"


@dataclass(slots=True)
class Kept:
    """A file that was written: its name in the folder, its size and its SHA-256."""

    file: str
    bytes: int = 0
    sha256: str = ""


class _Counting:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, part: bytes | memoryview) -> int:
        self._hash.update(part)
        written = self._file.write(part)
        self.bytes += written
        return written

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self.bytes

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Whoever opened the file closes it."""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def counted(file: BinaryIO) -> Iterator[tuple[BinaryIO, _Counting]]:
    """A file to write to, twice: as a file, and as what knows how much was written."""
    counting = _Counting(file)
    yield cast("BinaryIO", counting), counting


@contextmanager
def written(folder: Path, name: str) -> Iterator[tuple[BinaryIO, Kept]]:
    """A file to write to. It is there under its name once the block has ended, and never in part."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun, kept = folder / (name + _BEGUN), Kept(name)
    try:
        descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, counted(file) as (out, counting):
            yield out, kept
            file.flush()
            os.fsync(file.fileno())
        kept.bytes, kept.sha256 = counting.bytes, counting.sha256
        begun.rename(folder / name)
        _settle(folder)
    finally:
        begun.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Have the new name survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(folder: Path, name: str) -> None:
    """Remove a file, and what was begun of it, if they are there."""
    (folder / name).unlink(missing_ok=True)
    (folder / (name + _BEGUN)).unlink(missing_ok=True)


def names(folder: Path) -> list[str]:
    """The files that are there, and those that were only begun, by the names they were to have."""
    return sorted({path.name.removesuffix(_BEGUN) for path in folder.iterdir()} if folder.is_dir() else ())
