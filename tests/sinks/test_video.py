"""A stream as coded video: passed through or encoded once, from a keyframe on for each reader."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from models.results import Veil
from sinks.sink import Delivery
from sinks.video import Encoding, Video
from stages.capture.testcard import Card, read_counter
from stages.frame import Frame
from stages.lane import Coding, Lane, Packet
from stages.picture import Wanted
from tests.capture.listener import decoded
from tests.factory import detections, grey_frame
from tests.servers.film import cards, encode

H264 = Coding("h264", (160, 96), b"")
CARD = Card(160, 96)


def no_reordering(coding: Coding) -> str | None:
    if coding.codec != "h264":
        return f"the source sends {coding.codec}"
    return "B-frames" if coding.reorders else None


def packet(number: int, *, keyframe: bool = False) -> Packet:
    now = datetime.now(UTC)
    pts = number / 25
    return Packet("a", bytes([number]), pts, pts, keyframe, pts, now, H264)


def card_frame(number: int) -> Frame:
    return Frame("a", number, number / 25, datetime.now(UTC), 0.0, 0.0, CARD.draw(number))


class Read:
    """A reader that keeps what it gets and can be waited for."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._more = threading.Condition()

    def __call__(self, packet: Packet) -> None:
        with self._more:
            self.packets.append(packet)
            self._more.notify_all()

    def wait(self, count: int) -> list[Packet]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.packets) >= count, 10)
            return list(self.packets)

    @property
    def numbers(self) -> list[int]:
        return [one.data[0] for one in self.packets]


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
def video(lane: Lane) -> Iterator[Video]:
    made = Video("a", lane, Encoding(), no_reordering, whole=True)
    made.open()
    yield made
    made.close()


def test_packets_pass_through_and_a_late_reader_begins_at_the_last_keyframe(
    lane: Lane, video: Video
) -> None:
    lane.open(H264)
    early, late = Read(), Read()
    video.attach(early)
    for number in range(6):
        lane.push(packet(number, keyframe=number in {1, 4}))
    video.attach(late)
    lane.push(packet(6))
    assert video.path == "passthrough"
    assert early.numbers == [1, 2, 3, 4, 5, 6]
    assert late.numbers == [4, 5, 6]
    assert not lane.pictures


def test_after_a_break_readers_wait_for_a_keyframe(lane: Lane, video: Video) -> None:
    lane.open(H264)
    reader = Read()
    video.attach(reader)
    lane.push(packet(0, keyframe=True))
    lane.open(H264)
    for number in (1, 2):
        lane.push(packet(number, keyframe=number == 2))
    assert reader.numbers == [0, 2]


def test_who_has_left_hears_nothing_more(lane: Lane, video: Video) -> None:
    lane.open(H264)
    reader = Read()
    one = video.attach(reader)
    lane.push(packet(0, keyframe=True))
    one.close()
    lane.push(packet(1))
    assert reader.numbers == [0]
    assert video.readers == 0


@pytest.mark.parametrize(
    ("coding", "why"),
    [
        (Coding("hevc", (160, 96)), "the source sends hevc"),
        (Coding("h264", (160, 96), reorders=True), "B-frames"),
        (None, "the source gives pictures, not packets"),
    ],
)
def test_what_readers_cannot_take_is_encoded_once_for_all(
    lane: Lane, video: Video, coding: Coding | None, why: str
) -> None:
    lane.open(coding)
    one, other = Read(), Read()
    video.attach(one)
    video.attach(other)
    for number in range(5):
        lane.show(card_frame(number))
    packets = one.wait(5)
    assert (video.path, video.why) == ("encode", why)
    assert packets == other.wait(5)
    assert video.encoded == 5
    assert packets[0].keyframe
    assert [p.pts for p in packets] == [n / 25 for n in range(5)]
    assert [read_counter(picture) for picture in decoded(packets)] == [0, 1, 2, 3, 4]


def test_nothing_is_encoded_while_nobody_reads(lane: Lane, video: Video) -> None:
    lane.open(None)
    lane.show(card_frame(0))
    assert video.encoded == 0
    assert not lane.pictures
    video.attach(Read())
    assert lane.pictures


def test_a_late_reader_of_encoded_video_gets_a_keyframe_at_once(lane: Lane, video: Video) -> None:
    lane.open(None)
    video.attach(Read())
    for number in range(3):
        lane.show(card_frame(number))
    late = Read()
    video.attach(late)
    lane.show(card_frame(3))
    (first,) = late.wait(1)
    assert first.keyframe
    assert first.pts == 3 / 25


def test_keyframes_that_are_asked_for_come_no_closer_than_is_reasonable(
    lane: Lane, video: Video
) -> None:
    lane.open(None)
    reader = Read()
    one = video.attach(reader)
    for number in range(20):
        lane.show(card_frame(number))
        one.want_keyframe()
    keyframes = [p for p in reader.wait(20) if p.keyframe]
    assert 1 <= len(keyframes) < 20


