"""Recording around events: seconds before, seconds after, from keyframe to keyframe."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from sinks.errors import BadSink
from sinks.record.index import Index, search
from sinks.record.mend import mend
from sinks.sink import Delivery
from tests.factory import BEGAN, detections, nothing
from tests.sinks.record.clips import Recording, clip, count_pictures, later, read, said

WHEN = "detect.person > 0"


async def tell(recording: Recording, numbers: Iterable[int]) -> None:
    """A person was seen in these pictures, and nobody in the one after the last of them."""
    for number in numbers:
        frame = said(number, {"detect": detections()})
        await recording.sink.write([Delivery(frame, ("detect",))])
    frame = said(max(numbers) + 1, {"detect": nothing()})
    await recording.sink.write([Delivery(frame, ("detect",))])


def starts(recording: Recording) -> list[float]:
    found = search(recording.folder, ["a"], None, None)
    return [one.pts for one, _ in found]


async def test_what_is_around_an_event_is_recorded(tmp_path: Path) -> None:
    packets = clip(500, 25)  # 20 s, a keyframe each second
    async with Recording(tmp_path, when=WHEN, mode="events", pre_s=2, post_s=3) as recording:
        recording.push(packets[:255])
        await tell(recording, range(250, 255))  # 10 s to 10.16 s
        for packet in packets[255:]:
            recording.lane.push(packet)
    (path,) = recording.files()
    pts = [float(one) for one, *_ in read(path)]
    assert pts == [number / 25 for number in range(150)]  # to the keyframe after 13.16 s
    assert count_pictures(path) == 150
    ((segment, (event,)),) = search(recording.folder, ["a"], None, None)
    assert (segment.pts, segment.end_pts) == (8.0, pytest.approx(14.0))
    assert (event.pts, event.end_pts) == (10.0, 10.16)
    assert event.start == BEGAN + timedelta(seconds=10)
    assert [one.name for one in recording.events] == ["recording.event"]
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [one["seq"] for one in lines if "seq" in one] == list(range(250, 256))


async def test_without_an_event_nothing_is_written(tmp_path: Path) -> None:
    async with Recording(tmp_path, when=WHEN, mode="events") as recording:
        recording.push(clip(500, 25))
        await recording.sink.write([Delivery(said(100, {"detect": nothing()}), ("detect",))])
    assert recording.files() == []


async def test_what_was_said_before_an_event_is_kept_with_it(tmp_path: Path) -> None:
    packets = clip(500, 25)
    async with Recording(tmp_path, when=WHEN, mode="events", pre_s=2, post_s=1) as recording:
        recording.push(packets[:250])
        before = [Delivery(said(n, {"detect": nothing()}), ("detect",)) for n in range(150, 250)]
        await recording.sink.write(before)
        await tell(recording, [250])
        for packet in packets[250:]:
            recording.lane.push(packet)
    (path,) = recording.files(".jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["seq"] for one in lines if "seq" in one] == list(range(200, 252))


async def test_an_event_that_comes_back_in_time_goes_on(tmp_path: Path) -> None:
    packets = clip(500, 25)
    async with Recording(tmp_path, when=WHEN, mode="events", pre_s=0, post_s=3) as recording:
        recording.push(packets[:251])
        await tell(recording, [250])
        for packet in packets[251:302]:
            recording.lane.push(packet)
        await tell(recording, [300])
        for packet in packets[302:]:
            recording.lane.push(packet)
    ((segment, (event,)),) = search(recording.folder, ["a"], None, None)
    assert (event.pts, event.end_pts) == (10.0, 12.0)
    assert (segment.pts, segment.end_pts) == (10.0, 16.0)


async def test_two_events_share_no_packet(tmp_path: Path) -> None:
    packets = clip(500, 25)
    async with Recording(tmp_path, when=WHEN, mode="events", pre_s=5, post_s=1) as recording:
        recording.push(packets[:151])
        await tell(recording, [150])
        for packet in packets[151:301]:
            recording.lane.push(packet)
        await tell(recording, [300])
        for packet in packets[301:]:
            recording.lane.push(packet)
    found = search(recording.folder, ["a"], None, None)
    assert [(one.pts, one.end_pts) for one, _ in found] == [
        *((1.0, 8.0), (8.0, pytest.approx(14.0))),
    ]
    assert [len(events) for _, events in found] == [1, 1]


async def test_both_records_everything_and_marks_the_events(tmp_path: Path) -> None:
    packets = clip(500, 25)
    async with Recording(tmp_path, when=WHEN, mode="both", segment_s=5, post_s=1) as recording:
        recording.push(packets[:260])
        await tell(recording, range(250, 260))
        for packet in packets[260:]:
            recording.lane.push(packet)
    found = search(recording.folder, ["a"], None, None)
    assert [(one.pts, len(events)) for one, events in found] == [
        *((0.0, 0), (5.0, 0), (10.0, 1), (15.0, 0)),
    ]


async def test_a_break_empties_what_was_kept_from_before_it(tmp_path: Path) -> None:
    packets = clip(100, 25)
    async with Recording(tmp_path, when=WHEN, mode="events", pre_s=60, post_s=1) as recording:
        recording.push(packets)
        recording.push(later(packets, 30))
        await tell(recording, [800])
    assert starts(recording) == [30.0]


async def test_an_event_needs_a_condition(tmp_path: Path) -> None:
    with pytest.raises(BadSink, match="mode events: wanted `when`, which says what an event is"):
        await Recording(tmp_path, mode="events").sink.open()


async def test_the_index_is_made_anew_from_the_files(tmp_path: Path) -> None:
    packets = clip(500, 25)
    async with Recording(tmp_path, when=WHEN, mode="both", segment_s=5, post_s=1) as recording:
        recording.push(packets[:260])
        await tell(recording, range(250, 260))
        for packet in packets[260:]:
            recording.lane.push(packet)
    before = search(recording.folder, ["a"], None, None)
    for file in recording.folder.glob("index.sqlite3*"):
        file.unlink()
    index = Index(recording.folder)
    mend(recording.folder, index)
    index.close()
    after = search(recording.folder, ["a"], None, None)
    assert [one for one, _ in after] == [one for one, _ in before]
    assert [events for _, events in after] == [events for _, events in before]


async def test_an_index_that_is_none_is_put_aside(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(50))
    (recording.folder / "index.sqlite3").write_bytes(b"no database at all, but long enough " * 9)
    async with Recording(tmp_path) as again:
        again.push(later(clip(50), 100))
    assert starts(again) == [0.0, 100.0]
    assert (recording.folder / "index.sqlite3.broken").exists()
