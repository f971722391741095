"""One stream on its way to all who watch it: each picture is packetised once."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sinks.webrtc.outbox import Outbox, Picture
from sinks.webrtc.overlay_message import encode, rtp_timestamp
from sinks.webrtc.sender import payloads

KEPT = 64
"""Pictures remembered in their packets: all readers get the same one at about the same time."""


class Coded(Protocol):
    """A coded picture: what a viewer needs of `stages.lane.Packet`."""

    @property
    def data(self) -> bytes: ...
    @property
    def pts(self) -> float: ...
    @property
    def keyframe(self) -> bool: ...
    @property
    def captured_at(self) -> datetime: ...


class Attachable(Protocol):
    """What a viewer needs of a stream's video."""

    def attach(self, reader: Callable[[Coded], None]) -> Callable[[], None]: ...
    def want_keyframe(self) -> None: ...


class Broadcast:
    """The pictures of one stream, for any number of outboxes.

    packetised  pictures that were split into packets so far
    """

    def __init__(self, video: Attachable) -> None:
        """Nobody looks yet. Made on the event loop that the outboxes live on."""
        self.packetised = 0
        self._video = video
        self._loop = asyncio.get_running_loop()
        self._known: OrderedDict[int, tuple[Coded, Picture]] = OrderedDict()
        self._lock = threading.Lock()

    def join(self, outbox: Outbox) -> Callable[[], None]:
        """Put every picture into this outbox from now on. Returns what ends that."""

        def read(packet: Coded) -> None:
            self._loop.call_soon_threadsafe(outbox.offer, self._picture(packet))

        return self._video.attach(read)

    def want_keyframe(self) -> None:
        """A viewer cannot go on without one."""
        self._video.want_keyframe()

    def _picture(self, packet: Coded) -> Picture:
        with self._lock:
            # By identity: the packet is kept beside it, so that nothing else can have its number.
            known = self._known.get(id(packet))
            if known is not None:
                return known[1]
            parts = payloads(bytes(packet.data))
            picture = Picture(
                parts,
                rtp_timestamp(packet.pts),
                packet.keyframe,
                encode(packet.pts, packet.captured_at),
                sum(map(len, parts)),
            )
            self.packetised += 1
            self._known[id(packet)] = packet, picture
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
            return picture
