"""Numbers the pictures of a stream, those that were left undecoded included."""

import heapq

from stages.capture.clock import JUMP, StreamClock


class Numbering:
    """Gives each picture its number and its place in time, over all connections of a stream.

    clock  the stream's clock
    """

    def __init__(self, demand_fps: float | None = None) -> None:
        """Begin at 0. Who asks for few pictures a second gets gaps longer than `JUMP`."""
        self.clock = StreamClock(jump=JUMP if demand_fps is None else max(JUMP, 3 / demand_fps))
        self._next = 0
        self._spared: list[float] = []

    def join(self, gap: float | None = None) -> None:
        """A new connection; see `StreamClock.join`."""
        self._next += len(self._spared)
        self._spared.clear()
        self.clock.join(gap)

    def spare(self, pts: float) -> None:
        """A picture of stream time `pts` stays undecoded; it may come before ones still to be
        given, since packets come in the order of decoding."""
        heapq.heappush(self._spared, pts)

    def give(self, raw: float | None) -> tuple[int, float]:
        """(number, seconds) of the next picture that is given out, in the order of showing."""
        pts = self.clock.place(raw)
        while self._spared and self._spared[0] < pts:
            heapq.heappop(self._spared)
            self._next += 1
        number = self._next
        self._next += 1
        return number, pts
