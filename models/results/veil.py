"""Which parts of a picture nobody is to see."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.results.result import Wire, check, plain

How = Literal["blur", "pixelate"]


@dataclass(frozen=True, slots=True)
class Veil:
    """What is to be hidden before anything is drawn on the picture.

    boxes     (N, 4) float32, x1 y1 x2 y2, in [0, 1] of the source picture, not clipped
    whole     all of the picture
    how       "blur" or "pixelate"
    strength  in (0, 1]: the side of a block, or twice the deviation of the blur, as a share of the
              longer side of what is hidden
    raises    BadShape if the boxes are not numbers, or the strength is outside of that
    """

    boxes: NDArray[np.float32]
    whole: bool = False
    how: How = "pixelate"
    strength: float = 0.125

    kind: ClassVar[str] = "veil"

    def __post_init__(self) -> None:
        check("Veil.boxes", self.boxes, (None, 4), np.float32)
        if not np.all(np.isfinite(self.boxes)):
            raise BadShape("Veil.boxes: wanted numbers, got some that are none")
        if not 0 < self.strength <= 1:
            raise BadShape(f"Veil.strength: wanted a number in (0, 1], got {self.strength}")

    def measure(self, name: str) -> float:
        """`count` is how many boxes there are; `whole` is 1 if all of the picture is hidden."""
        match name:
            case "count":
                return len(self.boxes)
            case "whole":
                return float(self.whole)
        raise KeyError(name)

    def to_wire(self) -> Wire:
        return {
            "boxes": plain(self.boxes, 5),
            "whole": self.whole,
            "how": self.how,
            "strength": self.strength,
        }
