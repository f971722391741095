"""What `sink: record` has recorded, played again under the clocks that it was recorded under."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from stages.capture.av_source import AvSource
from stages.capture.options import CaptureOptions
from stages.capture.place import Kind, Place
from stages.capture.times import Time, read_times
from stages.errors import BadOptions
from stages.frame import Frame
from stages.lane import Coding, Lane, Packet
from stages.source import Demand, SourceStats

EXACT_S = 0.001
"""Seconds within which a picture is the recorded one: files count in units of 1/720000 s."""


def segments(place: Path) -> Sequence[Path]:
    """The files of a recording in their order: one file, or all in a folder of one stream.

    raises  BadOptions if there is none, or the folder holds those of several streams
    """
    found = [place] if place.is_file() else place.rglob("*.mp4")
    files = sorted(found, key=lambda path: path.stem)
    if not files:
        raise BadOptions(f"source: wanted a recording, or a folder of them, got none in {place}")
    streams = sorted({path.parent.parent.name for path in files})
    if len(streams) > 1:
        raise BadOptions(
            f"source: wanted the recordings of one stream, got those of {', '.join(streams)}; "
            f"name the folder of one, such as {place / streams[0]}"
        )
    return files


class RecordingSource:
    """One stream's recorded segments, one after the other.

    Frames have their old `pts` and `captured_at`, and new numbers, without gaps.
    """

    def __init__(
        self, stream: str, place: Path, options: CaptureOptions, demand: Demand, lane: Lane
    ) -> None:
        """Open nothing yet. Raises BadOptions: see `segments`."""
        self.stats = SourceStats()
        self.live = options.pace == "realtime"
        self._stream = stream
        self._files = segments(place)
        self._options = options.model_copy(update={"loop": False})
        self._demand = demand
        self._lane = lane
        self._next = 0

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`."""
        for path in self._files:
            clocks = _Clocks(read_times(path.with_suffix(".times")))
            source = AvSource(
                self._stream,
                Place(Kind.FILE, str(path)),
                self._options,
                self._demand,
                _Again(self._lane, clocks, self._next),
                stats=self.stats,
            )
            for frame in source.frames():  # they have their old clocks: see `_Again.show`
                self._next = frame.seq + 1
                yield frame


class _Clocks:
    """Of one segment: from the time in the file, from 0, to when it was shown, and taken."""

    def __init__(self, times: Sequence[Time]) -> None:
        self._first = times[0] if times else None
        self._sorted = sorted(times)
        self._pts = [one.pts for one in self._sorted]

    def at(self, seconds: float, taken: datetime) -> Time:
        """The clocks of a picture.

        seconds  since the first keyframe of the file
        taken    what to take where nothing is known of the file
        """
        if self._first is None:
            return Time(seconds, taken)
        pts = self._first.pts + seconds
        index = bisect_left(self._pts, pts)
        near = self._sorted[max(0, index - 1) : index + 1]
        best = min(near, key=lambda one: abs(one.pts - pts))
        if abs(best.pts - pts) <= EXACT_S:
            return best
        return Time(pts, best.captured_at + timedelta(seconds=pts - best.pts))


class _Again(Lane):
    """Stands before a stream's lane, and puts the old clocks on what passes."""

    def __init__(self, lane: Lane, clocks: _Clocks, number: int) -> None:
        super().__init__()
        self._lane = lane
        self._clocks = clocks
        self._number = number
        self._frames_began: float | None = None
        self._packets_began: float | None = None

    @property
    def tapped(self) -> bool:
        return self._lane.tapped

    @property
    def pictures(self) -> bool:
        return self._lane.pictures

    def open(self, coding: Coding | None) -> None:
        self._lane.open(coding)

    def push(self, packet: Packet) -> None:
        if self._packets_began is None:
            self._packets_began = packet.pts  # a segment begins with a keyframe
        time = self._clocks.at(packet.pts - self._packets_began, packet.captured_at)
        dts = packet.dts + time.pts - packet.pts
        self._lane.push(replace(packet, pts=time.pts, dts=dts, captured_at=time.captured_at))

    def show(self, frame: Frame) -> None:
        """Changes the frame itself, which nobody has seen yet."""
        if self._frames_began is None:
            self._frames_began = frame.pts
        time = self._clocks.at(frame.pts - self._frames_began, frame.captured_at)
        frame.pts, frame.captured_at = time.pts, time.captured_at
        frame.seq += self._number
        self._lane.show(frame)
