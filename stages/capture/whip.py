"""A stream that somebody publishes to us over WebRTC: a browser, OBS, whatever speaks WHIP.

`publish` is called on the event loop for each offer; `frames` waits in the capture thread for what
it lets in. Who publishes is decoded by aiortc, in a thread of its own.
"""

import asyncio
import secrets
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import av
import structlog
from av.error import FFmpegError

from stages.capture.ice import Ice
from stages.capture.numbering import Numbering
from stages.capture.options import CaptureOptions
from stages.errors import BadPicture, SourceLost, StageError
from stages.frame import Frame
from stages.lane import Lane
from stages.picture import Picture
from stages.source import Demand, SourceStats

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCIceCandidate

log = structlog.get_logger()

WAITING = 2  # pictures that may wait for the capture thread before the oldest gives way
CONNECT_S = 15.0  # from the answer to the first packet


class BadOffer(StageError):
    """An offer that is no SDP, or brings no video."""


class Taken(StageError):
    """Somebody publishes this stream already."""


class WhipSource:
    """One stream that may have a publisher, one at a time.

    live   always
    ice    STUN and TURN servers, for us and for who publishes
    stats  see `SourceStats`; here also late (pictures that the graph did not take in time)
    """

    live = True

    def __init__(self, stream: str, options: CaptureOptions, demand: Demand, lane: Lane) -> None:
        """Wait for nobody yet."""
        self.stats = SourceStats()
        self._stream = stream
        self._options = options
        self._demand = demand
        self._lane = lane
        self.ice = Ice(options.ice_servers)
        self._numbering = Numbering(demand.fps)
        self._seen: float | None = None
        self._publisher: Publisher | None = None
        self._changed = threading.Condition()
        self._arrived: deque[tuple[av.VideoFrame, float]] = deque()

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`: from the first picture of a publisher until it leaves."""
        self.stats.counts["connections"] += 1
        patience = self._options.stall_s
        self._lane.open(None)
        gap = self._seen is not None
        self._numbering.join()
        alive = time.monotonic()
        while (left := alive + patience - time.monotonic()) > 0:
            taken = self._next(left)
            if taken is None:
                break
            image, arrived = taken
            if gap and self._seen is not None:
                self._numbering.join(arrived - self._seen)
            gap, self._seen = False, arrived
            frame = self._frame(image, arrived)
            if frame is not None:
                self._lane.show(frame)
                yield frame
            if frame is not None or self._demand.none:
                alive = time.monotonic()
        raise SourceLost(f"{self._stream}: wanted somebody who publishes it, got no picture")

    async def publish(self, offer: str) -> "Publisher":
        """Let somebody publish, until either side closes.

        offer   SDP
        raises  BadOffer, Taken
        """
        if self._publisher is not None and not self._publisher.over:
            raise Taken(f"{self._stream}: somebody publishes it already")
        self._publisher = publisher = Publisher(self._take, self.ice)
        try:
            await publisher.answer_to(offer)
        except BaseException:
            await publisher.close()
            raise
        log.info("publishing", stream=self._stream)
        return publisher

    def _take(self, image: av.VideoFrame) -> None:
        with self._changed:
            self._arrived.append((image, time.monotonic()))
            if len(self._arrived) > WAITING:
                self._arrived.popleft()
                self.stats.counts["late"] += 1
            self._changed.notify()

    def _next(self, patience: float) -> tuple[av.VideoFrame, float] | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._arrived, patience):
                return None
            return self._arrived.popleft()

    def _frame(self, image: av.VideoFrame, arrived: float) -> Frame | None:
        counts = self.stats.counts
        counts["packets"] += 1
        raw = None if image.time is None else float(image.time)
        if self._demand.none and not self._lane.pictures:
            counts["spared"] += 1
            self._numbering.skip(raw)
            return None
        if not self._options.fits(image.width, image.height):
            counts["too_large"] += 1
            self._numbering.skip(raw)
            return None
        try:
            picture = Picture.from_av(image)
        except (BadPicture, FFmpegError, ValueError):
            counts["no_pixels"] += 1
            return None
        counts["decoded"] += 1
        seq, pts = self._numbering.give(raw)
        now = time.monotonic()
        return Frame(
            stream=self._stream,
            seq=seq,
            pts=pts,
            captured_at=datetime.now(UTC) - timedelta(seconds=now - arrived),
            arrived=arrived,
            decoded=now,
            picture=picture,
            keyframe=image.key_frame,
        )


class Publisher:
    """One connection that brings pictures.

    id      hard to guess: who knows it may end it
    answer  SDP, once `answer_to` has returned
    over    it has ended, or will not begin
    """

    def __init__(self, take: Callable[[av.VideoFrame], None], ice: Ice) -> None:
        """Connect nothing yet. Called on the event loop, as all of it."""
        # It takes 0.3 s to import, which only who publishes should wait for.
        from aiortc import RTCPeerConnection  # noqa: PLC0415

        self.id = secrets.token_urlsafe(16)
        self._peer: RTCPeerConnection = RTCPeerConnection(ice.configuration())
        self._ice = ice
        self._take = take
        self._reading: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.answer = ""
        self.over = False

    async def answer_to(self, offer: str) -> None:
        """Take an offer. Raises BadOffer if it cannot be understood or brings no video."""
        from aiortc import RTCSessionDescription  # noqa: PLC0415

        peer = self._peer
        peer.on("track", self._read)
        peer.on("connectionstatechange", self._look)
        await _understood(peer.setRemoteDescription(RTCSessionDescription(offer, "offer")))
        if self._reading is None:
            raise BadOffer("offer: wanted a video track that is sent, got none")
        for transceiver in peer.getTransceivers():
            if transceiver.kind != "video":
                transceiver.direction = "inactive"
        await _understood(self._ice.describe(peer))
        self.answer = peer.localDescription.sdp
        self._deadline = asyncio.get_running_loop().call_later(CONNECT_S, self._give_up)

    async def add(self, candidates: "Sequence[RTCIceCandidate]") -> None:
        """Take more addresses of the publisher."""
        for candidate in candidates:
            await self._peer.addIceCandidate(candidate)

    async def close(self) -> None:
        """End the connection."""
        self.over = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._peer.close()

    def _read(self, track: "MediaStreamTrack") -> None:
        if track.kind == "video" and self._reading is None:
            self._reading = asyncio.ensure_future(self._pictures(track))

    async def _pictures(self, track: "MediaStreamTrack") -> None:
        from aiortc.mediastreams import MediaStreamError  # noqa: PLC0415

        while True:
            try:
                image = await track.recv()
            except MediaStreamError:
                return
            if isinstance(image, av.VideoFrame):
                self._take(image)

    def _look(self) -> None:
        state = self._peer.connectionState
        if state == "connected" and self._deadline is not None:
            self._deadline.cancel()
        if state in {"failed", "closed"}:
            self.over = True

    def _give_up(self) -> None:
        self.over = True
        self._closing = asyncio.ensure_future(self._peer.close())


async def _understood(step: Awaitable[None]) -> None:
    """Take a step with an offer. Raises BadOffer."""
    try:
        await step
    except Exception as error:
        # The parser raises whatever its input leads to: IndexError, KeyError, AssertionError.
        raise BadOffer(
            f"offer: wanted SDP that can be answered, got {type(error).__name__}: {error}"
        ) from error
