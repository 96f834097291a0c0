"""What a row says: one command of `pennyrail ops`."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a form, or filter of a list. `choices` empty: any text."""

    name: str
    help: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One command. Names in braces in `path` are its arguments, in order."""

    words: str
    method: Literal["GET", "POST"]
    path: str
    about: str
    options: tuple[Option, ...] = ()


REASON: Final = Option("reason", "why, in words", required=True)
AFTER: Final = Option("after", "the cursor that the page before has told")
BEFORE: Final = Option("before", "the number that the page before has told as its next")
