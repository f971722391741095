"""The latest annotated picture of a stream as JPEG, for whoever looks."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

import cv2

from sinks.annotate import annotated, shown_size
from sinks.sink import Delivery


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are shown.

    quality       of the JPEG, 1 to 100
    least, width  narrower pictures are enlarged to `least` pixels, wider ones made smaller
    max_fps       pictures of a stream in a second, at most
    caption       the stream's name and time are written into the picture
    guards        by stream: see `SinkContext`
    """

    quality: int = 80
    least: int = 640
    width: int = 1280
    max_fps: float = 15.0
    caption: bool = False
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as it is shown.

    number  counts the pictures of its stream that were offered, from 1
    jpeg    its bytes
    """

    number: int
    jpeg: bytes
    delivery: Delivery

    @property
    def headers(self) -> dict[str, str]:
        """What picture it is, how old (milliseconds since it came in), for a part or a response."""
        frame = self.delivery.frame
        return {
            "Content-Type": "image/jpeg",
            "Content-Length": str(len(self.jpeg)),
            "X-Framewire-Seq": str(frame.seq),
            "X-Framewire-Pts": f"{frame.pts:.6f}",
            "X-Framewire-Captured-At": frame.captured_at.isoformat(timespec="microseconds"),
            "X-Framewire-Age-Ms": f"{(time.monotonic() - frame.arrived) * 1e3:.0f}",
        }


class Feed:
    """One stream's latest picture. It becomes a JPEG when somebody asks, once for all who do.

    number    of the latest picture, 0 before the first
    encoded   pictures that became a JPEG so far
    watching  how many look at what `watch` gives
    """

    def __init__(self, look: Look) -> None:
        """Nothing to see yet."""
        self.number = 0
        self.encoded = 0
        self.watching = 0
        self._look = look
        self._due = 0.0
        self._latest: Delivery | None = None
        self._shown: Shown | None = None
        self._making = asyncio.Lock()
        self._news = asyncio.Event()
        self._closed = False

    def offer(self, delivery: Delivery) -> None:
        """Take a newer picture, unless it comes too soon after the last one taken."""
        now = time.monotonic()
        if now < self._due:
            return
        interval = 1 / self._look.max_fps
        on_time = now - self._due < interval  # then the mean rate is kept, whatever the jitter
        self._due = (self._due if on_time else now) + interval
        self._latest = delivery
        self.number += 1
        self._wake()

    async def picture(self) -> Shown | None:
        """The latest picture, None before the first."""
        async with self._making:
            latest, number = self._latest, self.number
            if latest is None:
                return None
            if self._shown is None or self._shown.number != number:
                jpeg = await asyncio.to_thread(encoded, latest, self._look)
                self._shown = Shown(number, jpeg, latest)
                self.encoded += 1
            return self._shown

    async def watch(self) -> AsyncGenerator[Shown, None]:
        """The pictures as they come, and the one that is there already.

        Whoever is slow in taking them gets the latest next, never a heap of old ones.
        """
        seen = 0
        self.watching += 1
        try:
            while not self._closed:
                if self.number == seen:
                    await self._news.wait()
                elif (shown := await self.picture()) is not None:
                    seen = shown.number
                    yield shown
        finally:
            self.watching -= 1

    def close(self) -> None:
        """End what `watch` gives."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def encoded(delivery: Delivery, look: Look) -> bytes:
    """The JPEG of a frame with its results drawn on it."""
    size = shown_size(delivery.frame.picture.size, look.least, look.width)
    frame = delivery.frame
    pixels = annotated(
        frame, delivery.nodes, size,
        recent=delivery.recent, caption=look.caption, guards=look.guards.get(frame.stream, ()),
    )  # fmt: skip
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, look.quality))[1].tobytes()
