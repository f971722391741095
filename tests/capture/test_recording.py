"""Recordings as sources: the same pictures again, under the clocks of the time they were taken."""

import asyncio
import json
from fractions import Fraction
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from stages.capture import make_source
from stages.capture.options import CaptureOptions
from stages.errors import BadOptions
from stages.lane import Lane, Packet
from stages.source import Demand
from tests.capture.listener import Listener
from tests.sinks.record.clips import Recording, clip, later

NTSC = Fraction(1001, 24_000)


async def record(folder: Path, stream: str = "a") -> tuple[Path, list[Packet]]:
    """Two connections in six files, with B-frames, an hour into the stream."""
    packets = later(clip(60, 12, b_frames=2, step=NTSC), 3600.123)
    packets += later(packets, 60)
    async with Recording(folder, segment_s=1, stream=stream) as recording:
        recording.push(packets)
    assert len(recording.files()) == 6
    return recording.folder / "a", packets


def source_of(path: Path) -> CaptureOptions:
    return CaptureOptions(source=f"recording://{path}")


async def test_pictures_have_their_old_clocks(tmp_path: Path) -> None:
    folder, packets = await record(tmp_path)
    frames = list(make_source("again", source_of(folder), Demand()).frames())
    shown = sorted(packets, key=lambda packet: packet.pts)
    assert [one.pts for one in frames] == [one.pts for one in shown]
    assert [one.captured_at for one in frames] == [one.captured_at for one in shown]
    assert [one.seq for one in frames] == list(range(120))
    assert {one.stream for one in frames} == {"again"}


async def test_packets_have_them_too(tmp_path: Path) -> None:
    folder, packets = await record(tmp_path)
    lane, heard = Lane(), Listener()
    lane.attach(heard)
    assert list(make_source("again", source_of(folder), Demand(fps=0), lane=lane).frames()) == []
    assert [one.pts for one in heard.packets] == [one.pts for one in packets]
    assert [one.captured_at for one in heard.packets] == [one.captured_at for one in packets]
    assert [one.keyframe for one in heard.packets] == [one.keyframe for one in packets]


async def test_one_file_of_it_will_do(tmp_path: Path) -> None:
    folder, packets = await record(tmp_path)
    second = sorted(folder.rglob("*.mp4"))[1]
    frames = list(make_source("again", source_of(second), Demand()).frames())
    assert frames[0].pts == next(one.pts for one in packets if one.pts > 3601 and one.keyframe)


def test_a_config_runs_over_it(tmp_path: Path) -> None:
    folder, packets = asyncio.run(record(tmp_path))
    config = tmp_path / "config.yaml"
    config.write_text(
        "streams: { door: { source: testcard } }\n"
        "sinks: { lines: { sink: jsonl, from: capture, path: said.jsonl } }\n"
        "http: { listen: null }\n"
    )
    done = CliRunner().invoke(app, ["replay", str(folder), str(config), "--log-level", "error"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert [one["pts"] for one in lines] == sorted(round(one.pts, 6) for one in packets)
    at = "%Y-%m-%dT%H:%M:%S.%fZ"
    assert [one["captured_at"] for one in lines] == sorted(
        one.captured_at.strftime(at) for one in packets
    )


async def test_two_streams_are_not_one(tmp_path: Path) -> None:
    folder, _ = await record(tmp_path)
    (folder.parent / "b").mkdir()
    (day,) = folder.iterdir()
    day.rename(folder.parent / "b" / day.name)
    async with Recording(tmp_path) as recording:
        recording.push(clip(25))
    with pytest.raises(BadOptions, match="wanted the recordings of one stream, got those of a, b"):
        make_source("again", source_of(folder.parent), Demand())


def test_a_recording_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match="wanted a recording, got nothing at"):
        make_source("again", source_of(tmp_path / "none"), Demand())
    with pytest.raises(BadOptions, match="wanted a recording, or a folder of them, got none in"):
        make_source("again", source_of(tmp_path), Demand())
    config = tmp_path / "config.yaml"
    config.write_text("streams: { a: testcard }\nsinks: { none: { sink: 'null', from: capture } }")
    done = CliRunner().invoke(app, ["replay", str(tmp_path / "none"), str(config)])
    assert done.exit_code == 2


def test_a_config_of_two_streams_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "streams: { a: testcard, b: testcard }\nsinks: { none: { sink: 'null', from: capture } }"
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.mp4").touch()
    done = CliRunner().invoke(app, ["replay", str(tmp_path / "a"), str(config)])
    assert done.exit_code == 2
    assert "wanted a config with one stream, got a, b" in done.output
