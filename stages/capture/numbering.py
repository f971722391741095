"""Numbers the pictures of a stream, those that were left undecoded included."""

import heapq
from collections import deque

from stages.capture.clock import JUMP, StreamClock

HELD_MOST = 128
"""Pictures that a decoder may hold: 16 to put them in order (ITU-T H.264, A.3.1) and one for each
of up to 64 threads, with room to spare."""


class Numbering:
    """Gives each picture its number and its place in time, over all connections of a stream.

    clock  the stream's clock
    """

    def __init__(self, demand_fps: float | None = None) -> None:
        """Begin at 0. Who asks for few pictures a second gets gaps longer than `JUMP`."""
        self.clock = StreamClock(jump=max(JUMP, 3 / demand_fps) if demand_fps else JUMP)
        self._next = 0
        self._joined = True  # since the last connection began, nothing has been placed
        self._spared: list[float] = []  # stream seconds, a heap
        self._held: deque[float] = deque(maxlen=HELD_MOST)  # timestamps of the connection

    def join(self, gap: float | None = None) -> None:
        """A new connection; see `StreamClock.join`."""
        self._next += len(self._spared)
        self._spared.clear()
        self._held.clear()
        self._joined = True
        self.clock.join(gap)

    @property
    def next(self) -> int:
        """The number of the next picture, where they come in the order of showing."""
        return self._next

    def number_at(self, raw: float | None) -> int | None:
        """The number of the picture with this timestamp, or None while it cannot be told.

        It is right where all pictures shown before it have been given, spared or held.
        """
        pts, last = self.clock.peek(raw), self.clock.last
        if raw is None or pts is None or last is None or pts <= last:
            return None
        before = sum(spared < pts for spared in self._spared) + sum(one < raw for one in self._held)
        return self._next + before

    def hold(self, raw: float | None) -> None:
        """The decoder got the picture with this timestamp; it gives it out later, or never."""
        if raw is not None:
            self._held.append(raw)

    def skip(self, raw: float | None) -> None:
        """The next picture stays undecoded, of a stream that comes in the order of showing.

        raw  its timestamp; the clock goes on by it as if the picture were there
        """
        self.clock.place(raw)
        self._joined = False
        self._next += 1

    def time_of(self, raw: float | None) -> float | None:
        """Stream seconds of the picture with this timestamp, given already or still to come.

        None while that is not known. The picture given last may have got another place than its
        timestamp alone would say.
        """
        placed = raw == self.clock.raw and not self._joined
        return self.clock.last if placed else self.clock.peek(raw)

    def spare(self, pts: float) -> None:
        """A picture of stream time `pts` stays undecoded; it may come before ones still to be
        given, since packets come in the order of decoding."""
        heapq.heappush(self._spared, pts)

    def give(self, raw: float | None) -> tuple[int, float]:
        """(number, seconds) of the next picture that is given out, in the order of showing."""
        pts = self.clock.place(raw)
        self._joined = False
        if raw is not None:
            self._held = deque((one for one in self._held if one > raw), HELD_MOST)
        while self._spared and self._spared[0] < pts:
            heapq.heappop(self._spared)
            self._next += 1
        number = self._next
        self._next += 1
        return number, pts
