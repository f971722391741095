"""A small picture of what a stream showed when something happened to it."""

import asyncio

import cv2

from sinks.annotate import annotated, shown_size
from sinks.sink import Delivery, SinkContext

QUALITY = 75


class Thumbnails:
    """The last picture of each stream that reached the sink, as JPEG when it is asked for.

    One that is guarded shows what its guards let be seen; where they have not yet spoken about it,
    all of it is pixelated.
    """

    def __init__(self, width: int, context: SinkContext) -> None:
        """`width` in pixels, at most."""
        self._width = width
        self._guards = context.guards
        self._last: dict[str, Delivery] = {}

    def note(self, delivery: Delivery) -> None:
        """Keep a picture until there is a newer one of its stream."""
        last = self._last.get(delivery.frame.stream)
        if last is None or last.frame.seq <= delivery.frame.seq:
            self._last[delivery.frame.stream] = delivery

    async def jpeg(self, stream: str) -> bytes | None:
        """The bytes of a picture, with what was said about it; None before the first."""
        last = self._last.get(stream)
        return None if last is None else await asyncio.to_thread(self._drawn, last)

    def _drawn(self, delivery: Delivery) -> bytes:
        frame = delivery.frame
        size = shown_size(frame.picture.size, 2, self._width)
        # All that is known by now: in mode "each" a delivery names one node alone.
        pixels = annotated(
            frame, tuple(frame.results), size, guards=self._guards.get(frame.stream, ())
        )
        return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()
