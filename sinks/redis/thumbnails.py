"""A small picture of what a stream showed when something happened to it."""

import asyncio

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Detections, Segmentation
from sinks.annotate import annotated, shown_size
from sinks.sink import Delivery, SinkContext
from stages.events import Event
from stages.frame import Frame
from stages.picture import Crop
from stages.upstream import things

QUALITY = 75
MARGIN = 0.5  # around a thing, as a share of its box: enough to see where it is


class Thumbnails:
    """The last picture of each stream that reached the sink, as JPEG when it is asked for.

    One that is guarded shows what its guards let be seen; where they have not yet spoken about it,
    all of it is pixelated.
    """

    def __init__(self, width: int, context: SinkContext, *, crop: bool = False) -> None:
        """Keep none yet.

        width  in pixels, at most; of a crop its longer side
        crop   show the thing that an event is about, where that can be seen
        """
        self._width = width
        self._crop = crop
        self._guards = context.guards
        self._graph = context.graph
        self._last: dict[str, Delivery] = {}

    def note(self, delivery: Delivery) -> None:
        """Keep a picture until there is a newer one of its stream."""
        last = self._last.get(delivery.frame.stream)
        if last is None or last.frame.seq <= delivery.frame.seq:
            self._last[delivery.frame.stream] = delivery

    async def jpeg(self, event: Event) -> bytes | None:
        """The bytes of a picture, with what was said about it; None before the first."""
        last = self._last.get(event.about)
        return None if last is None else await asyncio.to_thread(self._drawn, last.frame, event)

    def _drawn(self, frame: Frame, event: Event) -> bytes:
        box = self._thing(frame, event) if self._crop else None
        crop = None if box is None else frame.picture.around(box, MARGIN)
        pixels = self._whole(frame, self._width) if crop is None else self._part(frame, crop)
        return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()

    def _whole(self, frame: Frame, width: int) -> NDArray[np.uint8]:
        size = shown_size(frame.picture.size, 2, width)
        # All that is known by now: in mode "each" a delivery names one node alone.
        guards = self._guards.get(frame.stream, ())
        return annotated(frame, tuple(frame.results), size, guards=guards)

    def _part(self, frame: Frame, crop: Crop) -> NDArray[np.uint8]:
        """Cut out of the whole when all that is to be hidden is hidden in it."""
        x1, y1, x2, y2 = crop
        part = self._whole(frame, frame.picture.width)[y1:y2, x1:x2]
        scale = min(1.0, self._width / max(part.shape[:2]))
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _thing(self, frame: Frame, event: Event) -> NDArray[np.float32] | None:
        """The box of what an event is about, (4,) in [0, 1] of the picture; None if it has none.

        That is the track that it names, where the node that saw it or the last before that one has
        boxes with tracks; or the class that it names, where that node has a class map.
        """
        node = event.detail.get("node")
        said = frame.results.get(str(node))
        if isinstance(said, Segmentation):
            return _extent(said, event.detail.get("label"))
        known = self._graph.get(str(node))
        if not isinstance(said, Detections):
            said = None if known is None else things(frame, known.inputs)
        if said is None or said.tracks is None:
            return None
        rows = np.flatnonzero(said.tracks == event.detail.get("track"))
        return said.boxes[rows[0]] if len(rows) else None


def _extent(said: Segmentation, label: object) -> NDArray[np.float32] | None:
    """The box around all that is of a class."""
    if label not in said.labels:
        return None
    rows, columns = np.nonzero(said.classes == said.labels.index(str(label)))
    if not len(rows):
        return None
    height, width = said.classes.shape
    return np.array(
        [
            columns.min() / width, rows.min() / height,
            (columns.max() + 1) / width, (rows.max() + 1) / height,
        ],
        np.float32,
    )  # fmt: skip
