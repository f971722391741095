"""RTSP, from a real server that is slow, frozen, killed and started again."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from stages.errors import SourceLost
from tests.capture.reading import counters, read, source_of, until
from tests.servers.process import ServerProcess

LIMIT = 30.0  # seconds after which a test gives up


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("tests.servers.rtsp") as running:
        yield running


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_picture_comes_in_order_with_rising_clocks(
    server: ServerProcess, transport: str
) -> None:
    frames = read(source_of(server.urls["card"], transport=transport), 30)
    numbers = counters(frames)
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + 30))
    assert [frame.seq for frame in frames] == list(range(30))
    gaps = [b.pts - a.pts for a, b in itertools.pairwise(frames)]
    assert min(gaps) > 0
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(0.04, abs=0.002)
    assert all(frame.arrived <= frame.decoded for frame in frames)


def test_the_first_picture_is_there_at_once(server: ServerProcess) -> None:
    began = time.monotonic()
    (frame,) = read(source_of(server.urls["card"]), 1)
    assert frame.keyframe
    assert time.monotonic() - began < 1.0  # FFmpeg's own probing takes 1.1 s


def test_captured_at_is_the_senders_clock() -> None:
    with ServerProcess("tests.servers.rtsp", "--skew", "3600") as ahead:
        source = source_of(ahead.urls["card"])

        def by_the_camera(frame: object) -> bool:
            skew = (frame.captured_at - datetime.now(UTC)).total_seconds()  # type: ignore[attr-defined]
            return skew > 1800

        frame = until(source, by_the_camera)
    assert (frame.captured_at - datetime.now(UTC)).total_seconds() == pytest.approx(3600, abs=1)


def test_a_server_that_is_killed_is_a_loss_and_numbers_go_on_after_it() -> None:
    with ServerProcess("tests.servers.rtsp") as mortal:
        source = source_of(mortal.urls["card"], stall_s=2)
        frames = source.frames()
        before = [next(frames) for _ in range(5)]
        mortal.kill()
        with pytest.raises(SourceLost):
            list(frames)
        mortal.start()
        (after,) = read(source, 1)
    assert after.seq > before[-1].seq
    assert after.pts > before[-1].pts
    assert source.live
    assert source.stats.counts["connections"] == 2


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_server_that_freezes_is_noticed_within_the_stall_limit(transport: str) -> None:
    with ServerProcess("tests.servers.rtsp") as frozen:
        frames = source_of(frozen.urls["card"], transport=transport, stall_s=1).frames()
        next(frames)
        frozen.freeze()
        began = time.monotonic()
        with pytest.raises(SourceLost):
            list(frames)
        assert time.monotonic() - began < 2 * 1 + 1 + 1
        frozen.thaw()


def test_a_server_that_connects_and_then_says_nothing_is_a_loss() -> None:
    with ServerProcess("tests.servers.rtsp", "--mute") as mute:
        with pytest.raises(SourceLost):
            read(source_of(mute.urls["card"], open_timeout_s=1, stall_s=1), 1)


def test_nobody_there_is_a_loss_without_the_password() -> None:
    with pytest.raises(SourceLost) as lost:
        read(source_of("rtsp://admin:hunter2@127.0.0.1:9/card"), 1)
    assert "hunter2" not in str(lost.value)
    assert "127.0.0.1:9" in str(lost.value)


def test_lost_and_damaged_packets_cost_pictures_not_the_stream() -> None:
    with ServerProcess("tests.servers.rtsp", "--lose-every", "13", "--flip-every", "7") as bad:
        source = source_of(bad.urls["card"])
        frames = read(source, 50)
    assert len(frames) == 50
    told = source.stats.counts
    assert told["corrupt"] + told["bad_packets"] > 0
    assert sum(frame.corrupt for frame in frames) <= told["corrupt"]
