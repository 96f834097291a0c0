"""Where a list goes on: the sort key of the last row that was shown, as one word for a link."""

from datetime import datetime
from typing import Any, Final

from office import errors

_BETWEEN: Final = "~"


def after(*key: datetime | int | str) -> str:
    """The word for a sort key."""
    return _BETWEEN.join(each.isoformat() if isinstance(each, datetime) else str(each) for each in key)


def read(place: str, *kinds: type) -> tuple[Any, ...]:
    """The sort key of a word, a value of each kind.

    raises: BadPlace
    """
    parts = place.split(_BETWEEN)
    if len(parts) != len(kinds):
        raise errors.BadPlace("this link leads nowhere: begin the list anew")
    try:
        return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except ValueError:
        raise errors.BadPlace("this link leads nowhere: begin the list anew") from None


def _read(part: str, kind: type) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError("a moment without its zone")
        return moment
    if kind is int:
        # A longer number is none that the database knows.
        if not (part.isascii() and part.isdecimal() and len(part) < 19):
            raise ValueError("no number")
        return int(part)
    if "\0" in part:
        raise ValueError("no text")
    return part
