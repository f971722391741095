"""What may keep a frame from a node before it waits there: a rate, every nth, a condition."""

from collections.abc import Callable
from math import floor

from pipeline.expression import Condition
from stages.frame import Frame

Filter = Callable[[Frame], str | None]
"""Why a frame may not pass, or None when it may. Called once a frame, in order for each stream."""


class AtMost:
    """At most `fps` frames a second of stream time: the first at or after each tick of the clock.

    Counted on the frames' own clock, so that the same file gives the same frames at any speed.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._ticks: dict[str, int] = {}

    def __call__(self, frame: Frame) -> str | None:
        tick = floor(frame.pts * self._fps + 1e-6)
        if tick <= self._ticks.get(frame.stream, -1):
            return "fps"
        self._ticks[frame.stream] = tick
        return None


class EveryNth:
    """Frames whose number is a multiple of `n`."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __call__(self, frame: Frame) -> str | None:
        return "every" if frame.seq % self._n else None


class When:
    """Frames about which a condition on earlier results holds."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def __call__(self, frame: Frame) -> str | None:
        return None if self._condition.holds(frame.results) else "when"
