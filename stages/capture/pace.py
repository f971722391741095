"""Gives the pictures of a file at the speed at which they were taken."""

import time
from collections.abc import Callable

LATE = 1.0
"""Seconds behind after which the schedule is moved: a stream that was held up for long goes on from
there, it does not race through what it has missed."""


class Pace:
    """A schedule on the monotonic clock. It is computed from the start of the stream, not from the
    picture before, so small delays do not add up."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """The first picture that is waited for sets the start."""
        self._clock = clock
        self._sleep = sleep
        self._start: float | None = None

    def wait(self, pts: float) -> None:
        """Return when the picture at `pts` seconds of the stream is due."""
        now = self._clock()
        if self._start is None or now - (self._start + pts) > LATE:
            self._start = now - pts
        ahead = self._start + pts - now
        if ahead > 0:
            self._sleep(ahead)
