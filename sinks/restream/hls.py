"""One stream as HLS: a thread that makes segments of its packets, and the shelf they lie on."""

import asyncio
import threading

import structlog
from av.error import FFmpegError

from sinks.restream.outbox import Outbox
from sinks.restream.segments import Segmenter
from sinks.restream.shelf import Shelf
from sinks.video import Subscription, Video
from stages.lane import Packet
from stages.throttle import Throttle

log = structlog.get_logger()


class Hls:
    """One stream's segments, made as its packets come."""

    def __init__(
        self, stream: str, video: Video, shelf: Shelf, segment_s: float, part_s: float
    ) -> None:
        """Nothing is made yet. `video` is already open."""
        self.outbox = Outbox()
        self._stream = stream
        self._video = video
        self._shelf = shelf
        self._lengths = (segment_s, part_s)
        self._segmenter = Segmenter(*self._lengths)
        self._throttle = Throttle()
        self._subscription: Subscription | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, name=f"hls-{stream}", daemon=True)

    def open(self) -> None:
        """Begin. Called on the event loop on which the shelf lives."""
        self._loop = asyncio.get_running_loop()
        self._subscription = self._video.attach(self._take)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        if self._subscription is not None:
            self._subscription.close()
        self.outbox.close()
        self._thread.join()

    def _take(self, packet: Packet) -> None:
        if not self.outbox.put(packet) and self._subscription is not None:
            if self._video.path == "encode":
                self._subscription.want_keyframe()
            if (held_back := self._throttle.ready("late")) is not None:
                log.warning("hls: too slow for its packets", stream=self._stream,
                            lost=self.outbox.lost, held_back=held_back)  # fmt: skip

    def _work(self) -> None:
        while (packet := self.outbox.take()) is not None:
            try:
                for step in self._segmenter.take(packet):
                    self._loop.call_soon_threadsafe(self._shelf.take, step)
            except FFmpegError as error:
                self.outbox.begin_anew()
                if (held_back := self._throttle.ready("bad")) is not None:
                    log.warning("hls: a packet that cannot be passed on", stream=self._stream,
                                error=str(error), held_back=held_back)  # fmt: skip
