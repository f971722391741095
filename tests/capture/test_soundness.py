"""A picture that is built from one that is damaged or missing is known."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.capture.h264 import Unreadable, counting, frame_num
from stages.capture.nal import Disposable
from stages.capture.packet import VideoPacket
from stages.capture.soundness import LASTING, Soundness
from tests.capture.reading import read, source_of
from tests.servers.film import cards, encode, film

if TYPE_CHECKING:
    from av.video.stream import VideoStream

SIZE, GOP = (160, 96), 10
KINDS = {
    "P pictures": {},
    "B pictures": {"bf": "2", "tune": "stillimage", "b-adapt": "0"},
    "slices": {"x264-params": "slices=3"},
    "scaling lists": {"preset": "fast", "profile": "high", "x264-params": "cqm=jvt"},
}

Packets = Sequence["av.Packet[VideoStream]"]


def coded(options: dict[str, str], count: int = 30) -> Packets:
    return list(encode(cards(SIZE, count), SIZE, 25, {"g": str(GOP), **options}))


def suspects(packets: Packets, lost: Callable[[VideoPacket], bool]) -> list[int]:
    """The pictures, by number, that are suspect when some are lost."""
    soundness = Soundness("h264", None)
    left = [packet for packet in packets if not lost(packet)]
    return sorted(packet.pts or 0 for packet in left if soundness.judge(packet))


def really_damaged(packets: Packets, lost: Callable[[VideoPacket], bool]) -> set[int]:
    """The pictures that come out otherwise than they would."""

    def decoded(some: Packets) -> dict[int, bytes]:
        decoder = av.CodecContext.create("h264", "r")
        data = [(bytes(one), one.pts, one.dts) for one in some]
        frames = []
        for one, pts, dts in data:
            packet = av.Packet(one)
            packet.pts, packet.dts, packet.time_base = pts, dts, Fraction(1, 25)
            frames += decoder.decode(packet)
        frames += decoder.decode(None)
        return {f.pts or 0: np.asarray(f.to_ndarray()).tobytes() for f in frames}

    whole, left = decoded(packets), decoded([one for one in packets if not lost(one)])
    return {pts for pts, pixels in left.items() if whole[pts] != pixels}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_suspect_where_nothing_is_lost(kind: str) -> None:
    assert suspects(coded(KINDS[kind]), lambda _: False) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(3, 27, 5))
def test_every_picture_that_a_loss_damages_is_suspect(kind: str, number: int) -> None:
    packets = coded(KINDS[kind])
    lost = packets[number]
    damaged = really_damaged(packets, lambda one: one is lost)
    assert damaged <= set(suspects(packets, lambda one: one is lost))


def test_what_goes_by_while_nobody_looks_is_not_missing() -> None:
    """Keyframes of an open group are no IDR pictures: their numbers go on over what went by."""
    packets = coded({"bf": "2", "preset": "medium", "x264-params": f"open-gop=1:keyint={GOP}"}, 60)
    keyframe = [number for number, packet in enumerate(packets) if packet.is_keyframe][3]
    soundness = Soundness("h264", None)
    assert not any(soundness.judge(packet) for packet in packets[:5])
    soundness.pause()
    assert not any(soundness.judge(packet) for packet in packets[keyframe:])


def test_a_loss_is_over_with_the_next_keyframe() -> None:
    assert suspects(coded({}), lambda one: one.pts == 12) == list(range(13, 20))


def test_a_picture_that_no_other_is_built_from_may_be_lost() -> None:
    packets, disposable = coded(KINDS["B pictures"]), Disposable("h264", None)
    spare = [packet for packet in packets if disposable(packet)]
    assert len(spare) > 5
    for lost in spare:
        assert suspects(packets, lambda one: one is lost) == []  # noqa: B023


def test_what_could_not_be_decoded_spoils_what_follows_for_a_while() -> None:
    (first, *others) = coded({"g": "2000"}, LASTING + 20)
    soundness = Soundness("h264", None)
    assert not soundness.judge(first)
    soundness.spoil()
    told = [soundness.judge(packet) for packet in others]
    assert told == [True] * (LASTING - 1) + [False] * 20


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for unit in (b"\x67" + data, b"\x41" + data):
        try:
            how = counting(unit)
            frame_num(unit, how)
        except Unreadable:
            continue


@pytest.mark.parametrize("fps", [None, 2, 1])
@pytest.mark.parametrize("gop", ["closed", "open"])
def test_what_is_left_undecoded_on_purpose_is_not_missing(
    tmp_path: Path, gop: str, fps: float | None
) -> None:
    """Keyframes of an open group are no IDR pictures: their numbers go on over what is spared."""
    options = {"bf": "2", "preset": "medium", "tune": "psnr"}
    options |= {"g": "10"} if gop == "closed" else {"x264-params": "open-gop=1:keyint=10"}
    path = tmp_path / "film.mp4"
    path.write_bytes(film(count=150, options=options))
    source = source_of(path, fps)
    frames = read(source)
    assert (source.stats.counts["spared"] > 0) == (fps is not None)
    assert not any(frame.corrupt for frame in frames)
