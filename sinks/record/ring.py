"""The last seconds of a stream, kept in memory until an event asks for them."""

from collections import deque

from stages.lane import Packet

MOST_BYTES = 64 * 1024 * 1024


class Ring:
    """Whole groups of pictures, from a keyframe on, that together reach back far enough.

    Bounded in bytes too: then it reaches back less.
    """

    def __init__(self, seconds: float, most_bytes: int = MOST_BYTES) -> None:
        """Keep at least so many seconds before the newest packet."""
        self._seconds = seconds
        self._most = most_bytes
        self._groups: deque[list[Packet]] = deque()
        self._bytes = 0

    @property
    def pts(self) -> float | None:
        """Of the oldest packet; None if there is none."""
        return self._groups[0][0].pts if self._groups else None

    def take(self, packet: Packet) -> None:
        """Add the next packet; before the first keyframe there is no use for any."""
        if packet.keyframe:
            self._groups.append([])
        elif not self._groups:
            return
        self._groups[-1].append(packet)
        self._bytes += len(packet.data)
        while len(self._groups) > 1 and self._groups[1][0].pts <= packet.pts - self._seconds:
            self._drop()
        while self._groups and self._bytes > self._most:
            self._drop()

    def since(self, pts: float) -> list[Packet]:
        """All packets from the last keyframe at or before `pts` on, or from the oldest; emptied."""
        while len(self._groups) > 1 and self._groups[1][0].pts <= pts:
            self._drop()
        packets = [packet for group in self._groups for packet in group]
        self.clear()
        return packets

    def clear(self) -> None:
        """What comes next does not follow from what is here."""
        self._groups.clear()
        self._bytes = 0

    def _drop(self) -> None:
        self._bytes -= sum(len(packet.data) for packet in self._groups.popleft())
