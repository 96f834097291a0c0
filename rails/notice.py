"""What the inbox takes: a notice that somebody has verified."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Incoming:
    """A notice whose signature was verified. `refs` are the processor ids its body mentions."""

    source: str
    external_id: str
    kind: str
    refs: tuple[str, ...]
    body: bytes
    ignore: str | None = None
    """Why nobody needs to act on it, or None."""
