"""What an earlier run left on disk: the rows of a Parquet file to be, and a spool."""

import json
import tempfile
from pathlib import Path

from pyarrow import parquet

from sinks.delivery import Record, Spool
from sinks.errors import SinkError
from sinks.jsonl import lines_of
from sinks.parquet_writer import make_file
from tests.factory import deliveries
from tests.fuzz.subject import Sample, Subject

LINE = {
    "schema": 1, "stream": "a", "node": "n", "seq": 2, "pts": 0.5, "latency_ms": 1.0,
    "captured_at": "2025-06-01T12:00:00.480000Z", "published_at": "2025-06-01T12:00:00.5Z",
    "width": 64, "height": 48, "corrupt": False, "kind": "caption",
    "data": {"text": "ö\u2028\ud83d\ude00"},
}  # fmt: skip
ROOM = 1 << 20


def rows(path: Path) -> None:
    """Each line becomes a row or is counted; none keeps the others from it."""
    target = path.with_suffix(".parquet")
    made, torn = make_file(path, target)
    with path.open("rb") as lines:
        assert made + torn == sum(1 for _ in lines)
    assert parquet.read_metadata(target).num_rows == made
    assert parquet.read_table(target).num_rows == made
    target.unlink()


def journals() -> list[Sample]:
    """The first is read here: Arrow reserves a gibibyte of addresses, all that a child may have."""
    told = json.dumps(LINE).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(told)
        rows(path)
    return [Sample({"a.jsonl": lines_of(deliveries(3))}), Sample({"a.jsonl": told})]


def carry(path: Path) -> None:
    """As a sink would: all that is in it, a few at a time, and then something new."""
    spool = Spool(path, ROOM)
    try:
        spool.open()
        for _ in range(1000):
            if not spool.count:
                break
            records = spool.peek(10)
            for record in records:
                assert isinstance(record.id, str)
                assert isinstance(record.key, str)
                assert isinstance(record.data, bytes)
            spool.done(len(records))
        assert spool.count == 0
        spool.append([Record("a:1:n:r", "topic", b"{}")])
        assert spool.count == 1
    finally:
        spool.close()
        for more in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + more).unlink(missing_ok=True)


def spools() -> list[Sample]:
    """Of some pages, with some records gone; and one that holds nothing."""
    found = []
    for count in (60, 0):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.sqlite"
            spool = Spool(path, ROOM)
            spool.open()
            spool.append([
                Record(f"a:{n}:n:r", "topic", b"x" * (n * 37 % 500)) for n in range(count)
            ])  # fmt: skip
            spool.peek(10)
            spool.done(min(count, 10))
            spool.close()
            found.append(Sample({"a.sqlite": path.read_bytes()}))
    return found


LEFT: dict[str, Subject] = {
    "journal": Subject(rows, journals, (), named=False),
    "spool": Subject(carry, spools, (SinkError,), named=False),
}
