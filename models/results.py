"""What a model says about one picture: arrays side by side, shapes checked when they are made.

Coordinates are in [0, 1] of the source picture, x to the right and y down, so that a result fits
the picture at any size. A result is made once and never changed: its arrays are read-only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape

Wire = Mapping[str, object]


@runtime_checkable
class Result(Protocol):
    """What every result can do, whichever stage it comes from."""

    kind: ClassVar[str]
    """The name of its schema on the wire, such as "detections"."""

    def measure(self, name: str) -> float:
        """The number behind `name` in a condition (`when: "faces.count > 0"`).

        raises  KeyError if this result knows no such name
        """
        ...

    def to_wire(self) -> Wire:
        """The same as plain lists, numbers and strings, in the schema of `docs/schema.md`."""
        ...


def check(
    what: str, array: NDArray[np.generic], shape: tuple[int | None, ...], dtype: type
) -> None:
    """Hold `array` to `shape` (None: any length) and `dtype`, and make it read-only.

    raises  BadShape, with what was wanted and what was got
    """
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise BadShape(
            f"{what}: wanted {wanted} {np.dtype(dtype).name}, got {array.shape} {array.dtype.name}"
        )
    array.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Detections:
    """N things found in a picture.

    boxes    (N, 4) float32, x1 y1 x2 y2, in [0, 1] of the source picture, not clipped
    scores   (N,) float32, in [0, 1]
    classes  (N,) int64, indices into `labels`
    labels   the names of all classes the model knows
    points   (N, K, 2) float32 x y, or None: key points of each thing (a face's eyes, nose, mouth)
    raises   BadShape if the arrays do not fit each other
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    points: NDArray[np.float32] | None = None

    kind: ClassVar[str] = "detections"

    def __post_init__(self) -> None:
        n = len(self.boxes)
        check("Detections.boxes", self.boxes, (None, 4), np.float32)
        check("Detections.scores", self.scores, (n,), np.float32)
        check("Detections.classes", self.classes, (n,), np.int64)
        if self.points is not None:
            check("Detections.points", self.points, (n, None, 2), np.float32)
        if n and not 0 <= self.classes.min() <= self.classes.max() < len(self.labels):
            raise BadShape(
                f"Detections.classes: wanted indices below {len(self.labels)}, "
                f"got {self.classes.min()} to {self.classes.max()}"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    def measure(self, name: str) -> float:
        """`count` is how many there are; the name of a class is how many of it there are."""
        if name == "count":
            return len(self)
        if name not in self.labels:
            raise KeyError(name)
        return int(np.count_nonzero(self.classes == self.labels.index(name)))

    def to_wire(self) -> Wire:
        return {
            "boxes": np.round(self.boxes, 5).tolist(),
            "scores": np.round(self.scores, 4).tolist(),
            "classes": self.classes.tolist(),
            "labels": [self.labels[c] for c in self.classes],
            "points": None if self.points is None else np.round(self.points, 5).tolist(),
        }


@dataclass(frozen=True, slots=True)
class Labels:
    """The K likeliest classes of a whole picture, the likeliest first.

    scores   (K,) float32, in [0, 1], falling
    classes  (K,) int64, indices into `labels`
    labels   the names of all classes the model knows
    raises   BadShape if the arrays do not fit each other
    """

    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]

    kind: ClassVar[str] = "labels"

    def __post_init__(self) -> None:
        check("Labels.scores", self.scores, (None,), np.float32)
        check("Labels.classes", self.classes, (len(self.scores),), np.int64)

    def measure(self, name: str) -> float:
        """The name of a class is its score; 0 when it is not among the likeliest."""
        if name not in self.labels:
            raise KeyError(name)
        hits = np.flatnonzero(self.classes == self.labels.index(name))
        return float(self.scores[hits[0]]) if len(hits) else 0.0

    def to_wire(self) -> Wire:
        return {
            "scores": np.round(self.scores, 4).tolist(),
            "classes": self.classes.tolist(),
            "labels": [self.labels[c] for c in self.classes],
        }
