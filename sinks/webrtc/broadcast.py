"""One stream on its way to all who watch it: each picture is packetised once."""

import asyncio
import threading
from collections import deque

from sinks.webrtc.outbox import Outbox, Picture, hurried
from sinks.webrtc.overlay_message import encode, rtp_timestamp
from sinks.webrtc.sender import payloads, vp8_payloads
from sinks.webrtc.vp8 import Attachable, Subscribed
from stages.lane import Packet

KEPT = 8
"""Pictures before the last keyframe that are remembered in their packets, for readers who lag."""
MOST_KEPT = 1500
"""As many as `sinks.video` keeps of one group."""


class Broadcast:
    """The pictures of one stream, for any number of outboxes.

    packetised  pictures that were split into packets so far
    """

    def __init__(self, video: Attachable) -> None:
        """Nobody looks yet. Made on the event loop that the outboxes live on."""
        self.packetised = 0
        self._readers = 0
        self._video = video
        self._loop = asyncio.get_running_loop()
        self._known: dict[int, tuple[Packet, Picture]] = {}
        self._lock = threading.Lock()
        self._passing: deque[tuple[Outbox, Picture]] = deque()
        self._called = False

    def join(self, outbox: Outbox) -> Subscribed:
        """Put every picture into this outbox from now on."""
        here, joining = threading.get_ident(), True
        backlog: list[Picture] = []

        def read(packet: Packet) -> None:
            picture = self._picture(packet)
            if joining and threading.get_ident() == here:
                backlog.append(picture)
            else:
                self._pass_on(outbox, picture)

        subscription = self._video.attach(read)
        self._readers += 1
        joining = False
        for picture in hurried(backlog):
            outbox.offer(picture)
        return subscription

    def leave(self, subscription: Subscribed) -> None:
        """End what `join` began."""
        subscription.close()
        self._readers -= 1
        if not self._readers:
            with self._lock:
                self._known.clear()

    def _pass_on(self, outbox: Outbox, picture: Picture) -> None:
        # From any thread. One call wakes the loop for all viewers of a picture.
        self._passing.append((outbox, picture))
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._called = False
        try:
            while self._passing:
                outbox, picture = self._passing.popleft()
                outbox.offer(picture)
        finally:  # what fails for one viewer does not hold the others
            if self._passing:
                self._loop.call_soon(self._deliver)

    def _picture(self, packet: Packet) -> Picture:
        with self._lock:
            # By identity: the packet is kept beside it, so that nothing else can have its number.
            known = self._known.get(id(packet))
            if known is not None:
                return known[1]
            if packet.coding.codec == "vp8":
                parts = vp8_payloads(packet.data, self.packetised)
            else:
                parts = payloads(packet.data)
            picture = Picture(
                parts,
                rtp_timestamp(packet.pts),
                packet.keyframe,
                encode(packet.pts, packet.captured_at),
                sum(map(len, parts)),
            )
            self.packetised += 1
            most = KEPT if packet.keyframe else MOST_KEPT
            while len(self._known) >= most:
                del self._known[next(iter(self._known))]
            self._known[id(packet)] = packet, picture
            return picture
