"""Where the segments of HLS begin and end, and their parts.

A segment begins at a keyframe where the video lets it. Its parts are what players get before it is
complete: so many pictures as fit into a part. The first segment shows how long segments and parts
of this video are, and later ones keep to that, as the protocol wants (RFC 8216bis, 4.4.3.1 and
4.4.4.9: what was announced may not change, and a part is no longer).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sinks.restream.fragments import Fragments
from sinks.restream.sequence import Sequence
from stages.lane import Packet

FIRST_MOST_S = 12.0  # the first segment ends after so long, keyframe or not
ROUNDING_S = 0.49  # a segment may be longer than announced by what is rounded away (4.4.3.1)
JUST_OVER_S = 0.1  # 30 pictures at 29.97 a second are a segment of one second all the same
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Begin:
    """A segment begins.

    head    the initialisation section under which it can be read: the same object while it is the
            same
    broken  it does not follow from the one before
    at      UTC of its first picture
    """

    head: bytes
    broken: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """The next part of the segment.

    data         fragments of mp4; empty for a gap, in which the last picture stays as it is
    seconds      how long it is
    independent  there is a keyframe in it
    """

    data: bytes
    seconds: float
    independent: bool


@dataclass(frozen=True, slots=True)
class End:
    """The segment is complete.

    longest       whole seconds that no segment passes, when rounded
    longest_part  seconds that no part passes. Both are those of the first `End` for ever
    """

    longest: int
    longest_part: float


Step = Begin | Part | End


class Segmenter:
    """Turns one stream's packets into steps. Knows no clock and no thread."""

    def __init__(self, segment_s: float, part_s: float) -> None:
        """Seconds that a segment lasts at least, and a part at most, if no picture lasts longer."""
        self._least = segment_s
        self._part_most = part_s
        self._most = FIRST_MOST_S
        self._longest = 0  # as in `End`; 0 in the first segment
        self._longest_part = self._longest_picture = 0.0
        self._previous: Packet | None = None
        self._broken = False  # nothing can follow what there was
        self._lasted = 0.0  # of the picture before
        self._sequence: Sequence
        self._fragments: Fragments
        self._seconds = 0.0  # of the segment
        self._part: list[bytes] = []
        self._part_s = 0.0
        self._independent = False

    def take(self, packet: Packet) -> Iterator[Step]:
        """The next packet; the first one is a keyframe. Raises av.FFmpegError."""
        previous, self._previous = self._previous, packet
        if previous is None:
            yield self._begin(packet, broken=self._broken)
            return
        lasts = packet.dts - previous.dts
        if not 0 < lasts <= self._most or not self._sequence.goes_on(packet):
            yield from self._add(previous, self._fragments.end(), self._lasted)
            yield from self._end()
            yield self._begin(packet, broken=True)
            return
        yield from self._add(previous, self._fragments.add(packet), lasts)
        self._lasted = lasts
        whole = packet.keyframe and self._seconds >= self._least - lasts / 2
        if whole or self._seconds + lasts > self._most + TINY:
            yield from self._end()
            yield Begin(self._fragments.head, broken=False, at=packet.captured_at)

    def give_up(self) -> None:
        """Begin anew with the next packet, a keyframe: what there was cannot be ended."""
        self._previous, self._broken = None, True
        self._part, self._part_s, self._seconds = [], 0.0, 0.0

    def _begin(self, packet: Packet, *, broken: bool) -> Begin:
        self._sequence, self._fragments = Sequence(packet), Fragments(packet)
        return Begin(self._fragments.head, broken, packet.captured_at)

    def _add(self, packet: Packet, fragment: bytes, lasts: float) -> Iterator[Step]:
        self._longest_picture = max(self._longest_picture, lasts)
        if self._part_s + lasts > self._part_most + TINY:
            yield from self._cut()
        self._part.append(fragment)
        self._part_s += lasts
        self._seconds += lasts
        self._independent |= packet.keyframe
        if self._part_s + lasts > self._part_most + TINY:  # the next will not fit
            yield from self._cut()

    def _cut(self) -> Iterator[Step]:
        if not self._part:
            return
        data, seconds, independent = b"".join(self._part), self._part_s, self._independent
        self._part, self._part_s, self._independent = [], 0.0, False
        self._longest_part = max(self._longest_part, seconds)
        most = self._part_most if self._longest else seconds
        rest = seconds - most
        if rest <= TINY:
            yield Part(data, seconds, independent)
            return
        yield Part(data, most, independent)
        for _ in range(gaps := ceil(rest / most - TINY)):
            yield Part(b"", rest / gaps, independent=False)

    def _end(self) -> Iterator[Step]:
        yield from self._cut()
        if not self._longest:
            self._longest = max(1, ceil(max(self._least, self._seconds) - JUST_OVER_S))
            self._most = self._longest + ROUNDING_S
            # Half a picture more, so that one that comes a little late does not have to wait for
            # the next part: with as many pictures, parts stay above 85 % of it (4.4.4.9).
            self._part_most = self._longest_part + self._longest_picture / 2
        self._seconds = 0.0
        yield End(self._longest, self._part_most)
