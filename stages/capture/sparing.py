"""Which packets of a stream need no decoding, when only some of its pictures are looked at.

For so many pictures a second there are three ways, the best that the stream allows:

every picture stands alone  (MJPEG, ProRes, ...) only wanted packets are decoded
keyframes are frequent      no longer between two of them than between two wanted pictures: only
                            wanted keyframes are decoded
otherwise                   pictures that no other is built from are left out, unless wanted

For every nth picture, the first and the last of them.
"""

from collections import deque
from enum import Enum, auto
from math import floor

from stages.source import Demand

ROUNDING = 1e-6
"""Part of a period by which float arithmetic may miss its edge, as in the graph's own filter."""
KEYFRAMES_SEEN = 3
"""Distances between keyframes that must all be short before the stream is trusted to go on so."""


def period(pts: float, fps: float) -> int:
    """The number of the 1/fps long stretch of stream time in which `pts` lies.

    The picture that is looked at is the first of each stretch.
    """
    return floor(pts * fps + ROUNDING)


class Verdict(Enum):
    """What to do with a packet."""

    DECODE = auto()
    SPARE = auto()
    ALONE = auto()  # decode it and take its picture out at once: those around it are left out


class Sparing:
    """Decides packet by packet, in the order of decoding, for one connection of one stream.

    Leaving out a picture that others are built from makes all undecodable up to the next keyframe;
    so that choice is made at keyframes, and kept until the next.
    """

    def __init__(self, demand: Demand, *, intra: bool) -> None:
        """Spare what `demand` does not want.

        intra  every picture of this codec stands alone
        """
        self._fps = demand.fps
        self._every = demand.every
        self._intra = intra
        self._distances: deque[float] = deque(maxlen=KEYFRAMES_SEEN)
        self._last_key: float | None = None
        self._only_keys = False
        self._period = -1

    def judge(
        self,
        pts: float | None,
        duration: float,
        *,
        number: int | None,
        keyframe: bool,
        disposable: bool,
    ) -> Verdict:
        """Look at the next packet.

        pts         stream seconds of its picture, or None while they are not known
        duration    seconds until the next picture, 0 if unknown
        number      that its picture will have, or None while it cannot be told
        keyframe    decoding may start here
        disposable  no other picture is built from it
        """
        if self._fps is None:
            wanted = number is None or number % self._every == 0
            alone = self._intra or disposable
            return Verdict.SPARE if alone and not wanted else Verdict.DECODE
        if self._intra:
            return Verdict.DECODE if pts is None or self._begins(pts) else Verdict.SPARE
        if keyframe:
            self._only_keys = self._keys_suffice(pts)
        if pts is None:
            # Left out if the chain is broken, though it has no time and so gets no number.
            return Verdict.SPARE if self._only_keys and not keyframe else Verdict.DECODE
        if self._only_keys:
            return Verdict.ALONE if keyframe and self._begins(pts) else Verdict.SPARE
        if disposable and duration > 0 and self._same_period(pts - duration, pts):
            return Verdict.SPARE
        return Verdict.DECODE

    def _begins(self, pts: float) -> bool:
        """Whether this is the first picture of its period, for pictures that come in order."""
        assert self._fps is not None
        now = period(pts, self._fps)
        if now <= self._period:
            return False
        self._period = now
        return True

    def _same_period(self, one: float, other: float) -> bool:
        assert self._fps is not None
        return period(one, self._fps) == period(other, self._fps)

    def _keys_suffice(self, pts: float | None) -> bool:
        assert self._fps is not None
        if pts is None:
            return False
        if self._last_key is not None:
            self._distances.append(pts - self._last_key)
        self._last_key = pts
        longest = (1 + ROUNDING) / self._fps
        # A distance that is not positive comes of a clock that was set back: wait for good ones.
        return len(self._distances) == KEYFRAMES_SEEN and all(
            0 < one <= longest for one in self._distances
        )
