"""What each cell of a picture shows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.results import rle
from models.results.result import Wire, check

BACKGROUND = 0


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A map of classes over the whole picture.

    classes  (H, W) uint8: indices into `labels`, of a grid that covers exactly the picture; the
             first label is what is nothing in particular
    labels   the names of all classes the model knows
    raises   BadShape if the map is none, or holds a class without a name
    """

    classes: NDArray[np.uint8]
    labels: tuple[str, ...]

    kind: ClassVar[str] = "segmentation"

    def __post_init__(self) -> None:
        check("Segmentation.classes", self.classes, (None, None), np.uint8)
        if self.classes.size and self.classes.max() >= len(self.labels):
            raise BadShape(
                f"Segmentation.classes: wanted indices below {len(self.labels)}, "
                f"got {self.classes.max()}"
            )

    def shares(self) -> NDArray[np.float64]:
        """(C,) float64: the share of the picture that each class covers."""
        counts = np.bincount(self.classes.ravel(), minlength=len(self.labels))
        return counts / max(self.classes.size, 1)

    def measure(self, name: str) -> float:
        """The name of a class is the share of the picture that it covers, in [0, 1]."""
        if name not in self.labels:
            raise KeyError(name)
        return float(self.shares()[self.labels.index(name)])

    def to_wire(self) -> Wire:
        shares = self.shares()
        present = [c for c in np.flatnonzero(shares).tolist() if c != BACKGROUND]
        return {
            "classes": present,
            "labels": [self.labels[c] for c in present],
            "shares": [round(float(shares[c]), 5) for c in present],
            "masks": [rle.encode(self.classes == c) for c in present],
        }
