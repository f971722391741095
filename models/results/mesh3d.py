"""Solid shapes that were written to files."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.results.result import Wire, check, plain


@dataclass(frozen=True, slots=True)
class Mesh3d:
    """N things that were given a shape.

    boxes      (N, 4) float32, x1 y1 x2 y2 in [0, 1] of the source picture: what was looked at
    vertices   (N,) int64
    triangles  (N,) int64
    files      the paths that each was written to
    raises     BadShape if they do not fit each other
    """

    boxes: NDArray[np.float32]
    vertices: NDArray[np.int64]
    triangles: NDArray[np.int64]
    files: tuple[tuple[str, ...], ...]

    kind: ClassVar[str] = "mesh3d"

    def __post_init__(self) -> None:
        n = len(self.files)
        check("Mesh3d.boxes", self.boxes, (None, 4), np.float32)
        check("Mesh3d.vertices", self.vertices, (None,), np.int64)
        check("Mesh3d.triangles", self.triangles, (None,), np.int64)
        lengths = (len(self.boxes), len(self.vertices), len(self.triangles))
        if lengths != (n, n, n):
            raise BadShape(f"Mesh3d: wanted {n} of each, got {lengths}")

    def measure(self, name: str) -> float:
        """`count` is how many there are, `vertices` how many points all have together."""
        if name == "count":
            return len(self.files)
        if name == "vertices":
            return int(self.vertices.sum())
        raise KeyError(name)

    def to_wire(self) -> Wire:
        return {
            "boxes": plain(self.boxes, 4),
            "vertices": self.vertices.tolist(),
            "triangles": self.triangles.tolist(),
            "files": [list(files) for files in self.files],
        }
