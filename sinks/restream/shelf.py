"""What players of one HLS stream can ask for: the newest segments and their parts, in memory."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sinks.restream.segments import Begin, End, Part, Step

LEAST = 3
"""Complete segments before anything is shown, and however large they are: players begin three
target durations before the end (RFC 8216bis, 4.4.3.8); Chromium gives up where there is less."""


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part and the name of its file."""

    name: str
    part: Part


@dataclass(slots=True)
class Segment:
    """A segment as far as it has come.

    name      of its file, once it is complete
    head      name of the file with its initialisation section
    """

    name: str
    head: str
    broken: bool
    at: datetime
    complete: bool = False
    parts: list[NamedPart] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it is, so far."""
        return sum(one.part.seconds for one in self.parts)

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(len(one.part.data) for one in self.parts)


class Shelf:
    """Lives on the event loop; whoever waits for something is told when there is more.

    first     media sequence number of the first segment in the playlist
    breaks    how many breaks there were before that one
    longest, longest_part  as in `End`; 0 until the first segment is complete
    """

    def __init__(self, segments: int, size: int) -> None:
        """At most so many complete segments in the playlist, and so many bytes in all.

        What has left the playlist is kept as long again, for players that still read it.
        """
        self.first = self.breaks = self.longest = 0
        self.longest_part = 0.0
        self._listed, self._size = segments, size
        self._run = f"{time.time_ns() // 1_000_000:x}"  # so that no cache takes it for another
        self._kept: list[Segment] = []  # left the playlist, oldest first
        self._segments: list[Segment] = []
        self._files: dict[str, bytes | Segment] = {}
        self._parts = self._heads = 0
        self._head: bytes | None = None
        self._changed = asyncio.Event()

    @property
    def segments(self) -> list[Segment]:
        """Those of the playlist, in order; the last may be incomplete."""
        return self._segments

    @property
    def ready(self) -> bool:
        """Whether there is enough for players to begin."""
        return sum(one.complete for one in self._segments) >= LEAST

    @property
    def hint(self) -> str:
        """The name of the part that comes next."""
        return f"{self._run}-part{self._parts}.m4s"

    def take(self, step: Step) -> None:
        """Put up what the segmenter has made."""
        if isinstance(step, Begin):
            self._begin(step)
        elif not self._open:  # what was under way when it was cleared
            return
        elif isinstance(step, Part):
            if step.data:
                self._files[self.hint] = step.data
            self._segments[-1].parts.append(NamedPart(self.hint, step))
            self._parts += 1
        else:
            self._end(step)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def clear(self) -> None:
        """Take everything down. What comes next begins with a segment, after a while."""
        self.first += len(self._segments)
        self.breaks += sum(one.broken for one in self._segments)
        self._segments, self._kept, self._files = [], [], {}
        self._head = None

    def has(self, number: int, part: int | None) -> bool:
        """Whether the playlist holds the segment of this media sequence number, or this part of it.

        A part that the segment does not have, now that it is complete, is the first of the next.
        """
        at = number - self.first
        if at < 0:
            return True
        if at >= len(self._segments):
            return False
        segment = self._segments[at]
        if part is None:
            return segment.complete
        if part < len(segment.parts):
            return True
        return segment.complete and self.has(number + 1, 0)

    def file(self, name: str) -> bytes | None:
        """The file of that name, if there is one now."""
        found = self._files.get(name)
        if isinstance(found, Segment):
            return b"".join(one.part.data for one in found.parts)
        return found

    async def until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, at most so long; whether it is."""
        try:
            async with asyncio.timeout(seconds):
                while not ready():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    @property
    def _open(self) -> bool:
        return bool(self._segments) and not self._segments[-1].complete

    def _begin(self, step: Begin) -> None:
        if self._open:  # it could not be ended
            if self._segments[-1].parts:
                self._complete()
            else:
                self._segments.pop()
        if step.head is not self._head:
            self._head = step.head
            self._heads += 1
            self._files[self._head_name()] = step.head
        number = self.first + len(self._segments)
        name = f"{self._run}-segment{number}.m4s"
        self._segments.append(Segment(name, self._head_name(), step.broken, step.at))

    def _end(self, step: End) -> None:
        self.longest, self.longest_part = step.longest, step.longest_part
        self._complete()
        while len(self._segments) > self._listed:
            self._retire()
        while len(self._kept) > self._listed + 1:
            self._forget()
        while self._bytes() > self._size and self._kept:
            self._forget()
        while self._bytes() > self._size and len(self._segments) > LEAST:
            self._retire()
            self._forget()

    def _complete(self) -> None:
        self._segments[-1].complete = True
        self._files[self._segments[-1].name] = self._segments[-1]

    def _retire(self) -> None:
        """Take the oldest out of the playlist."""
        oldest = self._segments.pop(0)
        self.first += 1
        self.breaks += oldest.broken
        self._kept.append(oldest)

    def _forget(self) -> None:
        oldest = self._kept.pop(0)
        for name in (oldest.name, *(one.name for one in oldest.parts)):
            self._files.pop(name, None)
        if oldest.head not in {one.head for one in (*self._kept, *self._segments)}:
            self._files.pop(oldest.head, None)

    def _bytes(self) -> int:
        return sum(one.size for one in (*self._kept, *self._segments))

    def _head_name(self) -> str:
        return f"{self._run}-init{self._heads}.mp4"
