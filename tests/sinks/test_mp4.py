"""Annotated video, played again."""

import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sinks.annotate import annotated
from sinks.errors import BadSink, SinkLost
from sinks.mp4 import Mp4Options, Mp4Sink
from sinks.sink import Delivery, SinkContext
from stages.picture import Picture
from tests.factory import delivery, detections, frame_of, grey_frame

ROOT = Path(__file__).parents[2]
Played = list[tuple[float, NDArray[np.uint8]]]


async def film(folder: Path, *batches: list[Delivery], **options: object) -> Mp4Sink:
    streams = tuple({d.frame.stream: None for batch in batches for d in batch}) or ("a",)
    sink = Mp4Sink(
        Mp4Options.model_validate({"path": "{stream}.mp4", **options}),
        SinkContext("film", streams, folder),
    )
    await sink.open()
    for batch in batches:
        await sink.write(batch)
    await sink.close()
    return sink


def play(path: Path) -> Played:
    """Each picture with its time in seconds."""
    with av.open(str(path)) as video:
        return [(float(f.time or 0), Picture.from_av(f).bgr) for f in video.decode(video=0)]


def clip(count: int, stream: str = "a", **shape: int) -> list[Delivery]:
    return [
        delivery(
            grey_frame(seq, stream, grey=60 + seq * 3, results={"detect": detections()}, **shape)
        )
        for seq in range(count)
    ]


async def test_each_frame_is_in_the_film_as_it_was_drawn(tmp_path: Path) -> None:
    shown = clip(12, width=640, height=360)
    await film(tmp_path, shown[:5], shown[5:])
    played = play(tmp_path / "a.mp4")
    assert len(played) == 12
    for (_, pixels), (frame, nodes) in zip(
        played, ((d.frame, d.nodes) for d in shown), strict=True
    ):
        wanted = annotated(frame, nodes, (640, 360), caption=True)
        assert pixels.shape == wanted.shape
        assert np.abs(pixels.astype(int) - wanted).mean() < 2
        assert abs(int(pixels[20, 20, 1]) - (60 + frame.seq * 3)) <= 2


async def test_every_frame_has_its_own_time(tmp_path: Path) -> None:
    times = [7.0, 7.04, 7.5, 7.501, 9.25, 60.0]
    frames = [grey_frame(i, pts=pts) for i, pts in enumerate(times)]
    await film(tmp_path, [delivery(frame, "capture") for frame in frames])
    played = [time for time, _ in play(tmp_path / "a.mp4")]
    assert played == pytest.approx([pts - 7.0 for pts in times], abs=1 / 90_000)


async def test_frames_of_one_time_stay_in_their_order(tmp_path: Path) -> None:
    frames = [grey_frame(i, pts=1.0, grey=50 + 40 * i) for i in range(4)]
    await film(tmp_path, [delivery(frame, "capture") for frame in frames], caption=False)
    played = play(tmp_path / "a.mp4")
    assert [round(float(p.mean()) / 10) for _, p in played] == [5, 9, 13, 17]
    assert sorted({time for time, _ in played}) == [time for time, _ in played]


async def test_tiny_pictures_are_enlarged(tmp_path: Path) -> None:
    await film(tmp_path, clip(2, width=176, height=144))
    assert play(tmp_path / "a.mp4")[0][1].shape == (524, 640, 3)


async def test_odd_sizes_become_even(tmp_path: Path) -> None:
    await film(tmp_path, clip(2, width=641, height=361), min_width=2)
    assert play(tmp_path / "a.mp4")[0][1].shape == (360, 640, 3)


async def test_another_resolution_is_fitted_in_with_bars(tmp_path: Path) -> None:
    wide = grey_frame(1, width=640, height=160, grey=200)
    await film(
        tmp_path,
        [delivery(grey_frame(0, width=640, height=480), "capture"), delivery(wide, "capture")],
        caption=False,
    )
    (_, first), (_, second) = play(tmp_path / "a.mp4")
    assert first.shape == second.shape == (480, 640, 3)
    assert second[:150].max() < 20
    assert second[330:].max() < 20
    assert abs(int(second[240].mean()) - 200) <= 3


async def test_streams_have_files_and_threads_of_their_own(tmp_path: Path) -> None:
    sink = await film(tmp_path, clip(3, "a") + clip(4, "b"))
    assert [len(play(tmp_path / f"{name}.mp4")) for name in "ab"] == [3, 4]
    assert sink.address() == str(tmp_path / "{stream}.mp4")
    assert not [t for t in threading.enumerate() if t.name.startswith("mp4-")]


async def test_colours_survive(tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (30, 200, 220)]
    frames = [frame_of(np.full((360, 640, 3), c, np.uint8), i) for i, c in enumerate(colours)]
    await film(tmp_path, [delivery(frame, "capture") for frame in frames], caption=False)
    for (_, pixels), colour in zip(play(tmp_path / "a.mp4"), colours, strict=True):
        assert pixels.reshape(-1, 3).mean(axis=0) == pytest.approx(colour, abs=4)


async def test_the_film_says_what_it_shows_and_when(tmp_path: Path) -> None:
    await film(tmp_path, clip(2, "lobby"))
    with av.open(str(tmp_path / "lobby.mp4")) as video:
        assert video.metadata["title"] == "lobby"
        assert video.metadata["creation_time"] == "2025-06-01T12:00:00.000000Z"


def test_a_film_of_a_killed_process_can_be_played(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sinks.filming", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as camera:
        assert camera.stdout is not None
        written = 0
        while written < 60:
            written = int(camera.stdout.readline())
        camera.kill()
        written += len(camera.stdout.read().split())
    played = play(tmp_path / "a.mp4")
    assert written - 14 <= len(played) <= written + 1  # half a second at 25 fps, and one under way
    assert played[-1][0] == pytest.approx((len(played) - 1) / 25, abs=0.001)


def test_a_full_disk_fails_batches_and_a_further_part_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sinks.filming", str(tmp_path), "1500000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    lost = [line for line in lines if not line.isdecimal()]
    assert lost
    assert all("cannot be written: File too large" in line for line in lost)
    assert lines[-1].isdecimal() or lines[-2].isdecimal()
    films = sorted(tmp_path.glob("a*.mp4"), key=lambda path: path.stat().st_mtime)
    assert {"a.mp4", "a-2.mp4"} <= {path.name for path in films}
    assert all(len(play(path)) >= 5 for path in films[:-1])


async def test_a_disk_that_is_full_from_the_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("/dev/full")
    sink = Mp4Sink(Mp4Options(path="a.mp4"), SinkContext("film", ("a",), tmp_path))
    await sink.open()
    for _ in range(2):
        with pytest.raises(SinkLost, match="No space left on device"):
            await sink.write(clip(1))
    (tmp_path / "a.mp4").unlink()
    await sink.write(clip(2))
    await sink.close()
    assert len(play(tmp_path / "a.mp4")) == 2


async def test_two_streams_do_not_share_a_file(tmp_path: Path) -> None:
    sink = Mp4Sink(Mp4Options(path="film.mp4"), SinkContext("film", ("a", "b"), tmp_path))
    with pytest.raises(BadSink, match=r"wanted \{stream\} in it, since there are 2 streams"):
        await sink.open()


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(BadSink, match="wanted a file to write, got a folder"):
        await film(tmp_path, [])


async def test_nothing_to_film_is_no_film(tmp_path: Path) -> None:
    await film(tmp_path)
    assert not (tmp_path / "a.mp4").exists()
