"""CSV for spreadsheets: text that a spreadsheet would run as a formula is made plain text."""

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from office.exports.columns import Column, Row
from office.exports.formats import text

_STARTS: Final = frozenset("=+-@")
_CONTROLS: Final = ("\t", "\r", "\n")
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
PLAIN: Final = "'"
"""What a spreadsheet takes as: the rest is text."""


def write(columns: Sequence[Column], rows: Iterator[Row], out: BinaryIO) -> None:
    """Write a heading and the rows. Numbers are bare, text stands in quotes, nothing is an empty text.

    Every text is quoted, so that no separator of another country begins a new cell in the middle of one.
    """
    with text.lines(out) as lines:
        writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writerow([column.name for column in columns])
        for row in rows:
            writer.writerow([_cell(value) for value in row])


def plain(cell: str) -> str:
    """The text, with a quote before it if a spreadsheet might take it for a formula."""
    return PLAIN + cell if _is_formula(cell) else cell


def _cell(value: object) -> object:
    told = text.said(value)
    match told:
        case None:
            return ""
        case bool():
            return "true" if told else "false"
        case str():
            return plain(told)
        case _:
            return told


def _is_formula(cell: str) -> bool:
    if cell.startswith(_CONTROLS):
        return True
    for letter in cell:
        if letter in _QUOTES or letter.isspace() or not letter.isprintable():
            # Spreadsheets trim these, or import without them.
            continue
        # Full-width and small forms count as the sign they stand for.
        return unicodedata.normalize("NFKC", letter)[:1] in _STARTS
    return False
