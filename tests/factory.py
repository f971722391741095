"""Frames and results for tests, made from a few numbers."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.results import Detections, Labels, Result
from sinks.sink import Delivery
from stages.frame import Frame
from stages.picture import Picture

if TYPE_CHECKING:  # stages for tests use this file, and processes that run them start many times
    from stages.capture.testcard import Card

FPS = 25
BEGAN = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
"""When every stream of a test began, on the wall clock."""


def grey_frame(
    seq: int,
    stream: str = "a",
    *,
    width: int = 64,
    height: int = 48,
    grey: int = 128,
    pts: float | None = None,
    corrupt: bool = False,
    results: Mapping[str, Result] | None = None,
) -> Frame:
    """A frame of one grey level, 0..255, 25 a second unless `pts` says otherwise."""
    pixels = np.full((height, width, 3), grey, np.uint8)
    return frame_of(pixels, seq, stream, pts=pts, corrupt=corrupt, results=results)


def frame_of(
    bgr: NDArray[np.uint8],
    seq: int = 0,
    stream: str = "a",
    *,
    pts: float | None = None,
    corrupt: bool = False,
    results: Mapping[str, Result] | None = None,
) -> Frame:
    """A frame that shows `bgr`, (H, W, 3) uint8, and what nodes have said about it."""
    pts = seq / FPS if pts is None else pts
    now = time.monotonic()
    frame = Frame(
        stream=stream,
        seq=seq,
        pts=pts,
        captured_at=BEGAN + timedelta(seconds=pts),
        arrived=now,
        decoded=now,
        picture=Picture.from_bgr(bgr),
        corrupt=corrupt,
    )
    for node, result in (results or {}).items():
        frame.say(node, result)
    return frame


def card_frame(card: "Card", seq: int, stream: str = "a") -> Frame:
    """A frame that shows a test card with its number."""
    frame = grey_frame(seq, stream)
    frame.picture = card.draw(seq)
    return frame


def detections(
    *boxes: Sequence[float],
    scores: Sequence[float] | None = None,
    classes: Sequence[int] | None = None,
    labels: Sequence[str] = ("person", "bicycle", "car"),
    points: Sequence[Sequence[Sequence[float]]] | None = None,
) -> Detections:
    """Detections at boxes of x1, y1, x2, y2 in [0, 1]; without any, one in the middle."""
    boxes = boxes or ((0.25, 0.25, 0.75, 0.75),)
    n = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32),
        scores=np.array([0.9] * n if scores is None else scores, np.float32),
        classes=np.array([0] * n if classes is None else classes, np.int64),
        labels=tuple(labels),
        points=None if points is None else np.array(points, np.float32),
    )


def nothing(labels: Sequence[str] = ("person", "bicycle", "car")) -> Detections:
    """Detections of a picture in which nothing was found."""
    return Detections(
        np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64), tuple(labels)
    )


def top_labels(scores: Mapping[str, float]) -> Labels:
    """Labels of a whole picture, by their names, the likeliest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return Labels(
        scores=np.array([score for _, score in ranked], np.float32),
        classes=np.arange(len(ranked), dtype=np.int64),
        labels=tuple(name for name, _ in ranked),
    )


def delivery(frame: Frame, *nodes: str) -> Delivery:
    """A frame on its way to a sink, with those that have said something about it."""
    return Delivery(frame, nodes or tuple(frame.results))


def deliveries(count: int, stream: str = "a", node: str = "detect") -> list[Delivery]:
    """`count` frames in a row, each with one thing found by `node`."""
    frames = [grey_frame(seq, stream, results={node: detections()}) for seq in range(count)]
    return [delivery(frame, node) for frame in frames]
