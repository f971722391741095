"""One viewer of one stream: a peer connection that sends its video and what is said about it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from aiortc import RTCDataChannel, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription

from sinks.viewers import Watch
from sinks.webrtc.broadcast import Broadcast
from sinks.webrtc.codecs import capabilities
from sinks.webrtc.errors import Refused
from sinks.webrtc.offer import MOST_CANDIDATES, Codec, Offer
from sinks.webrtc.outbox import Outbox, Picture
from sinks.webrtc.sender import FanOutSender, close, lose_messages_with
from stages.capture.ice import Ice

if TYPE_CHECKING:
    from sinks.webrtc.vp8 import Subscribed

OVERLAY = "overlay"
"""The label of the data channel that the viewer opens."""
MOST_BUFFERED = 64 * 1024
"""Bytes of messages that wait for a slow viewer; what comes then is late, and is not said."""

log = structlog.get_logger()


class Session:
    """Lives from an offer to `close`, which comes by itself when nobody is there.

    id      hard to guess: who knows it may end the session
    unsaid  overlay messages that came too late to be sent
    """

    def __init__(
        self,
        stream: str,
        codec: Codec,
        profile: str,
        broadcast: Broadcast,
        ice: Ice,
        patience_s: float,
        ended: Callable[["Session"], None],
    ) -> None:
        """Make our end of it.

        profile  of the stream's H.264, as far as it is known: see `codecs.profile_of`
        ended    called once: it failed, was closed, or did not connect in `patience_s`
        """
        self.id = secrets.token_urlsafe(16)
        self.stream = stream
        self.unsaid = 0
        self.outbox = Outbox(self._want_keyframe)
        self._broadcast = broadcast
        self._ended = ended
        self._ice = ice
        self._over = self._closed = False
        self._candidates = 0
        self._watch: Watch | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._overlay: RTCDataChannel | None = None
        self._reading: Subscribed | None = None
        self._peer = RTCPeerConnection(ice.configuration())
        video = self._peer.addTransceiver("video", direction="sendonly")
        video.setCodecPreferences(capabilities(codec, profile))
        self.sender = FanOutSender(
            video.sender, self.outbox, self._want_keyframe, self._going_out, self.outbox.begin
        )
        self._peer.on("connectionstatechange", self._look)
        self._peer.on("datachannel", self._take_channel)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(patience_s, self._end, "nobody came")

    @property
    def connected(self) -> bool:
        """Whether the viewer can see something."""
        return self._peer.connectionState == "connected"

    async def answer(self, offer: Offer) -> str:
        """Our description, with all our candidates. Raises Refused 400 if it cannot be answered."""
        described = RTCSessionDescription(offer.sdp, "offer")
        try:
            await self._peer.setRemoteDescription(described)
            await self._ice.describe(self._peer)
        except Exception as error:
            raise Refused(400, f"offer: {type(error).__name__}: {error}") from error
        lose_messages_with(self._peer)
        await self.add(offer.candidates)
        if self._closed or self._over:
            await close(self._peer)  # once more: it may have opened sockets since
            raise Refused(408, "offer: the answer took longer than a viewer may take to connect")
        # Before it is connected: while that is done, the first picture is made.
        self._reading = self._broadcast.join(self.outbox)
        return self._peer.localDescription.sdp

    async def add(self, candidates: Sequence[RTCIceCandidate]) -> None:
        """Take more of the viewer's addresses. Raises Refused 400 when there are too many."""
        self._candidates += len(candidates)
        if self._candidates > MOST_CANDIDATES:
            raise Refused(
                400, f"candidates: wanted at most {MOST_CANDIDATES} in all, got {self._candidates}"
            )
        for candidate in candidates:
            await self._peer.addIceCandidate(candidate)

    def watched(self, watch: Watch, until: datetime | None) -> None:
        """Somebody watches by it: `watch` ends with it, and it with `until`, if that is given."""
        self._watch = watch
        if self._over or self._closed:
            watch.end()
        elif until is not None:
            left = max(0.0, until.timestamp() - time.time())
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(left, self._end, "may watch no longer")

    def say(self, message: bytes) -> None:
        """Send an overlay message, unless there is no channel yet or too much waits in it."""
        channel = self._overlay
        if channel is None or channel.readyState != "open":
            return
        if channel.bufferedAmount > MOST_BUFFERED:
            self.unsaid += 1
            return
        try:
            channel.send(message)
        except ValueError:  # the viewer has said that it takes only shorter ones
            self.unsaid += 1

    async def close(self) -> None:
        """End it. Can be called again."""
        self._closed = True
        self._timer.cancel()
        if self._limit is not None:
            self._limit.cancel()
        if self._watch is not None:
            self._watch.end()
        if self._reading is not None:
            self._broadcast.leave(self._reading)
            self._reading = None
        await close(self._peer)

    def _want_keyframe(self) -> None:
        if self._reading is not None:
            self._reading.want_keyframe()

    def _going_out(self, picture: Picture) -> None:
        if picture.note:
            self.say(picture.note)

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == OVERLAY and self._overlay is None:
            self._overlay = channel
        else:
            channel.close()

    def _look(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._timer.cancel()
        elif state in {"failed", "closed"}:
            self._end(state)

    def _end(self, why: str) -> None:
        if not self._over:
            self._over = True
            log.info("viewer left", stream=self.stream, why=why, lost=self.outbox.lost)
            self._ended(self)
