"""Who gives way under overload: streams of lower priority, first in rate, then in optional stages.

Links lose frames when a node cannot keep up. The governor looks at that once a second: while frames
are being lost to full queues or to age, the streams of the lowest priority go down one level, and
when they are at the bottom, those of the next. When nothing has been lost for a while, they come
back the other way round. The streams of the highest priority never give way here; nor does anybody
where all have the same. `latest` links lose frames by design and do not count.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.filters import Filter
from stages.events import Event
from stages.frame import Frame


@dataclass(frozen=True, slots=True)
class Level:
    """How far a stream has given way.

    every     of those that a node would take from capture, only each such frame goes there
    optional  whether stages marked `optional` still see it
    """

    every: int
    optional: bool


LEVELS = (Level(1, optional=True), Level(2, optional=True), Level(4, optional=True),
          Level(4, optional=False))  # fmt: skip
CALM = 5  # looks without a loss before a level is given back: longer than a passing burst
PRESSURE = frozenset({"full", "age"})  # drop reasons that mean a node could not keep up


class Governor:
    """Keeps the level of each priority. One thread calls `look`; any may call the filters."""

    def __init__(self, priorities: Mapping[str, int]) -> None:
        """`priorities` by stream; a lower number gives way first."""
        self._priorities = priorities
        self._levels = dict.fromkeys(sorted(set(priorities.values())), 0)
        self._lost = 0
        self._calm = 0

    def level(self, stream: str) -> Level:
        """How far a stream has given way now."""
        return LEVELS[self._levels[self._priorities[stream]]]

    def look(self, lost: int) -> Sequence[Event]:
        """See how many frames have been lost so far, for PRESSURE reasons, and move by one level.

        returns  what changed, one event a stream
        """
        pressed, self._lost = lost > self._lost, lost
        self._calm = 0 if pressed else self._calm + 1
        *willing, _highest = self._levels
        if pressed:
            able = [p for p in willing if self._levels[p] < len(LEVELS) - 1]
            return self._move(able[0], 1) if able else ()
        if self._calm < CALM:
            return ()
        self._calm = 0
        able = [p for p in reversed(willing) if self._levels[p] > 0]
        return self._move(able[0], -1) if able else ()

    def filter(self, *, fed_by_capture: bool, optional: bool) -> Filter:
        """What keeps frames from a node under overload.

        It counts those that it is asked about: every second one of the ten that `fps: 10` lets
        through, not of the twenty-five that were captured, most of which would be let go anyway.
        """
        asked: Counter[str] = Counter()

        def permit(frame: Frame) -> str | None:
            level = self.level(frame.stream)
            turn = asked[frame.stream]
            asked[frame.stream] += 1
            if fed_by_capture and turn % level.every:
                return "rate"
            return "optional" if optional and not level.optional else None

        return permit

    def _move(self, priority: int, step: int) -> Sequence[Event]:
        self._levels[priority] += step
        number = self._levels[priority]
        name = "stream.degraded" if step > 0 else "stream.restored"
        detail = {
            "level": number,
            "every": LEVELS[number].every,
            "optional": LEVELS[number].optional,
        }
        return [Event(name, s, detail) for s, p in self._priorities.items() if p == priority]
