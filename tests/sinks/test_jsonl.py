"""Results as lines of a file."""

import asyncio
import os
from pathlib import Path

import pytest

from sinks.errors import BadSink, SinkLost
from sinks.jsonl import JsonlOptions, JsonlSink
from sinks.sink import SinkContext
from sinks.wire import BadMessage, decode_result
from tests.factory import deliveries, delivery, detections, grey_frame, top_labels
from tests.sinks.killed import killed


def aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("r-*.jsonl"))


def sink_in(folder: Path, path: str = "out/results.jsonl") -> JsonlSink:
    return JsonlSink(JsonlOptions(path=Path(path)), SinkContext("file", ("a",), folder))


async def test_every_delivery_is_one_line(tmp_path: Path) -> None:
    sink = sink_in(tmp_path)
    await sink.open()
    await sink.write(deliveries(3))
    frame = grey_frame(3, results={"detect": detections(), "classify": top_labels({"cat": 0.5})})
    await sink.write([delivery(frame, "detect"), delivery(frame, "classify")])
    await sink.close()
    lines = (tmp_path / "out" / "results.jsonl").read_bytes().splitlines()
    found = [decode_result(line) for line in lines]
    assert [(m.seq, m.node) for m in found] == [
        (0, "detect"), (1, "detect"), (2, "detect"), (3, "detect"), (3, "classify"),
    ]  # fmt: skip
    assert sink.address() == str(tmp_path / "out" / "results.jsonl")


async def test_lines_are_in_the_file_within_a_second_or_so(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, "r.jsonl")
    await sink.open()
    await sink.write(deliveries(1))
    async with asyncio.timeout(5):
        while not (tmp_path / "r.jsonl").stat().st_size:
            await sink.write([])
            await asyncio.to_thread(os.sched_yield)
    await sink.close()
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == 1


async def test_much_at_once_does_not_heap_up_in_memory(tmp_path: Path) -> None:
    sink = sink_in(tmp_path, "r.jsonl")
    await sink.open()
    batch = deliveries(100)
    for _ in range(60):  # about 2 MB
        await sink.write(batch)
    assert (tmp_path / "r.jsonl").stat().st_size > 1 << 20
    await sink.close()
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == 6000


async def test_the_next_run_adds_to_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        sink = sink_in(tmp_path, "r.jsonl")
        await sink.open()
        await sink.write(deliveries(2))
        await sink.close()
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == 4


async def test_half_a_line_of_a_killed_run_stays_alone(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'{"schema":1,"stre')
    sink = sink_in(tmp_path, "r.jsonl")
    await sink.open()
    await sink.write(deliveries(1))
    await sink.close()
    half, whole = (tmp_path / "r.jsonl").read_bytes().splitlines()
    assert half == b'{"schema":1,"stre'
    assert decode_result(whole).seq == 0


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").mkdir()
    with pytest.raises(BadSink, match="wanted a file to write, got: Is a directory"):
        await sink_in(tmp_path, "r.jsonl").open()


async def test_a_file_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadSink, match="wanted a file to write"):
        await sink_in(tmp_path).open()


async def test_a_full_disk_is_told_and_the_sink_goes_on() -> None:
    sink = sink_in(Path("/dev"), "full")
    await sink.open()
    batch = deliveries(5000)  # more than waits in memory
    with pytest.raises(SinkLost, match="No space left on device"):
        await sink.write(batch)
    await sink.write([])
    await sink.close()


async def test_a_full_disk_at_the_end_is_told() -> None:
    sink = sink_in(Path("/dev"), "full")
    await sink.open()
    await sink.write(deliveries(1))
    with pytest.raises(SinkLost, match="its last lines could not be written"):
        await sink.close()


async def test_a_full_file_is_laid_aside_and_the_oldest_go(tmp_path: Path) -> None:
    options = JsonlOptions(path=Path("r.jsonl"), rotate_mb=0.5, keep=2)
    sink = JsonlSink(options, SinkContext("file", ("a",), tmp_path))
    await sink.open()
    for _ in range(60):  # about 2.5 MB, flushed by the megabyte
        await sink.write(deliveries(100))
    await sink.close()
    files = aside(tmp_path)
    assert len(files) == 2
    for file in files:
        assert file.stat().st_size >= 500_000
        assert all(decode_result(line).node == "detect" for line in file.read_bytes().splitlines())


async def test_at_the_turn_of_its_time_the_next_run_begins_a_new_file(tmp_path: Path) -> None:
    old = tmp_path / "r.jsonl"
    old.write_bytes(b"{}\n")
    os.utime(old, (1000, 1000))
    options = JsonlOptions(path=Path("r.jsonl"), rotate_s=3600)
    sink = JsonlSink(options, SinkContext("file", ("a",), tmp_path))
    await sink.open()
    await sink.write(deliveries(3))
    await sink.close()
    (laid,) = aside(tmp_path)
    assert laid.read_bytes() == b"{}\n"
    assert len(old.read_bytes().splitlines()) == 3


@pytest.mark.slow
async def test_a_process_that_is_killed_leaves_files_that_can_be_read(tmp_path: Path) -> None:
    surely = await killed("jsonl", tmp_path, "path=r.jsonl", "rotate_mb=0.2", after_s=1.5)
    sink = sink_in(tmp_path, "r.jsonl")
    await sink.open()
    await sink.write(deliveries(1))
    await sink.close()
    files = [*aside(tmp_path), tmp_path / "r.jsonl"]
    assert len(files) > 1
    seqs, torn = list[int](), 0
    for line in b"".join(file.read_bytes() for file in files).splitlines():
        try:
            seqs.append(decode_result(line).seq)
        except BadMessage:
            torn += 1
    assert torn <= 1
    assert seqs.pop() == 0  # of the next run
    assert len(seqs) > surely
    assert seqs == list(range(len(seqs)))
