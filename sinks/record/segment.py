"""One segment of a stream: a file to play, the times of its pictures, what was said about them.

STREAM/2025-06-01/STREAM-20250601T120000-123456.mp4     the video, a keyframe first
                                               .times   see `stages.capture.times`
                                               .jsonl   messages as in docs/schema.md
                                               .vtt     the same, for a player; see `vtt`
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from av.error import FFmpegError

from models.files import written_whole
from sinks.record.appending import Appending
from sinks.record.remux import Remux
from sinks.record.vtt import vtt
from stages.capture.times import entry
from stages.lane import Packet

ID = re.compile(r"[a-z0-9_-]{1,64}-\d{8}T\d{6}-\d{6}")
SUFFIXES = (".mp4", ".times", ".jsonl", ".vtt")


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A message that belongs to a moment of a stream.

    pts          seconds of its picture on the stream's clock
    captured_at  UTC, as in `Frame`
    line         the message as JSON, with the end of the line; empty if there is nothing to keep
    event        the config's `when` holds for it
    """

    pts: float
    captured_at: datetime
    line: bytes
    event: bool = False


class Segment:
    """A segment while it is written. Used by one thread.

    id              names it: its stream, and when it began
    path            of the mp4 file
    start, end      UTC at which its first picture was taken, and its last one was over
    pts, end_pts    the same on the stream's clock
    packets, bytes  of its video so far
    """

    def __init__(self, folder: Path, first: Packet) -> None:
        """Make its files; `first`, a keyframe, is not written yet. Raises OSError, av.FFmpegError.

        folder  of all recordings
        """
        self.stream = first.stream
        self.coding = first.coding
        self.start = self.end = first.captured_at
        self.pts = self.end_pts = first.pts
        self.packets = 0
        self.id, self.path = _name(folder, first)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._remux = Remux(self.path, first)
        self._step, self._dts = 0.0, first.dts
        self._times = Appending(self.path.with_suffix(".times"))
        self._lines: Appending | None = None
        self._closed = False

    @property
    def bytes(self) -> int:
        """See the class."""
        return self._remux.bytes

    def add(self, packet: Packet) -> None:
        """Take the next packet. Raises OSError, av.FFmpegError."""
        self._remux.add(packet)
        self._times.add(entry(packet))
        self.packets += 1
        self._step, self._dts = packet.dts - self._dts, packet.dts
        self.end_pts = max(self.end_pts, packet.pts)
        self.end = max(self.end, packet.captured_at)

    def say(self, said: Said) -> None:
        """Keep what was said about one of its pictures. Raises OSError."""
        if self._lines is None:
            self._lines = Appending(self.path.with_suffix(".jsonl"))
        self._lines.add(said.line)

    def flush(self) -> None:
        """Hand over to the system what waits. Raises OSError."""
        self._times.flush()
        if self._lines is not None:
            self._lines.flush()

    def close(self) -> None:
        """End the video, which is then on the disk; its results may still come. Only once.

        raises  OSError, av.FFmpegError; the video is closed all the same
        """
        if self._closed:
            return
        self._closed = True
        self.end_pts += self._step
        self.end += timedelta(seconds=self._step)
        try:
            self._remux.close()
            self._times.flush()
            self._times.sync()
        finally:
            self._times.close()

    def seal(self) -> None:
        """Nothing more will be said: end the results, and make them readable for players.

        raises  OSError
        """
        lines, self._lines = self._lines, None
        if lines is None:
            return
        try:
            lines.flush()
            lines.sync()
        finally:
            lines.close()
        write_vtt(self.path, self.pts)

    def abandon(self) -> None:
        """Close what is open, in whatever state; nothing is raised."""
        for close in (self.close, self.seal):
            with suppress(OSError, FFmpegError):
                close()


def write_vtt(path: Path, pts: float) -> None:
    """Make the WebVTT file of a segment from its results. Raises OSError.

    path  of the segment's mp4 file
    pts   of its first picture
    """
    lines = path.with_suffix(".jsonl")
    if lines.exists():
        with written_whole(path.with_suffix(".vtt")) as part:
            part.write_text(vtt(lines.read_bytes().splitlines(), pts), "utf-8")


def files_of(path: Path) -> Iterator[Path]:
    """The files of a segment that are there, by the path of its mp4 file."""
    for suffix in SUFFIXES:
        if (one := path.with_suffix(suffix)).exists():
            yield one


def _name(folder: Path, first: Packet) -> tuple[str, Path]:
    """A name that is not taken: two segments may begin in the same microsecond."""
    at = first.captured_at
    while True:
        name = f"{first.stream}-{at:%Y%m%dT%H%M%S-%f}"
        path = folder / first.stream / f"{at:%Y-%m-%d}" / f"{name}.mp4"
        if not path.exists():
            return name, path
        at += timedelta(microseconds=1)
