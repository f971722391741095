"""When a picture was taken, by the clock of who took it, where that is sent along."""

import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import structlog
from av.container import InputContainer

from stages.capture.packet import VideoPacket
from stages.source import SourceStats

log = structlog.get_logger()

ClockKind = Literal["rtcp", "monotonic", "none"]

TRUSTED = 86_400.0
"""Seconds by which a camera's clock may differ from ours. One that was never set says 1970, or
counts from its start; a day leaves room for a wrong time zone, which an operator should see."""
REPORTED = 1.0
"""Seconds between two looks at what the sender last reported: it does so every few seconds (RFC
3550, 6.2), and between two reports its clock and the packets' times run alike."""
FRESH = 10.0
"""Seconds that a picture of a local camera may have waited, to be told from another kind of clock;
FFmpeg's V4L2 input uses the same window."""


class Wall:
    """Puts a UTC time to the packets of one connection."""

    def __init__(
        self,
        kind: ClockKind,
        container: InputContainer,
        stats: SourceStats,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Choose the clock that is asked.

        kind  "rtcp": the sender reports of RTP, which come as side data `prft` (microseconds
              since 1970, RFC 3550 by way of FFmpeg); "monotonic": the packet's own time is the
              kernel's monotonic clock, as V4L2 gives it; "none": there is none
        """
        self._kind = kind
        self._container = container
        self._counts = stats.counts
        self._warned = False
        self._clock = clock
        self._offset = self._tick = 0.0
        self._until = float("-inf")

    def taken(self, packet: VideoPacket, arrived: float) -> datetime | None:
        """UTC at which the picture in `packet` was taken, or None if nothing credible says so.

        arrived  monotonic seconds at which the packet came
        """
        if self._kind == "none":
            return None
        now = self._clock()
        theirs = self._theirs(packet, arrived, now)
        if theirs is None:
            return None
        if abs(theirs - now) > TRUSTED:
            self._refuse(theirs, now)
            return None
        return datetime.fromtimestamp(theirs, UTC)

    def _refuse(self, theirs: float, now: float) -> None:
        """Count a clock that nobody set, and say so once a connection: it will not get better."""
        self._counts["clock_refused"] += 1
        if not self._warned:
            self._warned = True
            log.warning("capture: clock refused", ahead_s=round(theirs - now))

    def _theirs(self, packet: VideoPacket, arrived: float, now: float) -> float | None:
        if self._kind == "rtcp":
            if packet.pts is not None and arrived < self._until:
                return self._offset + packet.pts * self._tick
            told = bytes(packet.get_sidedata("prft"))  # empty if there is none
            if told:
                return self._learn(packet, arrived, struct.unpack_from("<q", told)[0] / 1e6)
            began = self._container.start_time_realtime
            if began and packet.pts is not None:
                return began / 1e6 + float(packet.pts * packet.time_base)
        if self._kind == "monotonic" and packet.pts is not None:
            age = arrived - float(packet.pts * packet.time_base)
            return now - age if 0 <= age <= FRESH else None
        return None

    def _learn(self, packet: VideoPacket, arrived: float, theirs: float) -> float:
        """Remember how the sender's clock stands to the packets' times, for a while."""
        if packet.pts is not None:
            self._tick = float(packet.time_base)
            self._offset = theirs - packet.pts * self._tick
            self._until = arrived + REPORTED
        return theirs
