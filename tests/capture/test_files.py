"""Files, folders and the test card; and what is wrong with them on purpose."""

import itertools
import re
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.capture.folder import measure
from stages.capture.testcard import Card, read_counter
from stages.errors import BadFile, BadOptions, SourceError, SourceRefused
from stages.faces.gallery import read_picture
from stages.picture import Picture, Wanted
from tests.capture.reading import counters, read, source_of
from tests.servers.film import film


def save(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_file_is_read_whole_as_fast_as_it_goes(tmp_path: Path) -> None:
    source = source_of(save(tmp_path, "a.mp4", film(count=50)))
    began = time.monotonic()
    frames = read(source)
    assert counters(frames) == list(range(50))
    assert [frame.pts for frame in frames] == pytest.approx([n / 25 for n in range(50)])
    assert time.monotonic() - began < 2.0  # it shows for 2 s
    assert not source.live


def test_at_its_own_pace_a_file_takes_as_long_as_it_shows(tmp_path: Path) -> None:
    source = source_of(save(tmp_path, "a.mp4", film(count=26)), pace="realtime")
    began = time.monotonic()
    read(source)
    assert time.monotonic() - began >= 1.0
    assert source.live


def test_a_loop_goes_on_in_number_and_time(tmp_path: Path) -> None:
    path = save(tmp_path, "a.mp4", film(count=10))
    frames = read(source_of(path, loop=True, pace="fast"), 25)
    assert counters(frames) == [n % 10 for n in range(25)]
    assert [frame.seq for frame in frames] == list(range(25))
    assert [frame.pts for frame in frames] == pytest.approx([n / 25 for n in range(25)])


def test_the_colour_tags_of_the_stream_reach_the_picture(tmp_path: Path) -> None:
    (frame,) = read(source_of(save(tmp_path, "a.mp4", film())), 1)
    assert (frame.picture.colour.matrix, frame.picture.colour.full) == (1, False)


@pytest.mark.parametrize(
    ("codec", "options", "fps", "most"),
    [
        ("mjpeg", {}, 5, 11),  # every picture stands alone: one in five is decoded
        ("libx264", {"g": "5"}, 5, 26),  # a keyframe for each wanted picture, once that is known
        ("libx264", {"bf": "2", "tune": "stillimage", "b-adapt": "0", "g": "50"}, 5, 38),
    ],
)
def test_what_nobody_looks_at_is_not_decoded(
    tmp_path: Path, codec: str, options: dict[str, str], fps: float, most: int
) -> None:
    data = film(count=50, codec=codec, options=options, container="matroska")
    source = source_of(save(tmp_path, "a.mkv", data), fps=fps)
    frames = read(source)
    told = source.stats.counts
    assert told["decoded"] <= most
    assert told["decoded"] + told["spared"] == 50
    wanted = [n for n in range(50) if n % 5 == 0]
    assert {n for n in counters(frames) if n is not None} >= set(wanted[:-1])
    assert [frame.seq for frame in frames] == counters(frames), "what was spared has a number too"


B_PICTURES = {"bf": "3", "tune": "stillimage", "b-adapt": "0", "g": "50", "b-pyramid": "normal"}


@pytest.mark.parametrize(
    ("codec", "options", "most"),
    [
        ("mjpeg", {}, 13),  # every picture stands alone: one in four is decoded
        ("libx264", B_PICTURES, 40),  # the outer two of each three between references
        ("libx264", {"tune": "zerolatency"}, 50),  # each is built from the one before
    ],
)
@pytest.mark.parametrize("on_corrupt", ["mark", "drop"])
def test_of_every_nth_picture_none_is_missing_and_each_has_its_own_number_and_time(
    tmp_path: Path, codec: str, options: dict[str, str], most: int, on_corrupt: str
) -> None:
    data = film(count=50, codec=codec, options=options, container="matroska")
    path = save(tmp_path, "a.mkv", data)
    for every in (2, 3, 4, 5, 7):
        source = source_of(path, every=every, on_corrupt=on_corrupt)
        frames = read(source)
        told = source.stats.counts
        assert told["decoded"] + told["spared"] == 50
        assert [frame.seq for frame in frames] == counters(frames)
        assert {frame.seq for frame in frames} >= set(range(0, 50, every))
        assert [f.pts for f in frames] == pytest.approx([f.seq / 25 for f in frames], abs=1e-3)
        if every == 4:
            assert told["decoded"] <= most


def test_of_every_nth_picture_of_a_loop_none_is_missing(tmp_path: Path) -> None:
    data = film(count=10, codec="mjpeg", container="matroska")
    frames = read(source_of(save(tmp_path, "a.mkv", data), every=4, loop=True, pace="fast"), 6)
    assert [frame.seq for frame in frames] == [0, 4, 8, 12, 16, 20]
    assert counters(frames) == [n % 10 for n in (0, 4, 8, 12, 16, 20)]


def test_every_nth_picture_of_a_stream_with_damage_is_still_an_nth(tmp_path: Path) -> None:
    data = bytearray(film(count=60, codec="mjpeg", container="avi"))
    starts = [found.start() for found in re.finditer(b"\xff\xd8\xff", data)]
    chunk = 8  # bytes of the next one's head, between two pictures
    for start, end in ((starts[4], starts[5]), (starts[13], starts[14])):
        data[start : end - chunk] = bytes(end - chunk - start)  # gives no picture, and no number
    source = source_of(save(tmp_path, "a.avi", bytes(data)), every=4)
    frames = read(source)
    assert source.stats.counts["bad_packets"] == 2
    assert [frame.seq for frame in frames] == list(range(0, 58, 4))


def test_a_card_that_is_looked_at_every_nth_time_is_drawn_as_often() -> None:
    source = source_of("testcard", every=10, pace="fast")
    frames = read(source, 5)
    assert [frame.seq for frame in frames] == [0, 10, 20, 30, 40] == counters(frames)
    assert source.stats.counts["decoded"] == 5


def test_a_picture_over_the_limit_is_counted_and_not_allocated(tmp_path: Path) -> None:
    path = save(tmp_path, "a.mp4", film(size=(640, 480), count=5))
    with pytest.raises(SourceRefused, match="wanted at most 320x240"):
        read(source_of(path, max_width=320, max_height=240))


def test_a_stream_that_changes_its_size_goes_on(tmp_path: Path) -> None:
    both = film(count=5, container="h264") + film(size=(320, 240), count=5, container="h264")
    source = source_of(save(tmp_path, "a.h264", both))
    sizes = [frame.picture.size for frame in read(source)]
    assert set(sizes) == {(160, 96), (320, 240)}
    assert source.stats.counts["resized"] == 1


@pytest.mark.parametrize("data", [b"", b"no video at all" * 100])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadFile):
        read(source_of(save(tmp_path, "a.mp4", data)))


