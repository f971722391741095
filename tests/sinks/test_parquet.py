"""Results as rows of files that are there whole or not at all."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sinks.errors import BadSink, SinkLost
from sinks.parquet import ParquetOptions, ParquetSink
from sinks.sink import SinkContext
from tests.factory import BEGAN, deliveries
from tests.sinks.killed import killed

parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra `parquet`)")


def sink_in(folder: Path, **options: object) -> ParquetSink:
    told = ParquetOptions.model_validate({"path": "r.parquet", **options})
    return ParquetSink(told, SinkContext("file", ("a",), folder))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("r-*.parquet"))


def endings(folder: Path) -> set[str]:
    return {file.suffix for file in folder.iterdir()}


def rows(folder: Path) -> list[dict[str, Any]]:
    """Of all files, the oldest first."""
    return [row for file in files(folder) for row in parquet.read_table(file).to_pylist()]


async def test_each_result_is_a_row(tmp_path: Path) -> None:
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.write(deliveries(3))
    await sink.close()
    found = rows(tmp_path)
    assert [row["seq"] for row in found] == [0, 1, 2]
    first = found[0]
    assert (first["schema"], first["stream"], first["node"]) == (1, "a", "detect")
    assert first["captured_at"] == BEGAN
    assert (datetime.now(UTC) - first["published_at"]).total_seconds() < 60
    assert (first["width"], first["height"], first["corrupt"]) == (64, 48, False)
    assert first["kind"] == "detections"
    assert json.loads(first["data"])["labels"] == ["person"]
    assert endings(tmp_path) == {".parquet"}
    assert sink.address() == str(tmp_path / "r-*.parquet")


async def test_without_results_there_is_no_file(tmp_path: Path) -> None:
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.close()
    assert not endings(tmp_path)


async def test_files_are_made_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, rotate_mb=0.5, keep=2)
    await sink.open()
    for _ in range(60):
        await sink.write(deliveries(100))
    await sink.close()
    assert len(files(tmp_path)) == 2
    assert [row["seq"] for row in rows(tmp_path)][-100:] == list(range(100))


async def test_a_file_is_made_while_it_runs(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, rotate_mb=0.5)
    await sink.open()
    for _ in range(30):
        await sink.write(deliveries(100))
    async with asyncio.timeout(20):
        while not files(tmp_path):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    assert rows(tmp_path)
    await sink.close()
    assert len(rows(tmp_path)) == 3000


async def test_a_journal_of_a_killed_run_becomes_a_file_but_for_its_torn_line(
    tmp_path: Path,
) -> None:
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.write(deliveries(2))
    await sink.close()
    (made,) = files(tmp_path)
    made.unlink()
    (tmp_path / ".r-20250101T000000.000000Z.jsonl").write_bytes(line(0) + line(1))
    (tmp_path / ".r-20250101T000000.000000Z.parquet.part").write_bytes(b"PAR1 and no end")
    (tmp_path / ".r.jsonl").write_bytes(line(2) + line(3)[:30])
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.close()
    assert [row["seq"] for row in rows(tmp_path)] == [0, 1, 2]
    assert endings(tmp_path) == {".parquet"}


@pytest.mark.parametrize(
    ("good", "damaged"),
    [
        (b'"seq": 1', b'"seq": 9223372036854775808'),
        (b'"schema": 1', b'"schema": 40000'),
        (b'"width": 1', b'"width": 2147483648'),
        (b'"data": {}', b'"data": {"a": "\xff"}'),
        (b'"data": {}', b'"data": ' + b"[" * 9999 + b"]" * 9999),
        (b'00Z", "pub', b'00", "pub'),
    ],
)
async def test_a_damaged_line_of_a_journal_costs_itself_alone(
    good: bytes, damaged: bytes, tmp_path: Path
) -> None:
    assert good in line(1)
    (tmp_path / ".r.jsonl").write_bytes(line(0) + line(1).replace(good, damaged) + line(2))
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.close()
    assert [row["seq"] for row in rows(tmp_path)] == [0, 2]
    assert sink.counts()["torn_lines_total"] == 1
    assert endings(tmp_path) == {".parquet"}


def line(seq: int) -> bytes:
    told = {
        "schema": 1, "stream": "a", "node": "n", "seq": seq, "run": None, "number": None,
        "pts": 0.0,
        "captured_at": "2025-06-01T12:00:00.480000Z", "published_at": "2025-06-01T12:00:00.480000Z",
        "latency_ms": 1.0, "width": 1, "height": 1, "corrupt": False, "kind": "frame", "data": {},
    }  # fmt: skip
    return json.dumps(told).encode() + b"\n"


@pytest.mark.slow
async def test_a_process_that_is_killed_loses_no_row_that_was_in_its_journal(
    tmp_path: Path,
) -> None:
    surely = await killed("parquet", tmp_path, "path=r.parquet", "rotate_mb=0.2", after_s=1.5)
    assert rows(tmp_path)  # each file is whole
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.close()
    seqs = [row["seq"] for row in rows(tmp_path)]
    assert len(seqs) > surely
    assert seqs == list(range(len(seqs)))


async def test_what_cannot_be_written_stays_in_its_journal_and_is_told(tmp_path: Path) -> None:
    (tmp_path / ".r-20250101T000000.000000Z.jsonl").write_bytes(line(0))
    (tmp_path / "r-20250101T000000.000000Z.parquet").mkdir()  # stands in its way
    sink = sink_in(tmp_path)
    await sink.open()
    with pytest.raises(SinkLost, match="its last rows stay in a journal"):
        await sink.close()
    assert (tmp_path / ".r-20250101T000000.000000Z.jsonl").exists()


async def test_a_file_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadSink, match="wanted a file to write"):
        await sink_in(tmp_path, path="out/r.parquet").open()


def test_another_ending_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"wanted a name that ends in \.parquet"):
        ParquetOptions(path=Path("r.jsonl"))
