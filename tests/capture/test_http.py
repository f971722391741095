"""Streams over HTTP: pictures one by one, and in segments."""

import itertools
from collections.abc import Iterator

import pytest

from stages.errors import SourceLost
from tests.capture.reading import counters, read, source_of
from tests.servers.process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("tests.servers.http") as running:
        yield running


def test_motion_jpeg_comes_in_order_and_has_rising_times(server: ServerProcess) -> None:
    source = source_of(server.urls["mjpeg"])
    frames = read(source, 20)
    numbers = [number for number in counters(frames) if number is not None]
    assert numbers == sorted(numbers)
    assert len(numbers) == 20
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))
    assert source.live


def test_hls_comes_in_order_and_has_rising_times(server: ServerProcess) -> None:
    frames = read(source_of(server.urls["live.m3u8"]), 20)
    numbers = [number for number in counters(frames) if number is not None]
    assert numbers == sorted(numbers)
    assert len(numbers) == 20
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))


def test_a_server_that_stops_sending_is_a_loss() -> None:
    with ServerProcess("tests.servers.http", "--stall-after", "5") as stalls:
        source = source_of(stalls.urls["mjpeg"], stall_s=1)
        with pytest.raises(SourceLost):
            read(source)
    assert source.stats.counts["decoded"] >= 4


def test_nobody_there_is_a_loss() -> None:
    with pytest.raises(SourceLost):
        read(source_of("http://127.0.0.1:9/mjpeg"), 1)