@pytest.mark.parametrize("where", ["/nowhere/a.mp4", "gopher://host/x"])
def test_what_cannot_be_is_told_before_anything_is_opened(where: str) -> None:
    with pytest.raises(BadOptions):
        source_of(where)


FILM = film(count=12, container="mpegts")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.integers(0, 8 * len(FILM) - 1), max_size=60),
    end=st.integers(0, len(FILM)),
)
def test_a_damaged_file_gives_frames_or_a_source_error(
    tmp_path: Path, flips: list[int], end: int
) -> None:
    data = bytearray(FILM)
    for bit in flips:
        data[bit // 8] ^= 1 << bit % 8
    path = save(tmp_path, "damaged.ts", bytes(data[:end]))
    try:
        frames = read(source_of(path), 100)
    except SourceError:
        return
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))
    assert all(frame.picture.pixels(Wanted(8, 8)).shape == (8, 8, 3) for frame in frames)


def test_a_folder_comes_in_the_order_that_a_person_expects(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((32, 32, 3), number * 20, np.uint8))
    (tmp_path / "3.png").write_bytes(b"not a picture")
    source = source_of(tmp_path)
    assert [int(frame.picture.bgr[0, 0, 0]) for frame in read(source)] == [20, 40, 200]


@pytest.mark.parametrize("side", [12_000, 32_000])
def test_what_is_larger_than_wanted_is_told_by_its_head(tmp_path: Path, side: int) -> None:
    """Of one beyond FFmpeg's own limit it says 0x0: 3 MB of PNG became 3 GB, and a picture."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = b"IDAT" + zlib.compress(bytes(1 + 3 * side))
    file = save(tmp_path, "huge.png", b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (head, rows, b"IEND")
    ))  # fmt: skip
    assert measure(file, 10**6) in (None, (side, side))
    assert read_picture(file) is None
    cv2.imwrite(str(tmp_path / "small.png"), np.full((32, 32, 3), 20, np.uint8))
    assert len(read(source_of(tmp_path))) == 1


def test_the_test_card_counts_and_can_be_read_at_any_size() -> None:
    frames = read(source_of("testcard", size="320x240", pace="fast"), 40)
    assert counters(frames) == list(range(40))
    small = Picture.from_bgr(frames[37].picture.pixels(Wanted(160, 120, order="bgr")))
    assert read_counter(small) == 37


def test_a_picture_that_is_no_test_card_has_no_number() -> None:
    assert read_counter(Picture.from_bgr(np.full((240, 320, 3), 90, np.uint8))) is None
    assert read_counter(Card(320, 240).draw(2**24 - 1)) == 2**24 - 1
