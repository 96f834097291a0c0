"""JSON lines: one object a row, exactly as it stands in the books."""

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from office.exports.columns import Column, Row
from office.exports.formats import text


def write(columns: Sequence[Column], rows: Iterator[Row], out: BinaryIO) -> None:
    """Write the rows. Numbers of any size are numbers up to 64 bits, and texts of digits beyond."""
    with text.lines(out) as lines:
        for row in rows:
            told = {column.name: _value(column, value) for column, value in zip(columns, row, strict=True)}
            lines.write(json.dumps(told, ensure_ascii=False) + "\n")


def _value(column: Column, value: object) -> object:
    if column.kind == "json" and isinstance(value, str):
        return json.loads(value)
    return text.said(value)
