"""What the inbox takes: a notice that somebody has verified."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Incoming:
    """A notice that was verified. `refs` are the ids its body mentions: the processor's, and ours."""

    source: str
    external_id: str
    kind: str
    refs: tuple[str, ...]
    body: bytes
    ignore: str | None = None
    """Why nobody needs to act on it, or None."""
    delivered: bool = True
    """Whether its sender knocked; False if we found it in the sender's own list."""


@dataclass(frozen=True, slots=True)
class Knock:
    """What a kept notice says: that something may have happened to what it mentions."""

    source: str
    kind: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An event of a processor's list. `incoming` is None if it is nothing that anybody acts on."""

    external_id: str
    happened_at: datetime
    incoming: Incoming | None


class Memory(Protocol):
    """What a processor remembers of its own events."""

    @property
    def source(self) -> str: ...
    @property
    def reaches(self) -> timedelta:
        """How far back the list goes."""

    def undelivered(self, *, since: datetime) -> Iterator[Listed]:
        """What some endpoint has not confirmed, oldest first.

        raises: RailUnreachable
        """

    def after(self, external_id: str | None, *, since: datetime) -> Iterator[Listed]:
        """Every event younger than one that is known, or since a time; oldest first.

        raises: RailUnreachable; RailRefused if the event is not listed any more.
        """
