"""The shape of each face, as points in space."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.results.result import Wire, check, plain


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """N faces of P points each.

    points  (N, P, 3) float32: x y in [0, 1] of the source picture, not clipped; z in the same unit
            as x, less is nearer to the camera
    scores  (N,) float32, in [0, 1]: whether there is a face at all
    raises  BadShape if the arrays do not fit each other
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]

    kind: ClassVar[str] = "face_mesh"

    def __post_init__(self) -> None:
        check("FaceMesh.points", self.points, (None, None, 3), np.float32)
        check("FaceMesh.scores", self.scores, (len(self.points),), np.float32)

    def measure(self, name: str) -> float:
        """`count` is how many faces there are."""
        if name != "count":
            raise KeyError(name)
        return len(self.points)

    def to_wire(self) -> Wire:
        return {
            "points": plain(self.points, 4),
            "scores": plain(self.scores, 4),
        }
