"""Packets on their way to somebody who may be slow, or gone."""

import threading
from collections import deque

from stages.lane import Packet

MOST_PACKETS = 250  # 10 s at 25 a second: who is further behind does not catch up
MOST_BYTES = 16 * 1024 * 1024


class Outbox:
    """A bounded queue between the thread that has the packets and the one that passes them on.

    When it is full, all that waits is lost, and what comes until the next keyframe: nothing after
    a missing packet can be decoded.

    lost  packets so far
    """

    def __init__(self, packets: int = MOST_PACKETS, size: int = MOST_BYTES) -> None:
        """At most so many packets, and so many bytes."""
        self.lost = 0
        self._most, self._most_bytes = packets, size
        self._waiting: deque[Packet] = deque()
        self._bytes = 0
        self._skipping = True
        self._closed = False
        self._changed = threading.Condition()

    def put(self, packet: Packet) -> bool:
        """Add the next packet; never waits. False if a keyframe is needed before any more."""
        with self._changed:
            if self._closed:
                return True
            full = (
                len(self._waiting) >= self._most
                or self._bytes + len(packet.data) > self._most_bytes
            )
            if full:
                self._lose()
            if self._skipping and not packet.keyframe:
                self.lost += 1
                return False
            self._skipping = False
            self._waiting.append(packet)
            self._bytes += len(packet.data)
            self._changed.notify()
            return True

    def take(self) -> Packet | None:
        """The next packet, as soon as there is one; None once it has been closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            packet = self._waiting.popleft()
            self._bytes -= len(packet.data)
            return packet

    def begin_anew(self) -> None:
        """Who takes them has lost what it had, and begins at the newest keyframe."""
        with self._changed:
            waiting = list(self._waiting)
            keyframes = [at for at, one in enumerate(waiting) if one.keyframe]
            kept = waiting[keyframes[-1] :] if keyframes else []
            self.lost += len(self._waiting) - len(kept)
            self._waiting = deque(kept)
            self._bytes = sum(len(one.data) for one in kept)
            self._skipping = not kept

    def close(self) -> None:
        """Nobody takes any more."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _lose(self) -> None:
        self.lost += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._skipping = True
