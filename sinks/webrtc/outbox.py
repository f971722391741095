"""What waits for one viewer: whole pictures, never more of them than are worth seeing.

    full    the oldest has waited longer than a second, or there are too many bytes

Then pictures are lost from here to the next keyframe, since none between could be decoded, and
counted. Nobody else notices: each viewer has an outbox of its own, and the payloads are shared.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

MOST_AGE_S = 1.0
MOST_BYTES = 32 << 20
"""As many as `sinks.video` keeps of the group of pictures that a new viewer gets at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A coded picture, ready to be sent to any number of viewers.

    payloads  of its RTP packets (RFC 6184)
    rtp       its RTP timestamp
    note      the overlay message that says that it goes out; empty for one that is past
    size      bytes of all payloads
    """

    payloads: tuple[bytes, ...]
    rtp: int
    keyframe: bool
    note: bytes
    size: int


class Outbox:
    """The bounded queue before one viewer. Lives on the event loop.

    lost     pictures that this viewer did not get, since it began
    on_news  called when a picture has come
    """

    def __init__(
        self, want_keyframe: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`want_keyframe` is called when pictures are lost until the next one."""
        self.lost = 0
        self.on_news: Callable[[], None] | None = None
        self._want_keyframe = want_keyframe
        self._clock = clock
        self._waiting: deque[tuple[float, Picture]] = deque()
        self._bytes = 0
        self._begun = False
        self._broken = True  # nothing can be decoded before the first keyframe

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._waiting)

    def offer(self, picture: Picture) -> None:
        """Take a picture, or lose it. Never waits."""
        if picture.keyframe:
            if self._full():
                self._lose(len(self._waiting))
                self._waiting.clear()
                self._bytes = 0
            self._broken = False
        elif self._broken or self._full():
            self._lose(1)
            if not self._broken:
                self._broken = True
                if self._begun:
                    self._want_keyframe()
            return
        self._waiting.append((self._clock(), picture))
        self._bytes += picture.size
        if self.on_news is not None:
            self.on_news()

    def take(self) -> Picture | None:
        """The next picture, if any waits."""
        if not self._waiting:
            return None
        _, picture = self._waiting.popleft()
        self._bytes -= picture.size
        return picture

    def begin(self) -> None:
        """The viewer is connected: what has waited for that shall be seen at once."""
        self._begun = True
        if self._broken:
            self._want_keyframe()
        times, pictures = zip(*self._waiting, strict=True) if self._waiting else ((), ())
        self._waiting = deque(zip(times, hurried(pictures), strict=True))

    def _lose(self, pictures: int) -> None:
        if self._begun:  # nobody misses what came before
            self.lost += pictures

    def _full(self) -> bool:
        if not self._waiting:
            return False
        return self._clock() - self._waiting[0][0] > MOST_AGE_S or self._bytes > MOST_BYTES


def hurried(backlog: Sequence[Picture]) -> list[Picture]:
    """What has come since a keyframe, for somebody who sees it only now.

    A browser shows pictures as far apart as their times are, so it would play the seconds that it
    has missed, and lag by them. So all but the newest get times just before it, one tick apart:
    they are decoded as fast as they come, and no overlay fits them.
    """
    last = len(backlog) - 1
    return [
        picture
        if index == last
        else replace(picture, rtp=(backlog[last].rtp - (last - index)) & 0xFFFFFFFF, note=b"")
        for index, picture in enumerate(backlog)
    ]
