"""The clock of one stream: takes timestamps as they come and gives seconds that never fall."""

import math

TICK = 1 / 90_000
"""Seconds by which a picture is put after its neighbour when its own time is already past: one tick
of the RTP video clock (RFC 6184), the least that every container can tell apart."""
JUMP = 10.0
"""Seconds of gap within one connection that are believed; FFmpeg's own `dts_delta_threshold`."""
BACK = 0.5
"""Seconds that a timestamp may lie behind and still count as out of order, not as a new origin."""
PATIENCE = 4
"""Pictures in a row that may be out of order; then the stream's clock has been set back."""
LONGEST_STEP = 1.0
"""Seconds from one picture to the next that are still taken for the stream's usual step."""


class StreamClock:
    """Maps the timestamps of a stream, connection after connection, to seconds from 0.

    Good timestamps keep their distances exactly. A missing one, one that repeats, falls or leaps
    gets the place that the stream's usual step gives it, and is counted.

    repaired  timestamps that could not be taken as they were
    last      seconds of the picture placed last, or None before the first
    raw       its own timestamp, or None if it had none or belongs to an earlier connection
    """

    def __init__(self, step: float = 1 / 25, jump: float = JUMP) -> None:
        """Start before the first picture.

        step  seconds from picture to picture until the stream has shown its own
        jump  greatest gap in seconds that is believed
        """
        self.repaired = 0
        self.last: float | None = None
        self._step = step
        self._jump = jump
        self._offset: float | None = None
        self._gap = 0.0
        self._late = 0
        self.raw: float | None = None

    def join(self, gap: float | None = None) -> None:
        """A new connection, or the file from its start: its timestamps have another origin.

        gap  seconds that passed between the last picture and the one to come; if left out, the
             usual step
        """
        self._offset = self.raw = None
        self._late = 0
        if self.last is not None:
            self._gap = max(TICK, self._step if gap is None else gap)

    def peek(self, raw: float | None) -> float | None:
        """Where a good timestamp would land, or None while the origin is unknown."""
        if raw is None or self._offset is None:
            return None
        return raw + self._offset

    def place(self, raw: float | None) -> float:
        """Seconds of the next picture; more than those of the one before, however little.

        raw  its own timestamp in seconds, from any origin, or None if it has none
        """
        if raw is not None and not math.isfinite(raw):
            raw = None
        last = self.last
        if self._offset is None:
            placed = (0.0 if last is None else last) + self._gap
            self._gap = self._step
            self._anchor(raw, placed)
            self.repaired += raw is None
        else:
            assert last is not None
            placed = self._follow(raw, last)
        if last is not None and placed <= last:  # a float so large that a step is lost in it
            placed = math.nextafter(last, math.inf)
        self.raw = raw
        self.last = placed
        return placed

    def _follow(self, raw: float | None, last: float) -> float:
        expected = last + self._step
        ahead = self.peek(raw)
        if raw is None or ahead is None or raw == self.raw:
            self.repaired += 1
            if ahead is not None and ahead < expected - BACK:  # a clock that stands still
                self._anchor(raw, expected)
            return expected
        if last < ahead <= last + self._jump:
            self._late = 0
            if ahead - last <= LONGEST_STEP:
                self._step = max(TICK, ahead - last)
            return ahead
        self.repaired += 1
        self._late += 1
        if last - BACK <= ahead <= last and self._late <= PATIENCE:
            return last + TICK
        self._late = 0
        self._anchor(raw, expected)
        return expected

    def _anchor(self, raw: float | None, placed: float) -> None:
        if raw is not None:
            self._offset = placed - raw
