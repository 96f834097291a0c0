"""What every text format does alike: values as people and programs read them, and lines in bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import BinaryIO, TextIO


def said(value: object) -> object:
    """A value as text formats write it: moments in UTC, days as they are, numbers and texts untouched."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


@contextmanager
def lines(out: BinaryIO) -> Iterator[TextIO]:
    """A text on top of `out`, which stays open."""
    text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="", write_through=False)
    try:
        yield text
        text.flush()
    finally:
        text.detach()


def one_line(text: str) -> str:
    """The text without what would end or steer a line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
