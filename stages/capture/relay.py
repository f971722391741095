"""Passes the packets of one connection on to the stream's lane, at the times of their pictures."""

import time
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, isinf
from typing import NamedTuple

import structlog
from av.error import FFmpegError
from av.video.stream import VideoStream

from stages.capture.annexb import AnnexB
from stages.capture.clock import TICK
from stages.capture.numbering import HELD_MOST, Numbering
from stages.capture.packet import VideoPacket
from stages.lane import Coding, Lane, Packet
from stages.source import SourceStats

log = structlog.get_logger()


class _Held(NamedTuple):
    """A packet whose time is not known yet; times in seconds of the connection's own clock.

    A tuple since one is made for each packet: a frozen dataclass takes five times as long to make.
    """

    data: bytes
    raw: float | None
    raw_dts: float | None
    keyframe: bool
    arrived: float
    captured_at: datetime


class Relay:
    """One connection's packets, in the order of decoding.

    A packet's time is that of its picture, which the stream's clock knows when the picture has been
    decoded, or an earlier one has. Until then packets wait here.
    """

    def __init__(
        self, stream: str, lane: Lane, video: VideoStream, numbering: Numbering, stats: SourceStats
    ) -> None:
        """Announce the connection's coding to the lane."""
        self._stream = stream
        self._lane = lane
        self._numbering = numbering
        self._counts = stats.counts
        self._turn = AnnexB(video)
        codec = video.codec_context
        self._coding = Coding(
            codec.name, (codec.width, codec.height), self._turn.parameter_sets, codec.has_b_frames
        )
        self._whole = False
        self._held: deque[_Held] = deque(maxlen=HELD_MOST)
        self._last_pts = self._last_dts = -inf
        lane.open(self._coding)

    def wants(self, packet: VideoPacket) -> bool:
        """Whether the picture of this packet must be decoded for a tap, whoever else looks at it.

        Where pictures were left out before, the next keyframe is the first that can be.
        """
        self._whole = self._lane.pictures and (self._whole or packet.is_keyframe)
        return self._whole

    def take(
        self,
        packet: VideoPacket,
        raw: float | None,
        tick: float,
        arrived: float,
        taken: datetime | None,
    ) -> None:
        """Pass a packet on, after its own picture was given, if it has been let out already.

        raw    the timestamp of its picture in seconds of the connection's own clock
        tick   seconds of one unit of its time base
        taken  UTC at which the picture was taken, if its sender said so
        """
        if not self._lane.tapped:
            self._held.clear()
            return
        try:
            data = self._turn(packet)
        except FFmpegError:
            self._counts["bad_packets"] += 1
            return
        dts = None if packet.dts is None else packet.dts * tick
        if taken is None:
            taken = datetime.now(UTC) - timedelta(seconds=time.monotonic() - arrived)
        self._held.append(_Held(data, raw, dts, packet.is_keyframe, arrived, taken))
        while self._held and (pts := self._numbering.time_of(self._held[0].raw)) is not None:
            self._push(self._held.popleft(), pts)

    def _push(self, held: _Held, pts: float) -> None:
        if pts < self._last_pts and not self._coding.reorders:
            # Not every stream says so at its start.
            self._coding = replace(self._coding, reorders=True)
            self._lane.open(self._coding)
        self._last_pts = pts
        dts = self._numbering.clock.peek(held.raw_dts) if self._coding.reorders else pts
        least = self._last_dts + TICK
        if dts is None:  # Matroska does not say when a picture is decoded
            dts = pts if isinf(least) else least
        self._last_dts = min(pts, max(dts, least))
        self._lane.push(
            Packet(
                stream=self._stream,
                data=held.data,
                pts=pts,
                dts=self._last_dts,
                keyframe=held.keyframe,
                arrived=held.arrived,
                captured_at=held.captured_at,
                coding=self._coding,
            )
        )
