"""Parquet: typed columns in row groups, for programs that count."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from office.exports.columns import Column, Kind, Row

if TYPE_CHECKING:
    import pyarrow as pa

# Small enough that a wide row of text does not fill the memory of a worker.
_GROUP_ROWS: Final = 16_384


def write(columns: Sequence[Column], rows: Iterator[Row], out: BinaryIO) -> None:
    """Write the rows: 64 bits for cents and credits, moments in UTC, text for what has more digits."""
    # A large library, which only whoever writes this format should wait for.
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([pa.field(column.name, _type(column.kind)) for column in columns])
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, _GROUP_ROWS)):
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema), row_group_size=_GROUP_ROWS)


def _type(kind: Kind) -> "pa.DataType":
    import pyarrow as pa

    match kind:
        case "integer":
            return pa.int64()
        case "flag":
            return pa.bool_()
        case "time":
            return pa.timestamp("us", tz="UTC")
        case "date":
            return pa.date32()
        case "text" | "json" | "units":
            return pa.string()
