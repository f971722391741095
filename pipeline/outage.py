"""A sink that fails and is well again, told as two events however often it fails in between."""

from stages.events import Event

CALM_S = 3.0
"""Seconds without a failure after which a sink is well: one that holds results back for a second
before it writes them takes some in between, and fails with the next that it writes."""


class Outage:
    """What is known of one sink's failures. Times are monotonic seconds."""

    def __init__(self, sink: str) -> None:
        """All is well."""
        self._sink = sink
        self._since: float | None = None
        self._last = 0.0
        self._lost = 0

    def failed(self, error: str, frames: int, now: float) -> Event | None:
        """A write failed. `sink.lost` if that is news."""
        news = self._since is None
        if news:
            self._since, self._lost = now, 0
        self._last = now
        self._lost += frames
        return Event("sink.lost", self._sink, {"error": error}) if news else None

    def wrote(self, now: float) -> Event | None:
        """A write succeeded. `sink.back` if that, too, is news."""
        if self._since is None or now - self._last < CALM_S:
            return None
        away, self._since = self._last - self._since, None
        return Event("sink.back", self._sink, {"away_s": round(away, 3), "failed": self._lost})
