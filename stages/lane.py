"""The packet lane: a stream's video as it was coded, beside its pictures and under the same clock.

What is only relayed or recorded never needs to be decoded, and what the graph says about a picture
fits the packet with the same time exactly.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stages.frame import Frame


@dataclass(frozen=True, slots=True)
class Coding:
    """How the packets of one connection are coded.

    codec           FFmpeg's name: "h264", "hevc", "mjpeg", ...
    size            (width, height) in pixels; (0, 0) while the source has not said
    parameter_sets  of H.264 and H.265, as Annex B; empty if they come with the pictures only
    reorders        pictures are sent in another order than they are shown (B-frames)
    """

    codec: str
    size: tuple[int, int]
    parameter_sets: bytes = b""
    reorders: bool = False


@dataclass(slots=True, eq=False)
class Packet:
    """One coded picture. Nobody changes it: it is not frozen since one is made for each picture,
    which would take four times as long.

    stream       name of its stream in the config
    data         one access unit. H.264 and H.265: Annex B, parameter sets before each keyframe
    pts          seconds on the stream's clock at which it is shown: that of its `Frame`
    dts          seconds at which it is decoded, never after `pts`; rises from packet to packet
    keyframe     decoding may start here
    arrived      monotonic seconds at which it came in
    captured_at  UTC, as in `Frame`
    coding       the same for all packets between two calls of `Tap.opened`
    """

    stream: str
    data: bytes
    pts: float
    dts: float
    keyframe: bool
    arrived: float
    captured_at: datetime
    coding: Coding


class Tap(Protocol):
    """Someone who takes a stream's video. Called in the capture thread, which it must not hold up
    for longer than its source can wait.

    pictures  it wants every picture decoded. May change at any time; a stream that was not decoded
              is from its next keyframe on.
    """

    @property
    def pictures(self) -> bool:
        """See the class."""
        ...

    def opened(self, coding: Coding | None) -> None:
        """Packets of this coding follow, after a gap if there were others before.

        coding  None: the source has no packets, only pictures
        """
        ...

    def packet(self, packet: Packet) -> None:
        """Take the next packet, in the order of decoding."""
        ...

    def picture(self, frame: Frame) -> None:
        """Take the next picture, in the order of showing. Before any node has seen it."""
        ...


class Lane:
    """One stream's video, for all taps on it.

    Filled by the capture thread; taps may come and go from any thread.

    coding  of the present connection; None before the first and where there are only pictures
    """

    def __init__(self) -> None:
        """Nobody listens, nothing flows."""
        self.coding: Coding | None = None
        self._opened = False
        self._taps: tuple[Tap, ...] = ()
        self._lock = threading.Lock()

    @property
    def tapped(self) -> bool:
        """Whether anybody listens."""
        return bool(self._taps)

    @property
    def pictures(self) -> bool:
        """Whether any tap wants every picture decoded."""
        for tap in self._taps:  # noqa: SIM110 - asked for each packet, and twice as fast as any()
            if tap.pictures:
                return True
        return False

    def attach(self, tap: Tap) -> Callable[[], None]:
        """Let `tap` hear of everything from now on; calling what is returned ends that."""
        with self._lock:
            self._taps = (*self._taps, tap)
            if self._opened:
                tap.opened(self.coding)
        return lambda: self._detach(tap)

    def open(self, coding: Coding | None) -> None:
        """A connection begins, or its coding turns out to be another."""
        with self._lock:
            self.coding, self._opened = coding, True
            for tap in self._taps:
                tap.opened(coding)

    def push(self, packet: Packet) -> None:
        """Pass a packet on."""
        for tap in self._taps:
            tap.packet(packet)

    def show(self, frame: Frame) -> None:
        """Pass a picture on."""
        for tap in self._taps:
            tap.picture(frame)

    def _detach(self, tap: Tap) -> None:
        with self._lock:
            self._taps = tuple(one for one in self._taps if one is not tap)
