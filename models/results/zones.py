"""What happens at places in a picture: how many things are in areas, how many crossed lines."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.results.result import Wire, check


@dataclass(frozen=True, slots=True)
class Zones:
    """Areas and lines of one stream, and their counts so far.

    areas     their names
    counts    (A,) int64: things in each area now
    lines     their names
    crossed   (L, 2) int64: crossings of each line since the beginning, inwards and outwards. Seen
              along the line from its first point to its second, inwards is from left to right
    polygons  for each area (P, 2) float32 x y, in [0, 1] of the source picture
    segments  (L, 2, 2) float32: the two ends of each line, in the same unit
    raises    BadShape if the arrays do not fit each other
    """

    areas: tuple[str, ...]
    counts: NDArray[np.int64]
    lines: tuple[str, ...]
    crossed: NDArray[np.int64]
    polygons: tuple[NDArray[np.float32], ...]
    segments: NDArray[np.float32]

    kind: ClassVar[str] = "zones"

    def __post_init__(self) -> None:
        check("Zones.counts", self.counts, (len(self.areas),), np.int64)
        check("Zones.crossed", self.crossed, (len(self.lines), 2), np.int64)
        check("Zones.segments", self.segments, (len(self.lines), 2, 2), np.float32)
        for polygon in self.polygons:
            check("Zones.polygons", polygon, (None, 2), np.float32)

    def measure(self, name: str) -> float:
        """An area's name is how many are in it; NAME_in and NAME_out are a line's crossings."""
        if name in self.areas:
            return int(self.counts[self.areas.index(name)])
        for column, ending in enumerate(("_in", "_out")):
            line = name.removesuffix(ending)
            if line != name and line in self.lines:
                return int(self.crossed[self.lines.index(line), column])
        raise KeyError(name)

    def to_wire(self) -> Wire:
        return {
            "areas": list(self.areas),
            "counts": self.counts.tolist(),
            "lines": list(self.lines),
            "in": self.crossed[:, 0].tolist(),
            "out": self.crossed[:, 1].tolist(),
        }
