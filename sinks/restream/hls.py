"""One stream as HLS: a thread that makes segments of its packets, and the shelf they lie on."""

import asyncio
import threading
import time

import structlog
from av.error import FFmpegError

from sinks.restream.outbox import Outbox
from sinks.restream.segments import Segmenter
from sinks.restream.shelf import Shelf
from sinks.video import Subscription, Video
from stages.lane import Packet
from stages.throttle import Throttle

log = structlog.get_logger()

IDLE_S = 60.0
"""Seconds after the last request in which a stream is still encoded: pictures that nobody wants
are not. Where packets pass through, segments are made all the time, for next to nothing."""


class Hls:
    """One stream's segments, made as its packets come. Its methods are called on the event loop."""

    def __init__(
        self,
        stream: str,
        video: Video,
        shelf: Shelf,
        segmenter: Segmenter,
        *,
        idle_s: float = IDLE_S,
    ) -> None:
        """Nothing is made yet. `video` is already open, `shelf` lives on the same event loop."""
        self.outbox = Outbox()
        self.shelf = shelf
        self._stream = stream
        self._video = video
        self._segmenter = segmenter
        self._idle = idle_s
        self._wanted = 0.0  # monotonic: when somebody last asked
        self._throttle = Throttle()
        self._subscription: Subscription | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, name=f"hls-{stream}", daemon=True)

    @property
    def paused(self) -> bool:
        """Whether nothing is made, since nobody has asked for it."""
        return self._subscription is None

    def open(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self.want()
        self._thread.start()

    def want(self) -> None:
        """Somebody asks for it."""
        self._wanted = time.monotonic()
        if self._subscription is None:
            self.outbox.begin_anew()
            self._subscription = self._video.attach(self._take)

    def close(self) -> None:
        """End the thread. May be called in any."""
        if self._subscription is not None:
            self._subscription.close()
        self.outbox.close()
        if self._thread.is_alive():
            self._thread.join()

    def _pause(self) -> None:
        if self._subscription is not None and self._unwanted:
            self._subscription.close()
            self._subscription = None
            self.shelf.clear()

    @property
    def _unwanted(self) -> bool:
        return self._video.path == "encode" and time.monotonic() - self._wanted > self._idle

    def _take(self, packet: Packet) -> None:
        if self._unwanted:
            self._loop.call_soon_threadsafe(self._pause)
        if not self.outbox.put(packet):
            self._late()

    def _late(self) -> None:
        if self._subscription is not None and self._video.path == "encode":
            self._subscription.want_keyframe()
        if self.outbox.lost and (held_back := self._throttle.ready("late")) is not None:
            log.warning("hls: too slow for its packets", stream=self._stream,
                        lost=self.outbox.lost, held_back=held_back)  # fmt: skip

    def _work(self) -> None:
        while (packet := self.outbox.take()) is not None:
            try:
                for step in self._segmenter.take(packet):
                    self._loop.call_soon_threadsafe(self.shelf.take, step)
            except FFmpegError as error:
                self._segmenter.give_up()
                self.outbox.begin_anew()
                if (held_back := self._throttle.ready("bad")) is not None:
                    log.warning("hls: a packet that cannot be passed on", stream=self._stream,
                                error=str(error), held_back=held_back)  # fmt: skip
