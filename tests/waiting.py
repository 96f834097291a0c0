"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(ask: Callable[[], Found | None], *, seconds: float = 120) -> Found:
    """The first answer that is something. Gives up after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < give_up_at, "it never came"
        time.sleep(0.1)
