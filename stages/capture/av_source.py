"""A stream that FFmpeg reads: a file, a camera, RTSP, HTTP, and whatever else has a URL."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from av.container import InputContainer
from av.video.stream import VideoStream

from stages.capture.clock import StreamClock
from stages.capture.connect import connect
from stages.capture.connection import Connection, Subject
from stages.capture.decoder import Decoded
from stages.capture.failures import refused
from stages.capture.numbering import Numbering
from stages.capture.options import CaptureOptions
from stages.capture.pace import Pace
from stages.capture.place import Kind, Place
from stages.errors import SourceLost
from stages.frame import Frame
from stages.lane import Lane
from stages.source import Demand, SourceStats
from stages.throttle import Throttle

log = structlog.get_logger()

SEGMENTED = frozenset({"hls", "dash"})
"""Live streams that come in pieces of seconds; each is spread over its own time again."""


class AvSource:
    """One stream's pictures, read with FFmpeg and decoded in the thread that asks for them.

    live   cannot be made to wait: a camera, a stream, or a file at its own pace
    stats  see `SourceStats`; here also bad_reads (of a file) and clock_refused (packets whose
           sender's clock is too far from ours)
    """

    def __init__(
        self,
        stream: str,
        place: Place,
        options: CaptureOptions,
        demand: Demand,
        lane: Lane,
        container_format: str | None = None,
        stats: SourceStats | None = None,
    ) -> None:
        """Open nothing yet.

        stream            its name in the config
        lane              gets its packets, and its pictures before they are given
        container_format  FFmpeg's demuxer, found out if left out
        stats             where to count; its own, if left out
        """
        self.stats = stats or SourceStats()
        self._subject = Subject(stream, place, options, demand, self.stats, Throttle(), lane)
        self._format = container_format
        self._paced = options.pace == "realtime" or (options.pace == "auto" and options.loop)
        self.live = (
            self._paced or place.endless or (place.kind is Kind.URL and options.pace != "fast")
        )
        self._numbering = Numbering(demand.fps)
        self._seen: float | None = None  # monotonic: when the last picture's packet came
        self._pace = Pace()
        self._due = StreamClock()  # stream seconds at which a paced packet is due

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        place, counts = self._subject.place, self.stats.counts
        counts["connections"] += 1
        began = time.monotonic()
        for turn in itertools.count():
            looked_at = "packets" if self._subject.demand.none else "decoded"
            before = counts[looked_at]
            with connect(place, self._subject.options, self._format) as (container, video):
                if turn == 0:
                    self._tell(container, video, time.monotonic() - began)
                ends = place.kind is Kind.FILE or (
                    not place.endless and container.duration is not None
                )
                yield from self._read(container, video, ends=ends)
            if not ends:
                raise SourceLost(f"{place}: the other side ended the stream")
            if counts[looked_at] == before:
                told = ", ".join(f"{name} {count}" for name, count in counts.items())
                raise refused(place, f"{place}: wanted at least one picture, got none ({told})")
            if not self._subject.options.loop:
                return

    def _read(
        self, container: InputContainer, video: VideoStream, *, ends: bool
    ) -> Iterator[Frame]:
        """The frames of one connection."""
        self._numbering.join()
        self._due.join()
        wait = self.live and (ends or container.format.name in SEGMENTED)
        connection = Connection(
            *(self._subject, container, video, self._numbering),
            self._wait if wait else None,
            None if ends else self._seen,
        )
        try:
            for decoded in connection.pictures():
                frame = self._frame(decoded, connection)
                self._subject.lane.show(frame)
                yield frame
        finally:
            self._seen = connection.seen

    def _frame(self, decoded: Decoded, connection: Connection) -> Frame:
        number, pts = self._numbering.give(connection.raw_time(decoded))
        waited = timedelta(seconds=time.monotonic() - connection.arrived)
        self.stats.counts["pts_repaired"] = self._numbering.clock.repaired
        return Frame(
            stream=self._subject.stream,
            seq=number,
            pts=pts,
            captured_at=decoded.taken or datetime.now(UTC) - waited,
            arrived=connection.arrived,
            decoded=decoded.decoded,
            picture=decoded.picture,
            keyframe=decoded.keyframe,
            corrupt=decoded.corrupt,
        )

    def _wait(self, raw: float | None) -> None:
        self._pace.wait(self._due.place(raw))

    def _tell(self, container: InputContainer, video: VideoStream, took: float) -> None:
        log.info(
            "capture: opened", stream=self._subject.stream, source=str(self._subject.place),
            format=container.format.name, codec=video.codec_context.name,
            size=f"{video.codec_context.width}x{video.codec_context.height}",
            took_s=round(took, 3),
        )  # fmt: skip
