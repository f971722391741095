"""Streams pushed to real receivers, over RTSP and RTMP."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import psutil
import pytest
from structlog.testing import capture_logs

from sinks.restream.push import Push
from sinks.video import Encoding, Video
from stages.lane import Coding, Lane, Packet
from tests.sinks.restream.feed import SIZE, Camera, film, hevc_film, until
from tests.sinks.restream.receiver import Receiver, Seen

FILLER = b"\0\0\1\x0c" + b"\xff" * 100_000 + b"\x80"  # ITU-T H.264, 7.3.2.7: says nothing


@contextmanager
def pushed(to: str, *, patience_s: int = 5) -> Iterator[tuple[Push, Lane]]:
    """A stream on its way, of whatever is pushed into its lane."""
    lane = Lane()
    video = Video("a", lane, Encoding(), lambda _: None)
    video.open()
    lane.open(Coding("h264", SIZE))
    push = Push("a", to, video, patience_s=patience_s)
    push.open()
    yield push, lane
    push.close()
    video.close()


def gone_through(pictures: list[Seen]) -> None:
    """Every picture of one connection came, each at its time."""
    for one, next_one in pairwise(pictures):
        assert next_one.number == one.number + 1
        if one.pts is not None and next_one.pts is not None:
            assert next_one.pts - one.pts == pytest.approx(0.04, abs=0.0015)  # RTMP: milliseconds


@pytest.mark.parametrize("kind", ["rtsp", "rtmp"])
def test_a_receiver_gets_every_picture_at_its_time(kind: str) -> None:
    with (
        Receiver(kind) as receiver,
        pushed(receiver.url) as (push, lane),
        Camera(lane, film(1000)),
    ):
        pictures = receiver.wait(60)
    gone_through(pictures)
    assert push.connections == 1


@pytest.mark.parametrize("kind", ["rtsp", "rtmp"])
def test_b_frames_go_through(kind: str) -> None:
    options = {"tune": "film", "preset": "fast", "bf": "2"}
    with (
        Receiver(kind) as receiver,
        pushed(receiver.url) as (_, lane),
        Camera(lane, film(1000, options=options)),
    ):
        gone_through(receiver.wait(40))


def test_h265_goes_through_over_rtsp() -> None:
    with (
        Receiver("rtsp") as receiver,
        pushed(receiver.url) as (_, lane),
        Camera(lane, hevc_film(1000)),
    ):
        gone_through(receiver.wait(40))


@pytest.mark.parametrize("kind", ["rtsp", "rtmp"])
def test_a_receiver_that_was_killed_is_found_again(kind: str) -> None:
    with (
        capture_logs() as logs,
        Receiver(kind) as receiver,
        pushed(receiver.url) as (push, lane),
        Camera(lane, film(3000)),
    ):
        before = receiver.wait(10)
        receiver.kill()
        receiver.start()
        after = receiver.wait(10)
    gone_through(after)
    assert after[0].number > before[-1].number
    assert push.outbox.lost > 0
    events = [one["event"] for one in logs if one["event"] in {"restream.lost", "restream.back"}]
    assert events[-2:] == ["restream.lost", "restream.back"]


def test_a_receiver_that_never_answers_holds_nobody_up_and_is_given_up() -> None:
    packets = [*film(2000)]
    with capture_logs() as logs, socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        to = f"rtmp://me:secret@127.0.0.1:{port}/live/a"
        worst = 0.0
        with pushed(to, patience_s=1) as (push, lane):
            lane.push(packets[0])
            connection, _ = mute.accept()
            commands = [child.cmdline() for child in psutil.Process().children()]
            for packet in packets[1:]:
                began = time.monotonic()
                lane.push(packet)
                worst = max(worst, time.monotonic() - began)
            until(lambda: any(one["event"] == "restream.lost" for one in logs))
            connection.close()
            began = time.monotonic()
        assert time.monotonic() - began < 4
    assert worst < 0.9
    assert push.outbox.lost > 1000
    (lost, *_) = (one for one in logs if one["event"] == "restream.lost")
    assert lost["error"] == "it took nothing for 1 s"
    assert lost["to"] == f"rtmp://me:***@127.0.0.1:{port}/live/a"
    assert commands
    assert "secret" not in f"{logs} {commands}"


@pytest.mark.slow
def test_a_receiver_that_stops_reading_is_given_up_and_its_packets_are_not_kept() -> None:
    large = (replace(one, data=one.data + FILLER) for one in film(5000))
    with (
        capture_logs() as logs,
        Receiver("rtmp") as receiver,
        pushed(receiver.url, patience_s=1) as (push, lane),
        Camera(lane, large) as camera,
    ):
        receiver.wait(5)
        receiver.freeze()
        until(lambda: any("took nothing" in str(one.get("error")) for one in logs))
        sent = camera.sent
        until(lambda: camera.sent > sent + 300)
        assert push.outbox.lost > 0
        receiver.kill()
        receiver.start()
        receiver.wait(5)


def test_video_of_another_size_begins_a_new_connection() -> None:
    with Receiver("rtmp") as receiver:

        def growing() -> Iterator[Packet]:
            sent = 0
            for packet in film(2000):
                if packet.keyframe and len(receiver.seen) > 10:
                    break
                yield packet
                sent += 1
            yield from film(2000, first=sent, size=(320, 192))

        with pushed(receiver.url) as (push, lane), Camera(lane, growing()):
            until(lambda: sum(one.width == 320 for one in receiver.seen) > 10)
        assert push.connections == 2
    widths = {one.connection: one.width for one in receiver.seen}
    assert list(widths.values()) == [160, 320]
    for connection in widths:
        gone_through([one for one in receiver.seen if one.connection == connection])
