"""The packet lane: packets as they came, at the times of their pictures."""

from itertools import pairwise
from pathlib import Path

import pytest

from stages.capture import CaptureOptions, make_source
from stages.capture.testcard import read_counter
from stages.lane import Lane
from stages.source import Demand
from tests.capture.listener import Listener, decoded
from tests.capture.reading import read
from tests.servers.film import film
from tests.servers.process import ServerProcess

ALL, NONE = Demand(), Demand(fps=0)
B_FRAMES = {"bf": "2", "preset": "medium", "tune": "psnr"}


def heard(
    where: str | Path, demand: Demand, count: int | None = None, *, pictures: bool = False
) -> Listener:
    """What a tap hears of a source; `count` frames of it are read, or all."""
    lane, tap = Lane(), Listener(pictures)
    lane.attach(tap)
    options = CaptureOptions.model_validate({"source": str(where)})
    read(make_source("a", options, demand, lane=lane), count)
    return tap


def a_film(folder: Path, **keys: object) -> Path:
    path = folder / f"film.{keys.get('container', 'mp4')}"
    path.write_bytes(film(**keys))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("options", [None, B_FRAMES])
def test_each_packet_has_the_time_of_its_picture(
    tmp_path: Path, container: str, codec: str, options: dict[str, str] | None
) -> None:
    path = a_film(tmp_path, container=container, codec=codec, options=options)
    tap = heard(path, ALL)
    assert len(tap.packets) == 25
    assert sorted(p.pts for p in tap.packets) == [frame.pts for frame in tap.frames]
    assert all(p.dts <= p.pts for p in tap.packets)
    times = [p.dts for p in tap.packets]
    assert times == sorted(set(times))


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_decoder_that_knows_nothing_of_the_container_can_begin_at_any_keyframe(
    tmp_path: Path, container: str, codec: str
) -> None:
    path = a_film(tmp_path, container=container, codec=codec, options={"g": "10"})
    packets = heard(path, ALL).packets
    keyframes = [i for i, p in enumerate(packets) if p.keyframe]
    assert len(keyframes) >= 2
    for first in keyframes:
        assert [read_counter(p) for p in decoded(packets[first:])] == [*range(first, 25)]


def test_b_frames_are_told(tmp_path: Path) -> None:
    with_them = heard(a_film(tmp_path, options=B_FRAMES), ALL)
    assert with_them.codings[-1] is not None
    assert with_them.codings[-1].reorders
    without = heard(a_film(tmp_path), ALL)
    assert [coding and coding.reorders for coding in without.codings] == [False]


@pytest.mark.parametrize("options", [None, B_FRAMES])
def test_nothing_is_decoded_where_only_packets_are_wanted(
    tmp_path: Path, options: dict[str, str] | None
) -> None:
    path = a_film(tmp_path, options=options)
    tap = heard(path, NONE)
    assert not tap.frames
    assert len(tap.packets) == 25
    gaps = sorted(p.pts for p in tap.packets)
    assert [b - a for a, b in pairwise(gaps)] == pytest.approx([0.04] * 24)


def test_who_needs_pictures_gets_them_from_the_next_keyframe_on(tmp_path: Path) -> None:
    class Late(Listener):
        @property
        def pictures(self) -> bool:  # type: ignore[override]
            return len(self.packets) >= 3

        @pictures.setter
        def pictures(self, _: bool) -> None:
            pass

    lane, tap = Lane(), Late()
    lane.attach(tap)
    path = a_film(tmp_path, options={"g": "10"})
    options = CaptureOptions.model_validate({"source": str(path)})
    read(make_source("a", options, NONE, lane=lane))
    assert [read_counter(frame.picture) for frame in tap.frames] == [*range(10, 25)]
    assert [frame.pts for frame in tap.frames] == [p.pts for p in tap.packets[10:]]
    assert [frame.seq for frame in tap.frames] == [*range(10, 25)]


def test_a_test_card_has_pictures_only_and_makes_them_while_they_are_wanted() -> None:
    watched = heard("testcard", ALL, 3)
    assert watched.codings == [None]
    assert len(watched.frames) == 3
    lane, tap = Lane(), Listener(pictures=True)
    lane.attach(tap)
    options = CaptureOptions.model_validate({"source": "testcard", "pace": "fast"})
    read(make_source("a", options, NONE, lane=lane), 3)
    assert len(tap.frames) == 3


def test_rtsp_packets_carry_their_parameter_sets_and_the_times_of_their_pictures() -> None:
    with ServerProcess("tests.servers.rtsp") as server:
        tap = heard(server.urls["card"], ALL, 30)
    assert [p.pts for p in tap.packets] == [frame.pts for frame in tap.frames][: len(tap.packets)]
    assert [read_counter(p) for p in decoded(tap.packets)] == [
        read_counter(frame.picture) for frame in tap.frames[: len(tap.packets)]
    ]