def test_pictures_that_change_their_size_begin_a_new_sequence(lane: Lane, video: Video) -> None:
    lane.open(None)
    reader = Read()
    video.attach(reader)
    lane.show(grey_frame(0, width=64, height=48))
    lane.show(grey_frame(1, width=128, height=96))
    packets = reader.wait(2)
    assert [p.keyframe for p in packets] == [True, True]
    assert [p.coding.size for p in packets] == [(64, 48), (128, 96)]
    assert [picture.size for picture in decoded(packets)] == [(64, 48), (128, 96)]


def test_odd_and_wide_pictures_are_made_to_fit(lane: Lane) -> None:
    video = Video("a", lane, Encoding(width=640), no_reordering, whole=True)
    video.open()
    lane.open(None)
    reader = Read()
    video.attach(reader)
    lane.show(grey_frame(0, width=1281, height=721))
    assert reader.wait(1)[0].coding.size == (640, 360)
    video.close()


def test_what_is_drawn_never_comes_from_the_lane(lane: Lane) -> None:
    video = Video("a", lane, Encoding(), no_reordering, burn=True, whole=True)
    video.open()
    lane.open(H264)
    reader = Read()
    video.attach(reader)
    lane.push(packet(0, keyframe=True))
    lane.show(card_frame(0))
    video.draw(Delivery(card_frame(1), ("capture",))).result(10)
    (only,) = reader.wait(1)
    assert only.pts == 1 / 25
    assert (video.path, video.why) == ("encode", "results are drawn into it (`burn: true`)")
    assert not lane.pictures
    video.close()


def test_a_picture_without_its_guards_word_is_shown_only_pixelated() -> None:
    video = Video("a", None, Encoding(crf=1), no_reordering, guards=("privacy",), whole=True)
    video.open()
    reader = Read()
    video.attach(reader)
    video.draw(Delivery(card_frame(7), ("capture",))).result(10)
    (picture,) = decoded(reader.wait(1))
    assert read_counter(picture) != 7
    video.close()


@pytest.mark.parametrize("burn", [False, True])
def test_results_are_drawn_on_a_guarded_picture_only_where_that_is_asked_for(burn: bool) -> None:
    nobody = Veil(np.zeros((0, 4), np.float32))
    frame = grey_frame(0, width=320, height=192)
    frame.say("privacy", nobody)
    frame.say("detect", detections())
    video = Video("a", None, Encoding(crf=1), no_reordering, guards=("privacy",), burn=burn)
    video.open()
    reader = Read()
    video.attach(reader)
    video.draw(Delivery(frame, ("privacy", "detect"))).result(10)
    (picture,) = decoded(reader.wait(1))
    pixels = picture.pixels(Wanted(320, 192, order="bgr"))
    assert (np.abs(pixels.astype(int) - 128).max() > 50) == burn
    video.close()


def film_packets(count: int) -> list[Packet]:
    """One group of pictures of the test card."""
    packets = encode(cards((160, 96), count), (160, 96), 25, {"g": "1000"})
    now = datetime.now(UTC)
    return [
        Packet("a", bytes(one), n / 25, n / 25, one.is_keyframe, 0.0, now, H264)
        for n, one in enumerate(packets)
    ]


@pytest.fixture
def live(lane: Lane) -> Iterator[Video]:
    made = Video("a", lane, Encoding(), no_reordering)
    made.open()
    lane.open(H264)
    yield made
    made.close()


def test_who_comes_long_after_a_keyframe_gets_the_present_picture_until_the_next(
    lane: Lane, live: Video
) -> None:
    group = film_packets(40)
    early, late = Read(), Read()
    live.attach(early)
    for one in group[:30]:
        lane.push(one)
    live.attach(late)
    (first,) = late.wait(1)
    assert first.keyframe
    assert first.pts == group[29].pts
    for one in group[30:]:
        lane.push(one)
    bridged = late.wait(11)
    assert [read_counter(picture) for picture in decoded(bridged)] == [*range(29, 40)]
    for number, one in enumerate(film_packets(2)):
        pts = (40 + number) / 25
        lane.push(replace(one, pts=pts, dts=pts))
    assert [p.pts for p in late.wait(13)] == [n / 25 for n in range(29, 42)]
    assert late.packets[11:] == early.packets[40:]
    assert [p.data for p in early.packets[:40]] == [p.data for p in group]


def test_who_has_lost_packets_of_a_camera_is_helped_before_its_next_keyframe(
    lane: Lane, live: Video
) -> None:
    group = film_packets(20)
    reader = Read()
    one = live.attach(reader)
    for packet_ in group[:10]:
        lane.push(packet_)
    one.want_keyframe()
    for packet_ in group[10:]:
        lane.push(packet_)
    packets = reader.wait(20)
    assert packets[10].keyframe
    assert [p.pts for p in packets] == [n / 25 for n in range(20)]
    assert [read_counter(p) for p in decoded(packets[10:])] == [*range(10, 20)]
