"""A Parquet file from lines of JSON. Apart from the sink: it imports pyarrow."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from pyarrow import parquet

from sinks.errors import SinkLost
from sinks.rotation import sync_folder

GROUP = 8 << 20  # bytes of lines in a row group, and in memory

COLUMNS = pa.schema(
    [
        pa.field("schema", pa.int16(), nullable=False),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("node", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("pts", pa.float64(), nullable=False),
        pa.field("captured_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("published_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("corrupt", pa.bool_(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("data", pa.string(), nullable=False),
    ],
    metadata={"framewire.schema": "1"},
)
"""As the fields of a result in `docs/schema.md`; `data` is JSON, for each kind has its own."""


def _bits(count: int) -> msgspec.Meta:
    """What a signed integer of so many bits holds: one number too large must not cost a file."""
    return msgspec.Meta(ge=-(1 << count - 1), le=(1 << count - 1) - 1)


class _Row(msgspec.Struct, frozen=True):
    """A line, whose `data` is left as it is. What it takes, COLUMNS take."""

    schema: Annotated[int, _bits(16)]
    stream: str
    node: str
    seq: Annotated[int, _bits(64)]
    pts: float
    captured_at: Annotated[datetime, msgspec.Meta(tz=True)]
    published_at: Annotated[datetime, msgspec.Meta(tz=True)]
    latency_ms: float
    width: Annotated[int, _bits(32)]
    height: Annotated[int, _bits(32)]
    corrupt: bool
    kind: str
    data: msgspec.Raw


def make_file(journal: Path, target: Path) -> tuple[int, int]:
    """Write a journal's lines as rows of `target`, which is there whole or not at all.

    returns  how many rows it has, and how many lines were no results: half of one, say, that a
             killed process left
    raises   SinkLost if it cannot be written
    """
    part = target.with_name(f".{target.name}.part")
    rows = torn = 0
    try:
        with (
            journal.open("rb") as lines,
            parquet.ParquetWriter(part, COLUMNS, compression="zstd") as writer,
        ):
            while some := lines.readlines(GROUP):
                found = list(_rows(some))
                torn += len(some) - len(found)
                rows += len(found)
                writer.write_table(pa.Table.from_pylist(found, COLUMNS))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
        sync_folder(target.parent)
    except (OSError, pa.ArrowException) as error:
        raise SinkLost(f"{target}: wanted to write {journal}, got: {error}") from error
    return rows, torn


def _rows(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = _decoder.decode(line)
            data = bytes(row.data).decode()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # the caller counts what is missing
        yield {**msgspec.structs.asdict(row), "data": data}


_decoder = msgspec.json.Decoder(_Row)
