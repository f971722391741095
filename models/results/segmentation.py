"""What each cell of a picture shows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.results import rle
from models.results.result import Wire, check, plain

BACKGROUND = 0


@dataclass(frozen=True, slots=True)
class Region:
    """One connected piece of a class.

    number   its class, an index into the labels of its `Segmentation`
    share    how much of the picture it covers, in [0, 1]
    contour  (K, 2) float32 x y, in [0, 1] of the picture: its outline, through the middles of its
             outermost cells, simplified; holes are not outlined
    tip      (2,) float32 x y: the point of the outline farthest from where it enters by the edge of
             what was looked at; None if it is near no edge, or does nothing but lie along one
    raises   BadShape if the arrays are not of these shapes
    """

    number: int
    share: float
    contour: NDArray[np.float32]
    tip: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check("Region.contour", self.contour, (None, 2), np.float32)
        if self.tip is not None:
            check("Region.tip", self.tip, (2,), np.float32)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A map of classes over the whole picture.

    classes  (H, W) uint8: indices into `labels`, of a grid that covers exactly the picture; the
             first label is what is nothing in particular
    labels   the names of all classes the model knows
    regions  the connected pieces of each class, the largest first; None if they were not asked for
    raises   BadShape if the map is none, or holds a class without a name
    """

    classes: NDArray[np.uint8]
    labels: tuple[str, ...]
    regions: tuple[Region, ...] | None = None

    kind: ClassVar[str] = "segmentation"

    def __post_init__(self) -> None:
        check("Segmentation.classes", self.classes, (None, None), np.uint8)
        if self.classes.size and self.classes.max() >= len(self.labels):
            raise BadShape(
                f"Segmentation.classes: wanted indices below {len(self.labels)}, "
                f"got {self.classes.max()}"
            )
        for region in self.regions or ():
            if not 0 <= region.number < len(self.labels):
                raise BadShape(
                    f"Segmentation.regions: wanted classes below {len(self.labels)}, "
                    f"got {region.number}"
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
            "regions": None if self.regions is None else [self._told(r) for r in self.regions],
        }

    def _told(self, region: Region) -> Wire:
        return {
            "class": region.number,
            "label": self.labels[region.number],
            "share": round(region.share, 5),
            "contour": plain(region.contour, 5),
            "tip": None if region.tip is None else plain(region.tip, 5),
        }
