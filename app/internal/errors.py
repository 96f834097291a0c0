"""What the door may answer instead of doing what it was asked.

Declined                     one code of http_errors.STATUS, with the words and the recovery of this request
Unavailable                  the queue is full, or the database is away: the same key finds the truth later
"""

from collections.abc import Mapping


class Declined(Exception):
    """The request is answered with `code`, and nothing was done."""

    def __init__(
        self, code: str, message: str | None = None, recovery: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.recovery = recovery


class Unavailable(Exception):
    """Not now. It may have been done all the same."""


def invalid(message: str, field: str | None = None) -> Declined:
    """The refusal of a request that does not fit; `message` never holds what was sent."""
    return Declined("INVALID_ARGUMENTS", message, {"fields": [field]} if field else None)
