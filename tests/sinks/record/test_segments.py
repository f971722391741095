"""Packets into files: every one of them, at its own time, from keyframe to keyframe."""

import json
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest

from sinks.errors import BadSink
from sinks.record import RecordOptions, RecordSink
from sinks.record.index import search
from sinks.sink import Delivery
from stages.capture.times import read_times
from stages.events import Event
from stages.lane import Coding
from tests.factory import BEGAN, detections
from tests.sinks.record.clips import Recording, clip, count_pictures, later, read, said

NTSC = Fraction(1001, 24_000)


@pytest.mark.parametrize(
    ("codec", "b_frames", "step"),
    [
        ("libx264", 0, Fraction(1, 25)),
        ("libx264", 2, NTSC),
        ("libx265", 2, Fraction(1001, 30_000)),
        ("mjpeg", 0, Fraction(1, 15)),
        ("libvpx-vp9", 0, Fraction(1, 25)),
        ("libsvtav1", 0, Fraction(1, 25)),
        ("mpeg2video", 0, Fraction(1, 25)),
    ],
)
async def test_every_packet_is_there_at_its_own_time(
    tmp_path: Path, codec: str, b_frames: int, step: Fraction
) -> None:
    if codec not in av.codec.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    packets = clip(60, 15, codec, b_frames=b_frames, step=step)
    async with Recording(tmp_path) as recording:
        recording.push(packets)
    (path,) = recording.files()
    got = read(path)
    assert len(got) == len(packets)
    assert [float(pts) for pts, *_ in got] == [one.pts for one in packets]
    assert [keyframe for *_, keyframe in got] == [one.keyframe for one in packets]
    assert count_pictures(path) == 60
    times = read_times(path.with_suffix(".times"))
    assert [(t.pts, t.captured_at) for t in times] == [(p.pts, p.captured_at) for p in packets]


async def test_nothing_is_encoded_that_can_be_kept_as_it_came(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip())
        assert not recording.lane.pictures
    (path,) = recording.files()
    with av.open(str(path)) as file:
        codec = file.streams.video[0].codec_context
        stored = b"".join(bytes(one) for one in file.demux(video=0))
    # In mp4, units have their length before them in place of a start code.
    for packet in clip():
        assert packet.data[-200:] in stored
    assert codec.name == "h264"


async def test_files_are_cut_at_keyframes_by_time(tmp_path: Path) -> None:
    packets = clip(200, 20)
    async with Recording(tmp_path, segment_s=2) as recording:
        recording.push(packets)
    paths = recording.files()
    assert [len(read(path)) for path in paths] == [60, 60, 60, 20]
    assert all(read(path)[0][3] for path in paths)
    assert all(count_pictures(path) == len(read(path)) for path in paths)
    found = search(recording.folder, ["a"], None, None)
    starts = [BEGAN + timedelta(seconds=s) for s in (0, 2.4, 4.8, 7.2)]
    assert [one.start for one, _ in found] == starts
    assert [one.end for one, _ in found] == [*starts[1:], BEGAN + timedelta(seconds=8)]
    assert [one.bytes > 0 for one, _ in found] == [True] * 4


async def test_files_are_cut_at_keyframes_by_size(tmp_path: Path) -> None:
    packets = clip(200, 10, noise=120)
    async with Recording(tmp_path, segment_mb=0.1) as recording:
        recording.push(packets)
    paths = recording.files()
    group = max(sum(len(p.data) for p in packets[at : at + 10]) for at in range(0, 200, 10))
    assert len(paths) > 3
    # A fragment of half a second is still with the muxer when it is asked.
    assert all(path.stat().st_size < 100_000 + 3 * group for path in paths)
    assert sum(len(read(path)) for path in paths) == 200


async def test_another_coding_and_a_break_each_begin_a_file(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(50))
        recording.push(later(clip(50, codec="libx265"), 2.0))
        recording.push(later(clip(50, codec="libx265"), 60.0))
    assert [len(read(path)) for path in recording.files()] == [50, 50, 50]
    found = [one for one, _ in search(recording.folder, ["a"], None, None)]
    assert [one.codec for one in found] == ["h264", "hevc", "hevc"]
    assert [one.pts for one in found] == [0.0, 2.0, 60.0]


async def test_what_an_mp4_cannot_hold_is_encoded(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.lane.open(Coding("vp8", (64, 48)))
        for number in range(10):
            recording.lane.show(said(number, {}))
    (path,) = recording.files()
    assert [float(pts) for pts, *_ in read(path)] == [number / 25 for number in range(10)]


async def test_results_lie_beside_the_video_as_lines_and_as_cues(tmp_path: Path) -> None:
    async with Recording(tmp_path, segment_s=1) as recording:
        frames = [said(number, {"detect": detections()}) for number in range(50)]
        await recording.sink.write([Delivery(one, ("capture", "detect")) for one in frames[:10]])
        recording.push(clip(50))
        await recording.sink.write([Delivery(one, ("capture", "detect")) for one in frames[10:]])
    first, second = recording.files(".jsonl")
    assert [json.loads(line)["seq"] for line in first.read_text().splitlines()] == list(range(25))
    lines = [json.loads(line) for line in second.read_text().splitlines()]
    assert [one["seq"] for one in lines] == list(range(25, 50))
    assert {one["node"] for one in lines} == {"detect"}
    cues = second.with_suffix(".vtt").read_text().split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[1].startswith('00:00:00.000 --> 00:00:00.040\n{"node":"detect","seq":25')
    assert cues[25].startswith("00:00:00.960 --> ")


async def test_what_is_burned_in_comes_from_the_graph(tmp_path: Path) -> None:
    assert RecordSink.mode_for(RecordOptions(burn=True), guarded=False) == "frame"
    async with Recording(tmp_path, burn=True) as recording:
        recording.push(clip(30))
        frames = [said(number, {"detect": detections()}) for number in range(10)]
        await recording.sink.write([Delivery(one, ("capture", "detect")) for one in frames])
    (path,) = recording.files()
    assert count_pictures(path) == 10


async def test_a_folder_belongs_to_one_sink(tmp_path: Path) -> None:
    async with Recording(tmp_path):
        with pytest.raises(BadSink, match="wanted a folder of its own, got one that is recorded"):
            await Recording(tmp_path).sink.open()


async def test_nothing_came_and_nothing_is_left(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        pass
    assert recording.files() == []


async def test_a_stream_that_is_paused_goes_on_at_the_next_keyframe(tmp_path: Path) -> None:
    packets = clip(100, 25)
    async with Recording(tmp_path) as recording:
        recording.push(packets[:30])
        await recording.sink.announce(Event("control.pause", "other"))
        for packet in packets[30:40]:
            recording.lane.push(packet)
        await recording.sink.announce(Event("control.pause", "a"))
        for packet in packets[40:60]:
            recording.lane.push(packet)
        await recording.sink.announce(Event("control.record", "a"))
        for packet in packets[60:]:
            recording.lane.push(packet)
    times = [[float(pts) for pts, *_ in read(path)] for path in recording.files()]
    assert [len(one) for one in times] == [40, 25]
    assert [one.pts for one, _ in search(recording.folder, ["a"], None, None)] == [0.0, 3.0]
