"""Things found in a picture."""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.results import rle
from models.results.result import Wire, check, plain


@dataclass(frozen=True, slots=True)
class Detections:
    """N things found in a picture.

    boxes    (N, 4) float32, x1 y1 x2 y2, in [0, 1] of the source picture, not clipped
    scores   (N,) float32, in [0, 1]
    classes  (N,) int64, indices into `labels`
    labels   the names of all classes the model knows
    points   (N, K, 2) float32 x y, or None: key points of each thing (a face's eyes, nose, mouth)
    masks    (N, M, M) uint8, or None: each fills its thing's box, 128 and more belongs to the thing
    tracks   (N,) int64, or None: the number of the track that each thing belongs to, from 1, never
             given twice in a stream
    distances (N,) float32, or None: how far each thing is from what its class was learnt from (a
             face from the nearest one of its name); less is nearer
    partial  there may be more things than these: only so many were taken, or the places of some
             were no numbers
    raises   BadShape if the arrays do not fit each other
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    points: NDArray[np.float32] | None = None
    masks: NDArray[np.uint8] | None = None
    tracks: NDArray[np.int64] | None = None
    distances: NDArray[np.float32] | None = None
    partial: bool = False

    kind: ClassVar[str] = "detections"

    def __post_init__(self) -> None:
        n = len(self.boxes)
        check("Detections.boxes", self.boxes, (None, 4), np.float32)
        check("Detections.scores", self.scores, (n,), np.float32)
        check("Detections.classes", self.classes, (n,), np.int64)
        if self.points is not None:
            check("Detections.points", self.points, (n, None, 2), np.float32)
        if self.masks is not None:
            check("Detections.masks", self.masks, (n, None, None), np.uint8)
        if self.tracks is not None:
            check("Detections.tracks", self.tracks, (n,), np.int64)
        if self.distances is not None:
            check("Detections.distances", self.distances, (n,), np.float32)
        if n and not 0 <= self.classes.min() <= self.classes.max() < len(self.labels):
            raise BadShape(
                f"Detections.classes: wanted indices below {len(self.labels)}, "
                f"got {self.classes.min()} to {self.classes.max()}"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    def pick(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Detections":
        """Some of the things: `which` is a mask of N, or their numbers in the order wanted."""
        columns = (self.points, self.masks, self.tracks, self.distances)
        points, masks, tracks, distances = (None if c is None else c[which] for c in columns)
        return Detections(
            self.boxes[which], self.scores[which], self.classes[which], self.labels,
            cast("NDArray[np.float32] | None", points), cast("NDArray[np.uint8] | None", masks),
            cast("NDArray[np.int64] | None", tracks),
            cast("NDArray[np.float32] | None", distances),
            self.partial,
        )  # fmt: skip

    def measure(self, name: str) -> float:
        """`count` is how many there are; the name of a class is how many of it there are."""
        if name == "count":
            return len(self)
        if name not in self.labels:
            raise KeyError(name)
        return int(np.count_nonzero(self.classes == self.labels.index(name)))

    def to_wire(self) -> Wire:
        return {
            "boxes": plain(self.boxes, 5),
            "scores": plain(self.scores, 4),
            "classes": self.classes.tolist(),
            "labels": [self.labels[c] for c in self.classes],
            "points": None if self.points is None else plain(self.points, 5),
            "masks": None if self.masks is None else [rle.encode(m >= 128) for m in self.masks],
            "tracks": None if self.tracks is None else self.tracks.tolist(),
            "distances": None if self.distances is None else plain(self.distances, 4),
        }
