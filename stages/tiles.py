"""Looking at a picture in tiles: how it is cut, and how what was found in all of them is one again.

As Akyon et al. do it: Slicing Aided Hyper Inference, arXiv:2202.06934, figure 2.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.results import Detections
from stages.picture import Crop


class Tiles(BaseModel):
    """How a picture is cut into tiles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: int = Field(2, ge=1, le=16, description="Tiles side by side.")
    rows: int = Field(2, ge=1, le=16, description="Tiles one above the other.")
    overlap: float = Field(
        0.2, ge=0, le=0.9, description="What neighbours share, as a part of a tile."
    )

    def crops(self, width: int, height: int) -> Sequence[Crop]:
        """The tiles of a picture of so many pixels, row by row; none is empty."""
        across, down = (
            _spans(width, self.columns, self.overlap),
            _spans(height, self.rows, self.overlap),
        )
        return [(x1, y1, x2, y2) for y1, y2 in down for x1, x2 in across]


def joined(several: Sequence[Detections]) -> Detections:
    """All things of several results of one model, in their order."""
    first = several[0]
    if len(several) == 1:
        return first
    boxes, scores, classes = (
        np.concatenate([getattr(one, name) for one in several])
        for name in ("boxes", "scores", "classes")
    )
    points, masks = (
        None if getattr(first, name) is None
        else np.concatenate([getattr(one, name) for one in several])
        for name in ("points", "masks")
    )  # fmt: skip
    partial = any(one.partial for one in several)
    return Detections(boxes, scores, classes, first.labels, points, masks, partial=partial)


def apart(found: Detections, iou: float, most: int) -> NDArray[np.int64]:
    """The first `most` rows of which none overlaps an earlier one of its class by more than `iou`.

    found  finite boxes, the surest first
    """
    # OpenCV moves each class aside by the largest number: one huge box would make all others equal.
    boxes = np.clip(found.boxes, -1, 2).astype(np.float64)
    rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    # What is kept of the surest does not depend on those behind them, and time grows with rows
    # times rows kept: 45,000 at once would take 6 s.
    count = 4 * most
    while True:
        kept = cv2.dnn.NMSBoxesBatched(
            rectangles[:count].tolist(), found.scores[:count].tolist(),
            found.classes[:count].tolist(), 0.0, iou,
        )  # fmt: skip
        if len(kept) >= most or count >= len(found):
            return np.sort(np.asarray(kept, np.int64).ravel())[:most]
        count *= 4


def _spans(length: int, count: int, overlap: float) -> Sequence[tuple[int, int]]:
    """`count` equal parts of `length` pixels that share `overlap` of a part with each neighbour."""
    part = length / (count - (count - 1) * overlap)
    spans = []
    for index in range(count):
        start = index * part * (1 - overlap)
        first = min(round(start), length - 1)
        spans.append((first, min(length, max(first + 1, round(start + part)))))
    return spans
