"""Test cards as a camera sends them."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Self

import av

from stages.lane import Coding, Lane, Packet
from tests.servers.film import Size, cards, encode
from tests.servers.film import film as file_of

SIZE = (160, 96)
FPS = 25
QUIET = "log-level=none:keyint=25"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def film(
    count: int,
    *,
    gop: int = 25,
    first: int = 0,
    fps: float = FPS,
    size: Size = SIZE,
    options: dict[str, str] | None = None,
) -> Iterator[Packet]:
    """Packets of the cards `first`, `first + 1`, ..., each at the time of its number."""
    coding = Coding("h264", size)
    packets = encode(cards(size, count, first), size, FPS, {"g": str(gop), **(options or {})})
    for one in packets:
        assert one.pts is not None
        assert one.dts is not None
        pts, dts = (first + one.pts) / fps, (first + one.dts) / fps
        at = NOON + timedelta(seconds=pts)
        yield Packet("a", bytes(one), pts, dts, one.is_keyframe, 0.0, at, coding)


def hevc_film(count: int) -> Iterator[Packet]:
    """The same in H.265."""
    coding = Coding("hevc", SIZE)
    data = file_of(SIZE, count, codec="libx265", container="hevc", options={"x265-params": QUIET})
    with av.open(io.BytesIO(data), "r") as container:
        for number, one in enumerate(container.demux(video=0)):
            if one.size:
                at = number / FPS
                yield Packet("a", bytes(one), at, at, one.is_keyframe, 0.0, NOON, coding)


class Camera:
    """Fills a lane from a thread of its own, four times as fast as the film runs, or `speed` times.

    sent  packets so far
    """

    def __init__(self, lane: Lane, packets: Iterator[Packet], speed: float = 4.0) -> None:
        self.sent = 0
        self._pause = 1 / FPS / speed
        self._lane = lane
        self._packets = packets
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        for packet in self._packets:
            if self._ended.wait(self._pause):
                return
            self._lane.push(packet)
            self.sent += 1


def until(ready: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what another thread or process does."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        pause.wait(0.02)
