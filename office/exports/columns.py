"""The columns of a data set: what each is called, and what kind of thing stands in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "integer", "units", "flag", "time", "date", "json"]
"""`integer` fits in 64 bits: cents, credits, numbers. `units` may have 78 digits. `time` has a zone.

`json` is text that is JSON.
"""
Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; its unit is the end of its name."""

    name: str
    kind: Kind = "text"
