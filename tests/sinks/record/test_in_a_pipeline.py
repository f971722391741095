"""The recorder at work in whole pipelines."""

import json
from pathlib import Path

import av
import pytest

from pipeline.config import ConfigError, load_config
from stages.capture.testcard import read_counter
from stages.picture import Picture
from tests.pipeline.running import run, total
from tests.sinks.record.clips import clip, count_pictures, read

RECORD = "sink: record, path: recordings, least_free_mb: 0"


def film(folder: Path, packets: int = 100) -> Path:
    """A file with a clip in it."""
    path = folder / "film.ts"
    with av.open(str(path), "w", format="mpegts") as file:
        video = file.add_mux_stream("h264", width=160, height=96)
        for one in clip(packets):
            packet = av.Packet(one.data)
            packet.stream, packet.is_keyframe = video, one.keyframe
            packet.pts, packet.dts = round(one.pts * 90_000), round(one.dts * 90_000)
            file.mux(packet)
    return path


def recorded(folder: Path, suffix: str = ".mp4") -> list[Path]:
    """The files of all segments."""
    return sorted(folder.glob(f"recordings/a/*/*{suffix}"))


async def test_what_is_only_recorded_is_not_decoded(tmp_path: Path) -> None:
    film(tmp_path)
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: film.ts }}
        sinks: {{ record: {{ {RECORD}, from: capture }} }}
        http: {{ listen: null }}
        """,
    )
    (path,) = recorded(tmp_path)
    assert len(read(path)) == 100
    assert pipeline.parts.sources["a"].stats.counts["decoded"] == 0


async def test_a_condition_marks_and_keeps_nothing_out(tmp_path: Path) -> None:
    film(tmp_path)
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: film.ts }}
        graph: {{ motion: {{ stage: motion, threshold: 0 }} }}
        sinks:
          record: {{ {RECORD}, from: [capture, motion], mode: both, when: motion.share > 9 }}
        http: {{ listen: null }}
        """,
    )
    assert total(pipeline, "record").done == total(pipeline, "motion").done > 0
    (lines,) = recorded(tmp_path, ".jsonl")
    assert {json.loads(line)["node"] for line in lines.read_text().splitlines()} == {"motion"}


GUARDED = f"""
    streams: {{ a: {{ source: testcard, size: 320x192, fps: 25 }} }}
    graph:
      motion: {{ stage: motion, threshold: 0 }}
      privacy: {{ stage: privacy, from: motion }}
    sinks: {{ record: {{ {RECORD}, from: FROM }} }}
    http: {{ listen: null }}
    """


async def test_a_guarded_stream_is_recorded_only_as_its_guard_left_it(tmp_path: Path) -> None:
    # Motion gives no boxes, so that privacy hides all.
    await run(tmp_path, GUARDED.replace("FROM", "[capture, privacy]"), seconds=1.5)
    (path,) = recorded(tmp_path)
    assert count_pictures(path) > 5
    with av.open(str(path)) as file:
        pictures = [Picture.from_av(frame) for frame in file.decode(video=0)]
    counters = {read_counter(picture) for picture in pictures}
    assert not counters & set(range(1, 200))


async def test_a_guard_cannot_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GUARDED.replace("FROM", "capture"))
    with pytest.raises(ConfigError, match="wanted 'privacy' among them"):
        load_config(path)


async def test_a_file_that_is_read_fast_waits_for_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "film.ts"
    film(tmp_path, 500)
    path.write_bytes(path.read_bytes() * 40)
    await run(
        tmp_path,
        f"""
        streams: {{ a: film.ts }}
        sinks: {{ record: {{ {RECORD}, from: capture }} }}
        http: {{ listen: null }}
        """,
    )
    assert sum(len(read(one)) for one in recorded(tmp_path)) == 20_000
