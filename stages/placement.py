"""Where a picture lies inside a model's input, and the exact way back for boxes and points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape
from models.spec import Fit


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture laid into an input of `width` x `height` pixels.

    left, top                    first pixel of the input that shows the picture
    inner_width, inner_height    how many pixels of the input show it; the rest is padding
    part                         x y width height of what is shown, in [0, 1] of the picture
    """

    width: int
    height: int
    left: int
    top: int
    inner_width: int
    inner_height: int
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @staticmethod
    def of(picture: tuple[int, int], target: tuple[int, int], fit: Fit) -> "Placement":
        """Lay a picture of (width, height) into a target of (width, height).

        "stretch" fills the target; "letterbox" keeps the picture's proportions, in the middle, and
        "corner" does so in the upper left corner; rounded to whole pixels and at least one.
        """
        width, height = target
        if fit == "stretch":
            return Placement(width, height, 0, 0, width, height)
        scale = min(width / picture[0], height / picture[1])
        inner_width = min(width, max(1, round(picture[0] * scale)))
        inner_height = min(height, max(1, round(picture[1] * scale)))
        if fit == "corner":
            return Placement(width, height, 0, 0, inner_width, inner_height)
        left, top = (width - inner_width) // 2, (height - inner_height) // 2
        return Placement(width, height, left, top, inner_width, inner_height)

    def undo(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map x, y pairs from the input back to the picture.

        points   (..., 2k) float32, x y x y ..., in [0, 1] of the input
        returns  the same shape, in [0, 1] of the picture, not clipped
        raises   BadShape if the last axis does not hold pairs
        """
        if points.shape[-1] % 2:
            raise BadShape(f"points: wanted pairs in the last axis, got {points.shape}")
        pairs = points.shape[-1] // 2
        x, y, width, height = self.part
        scale = np.array([self.width / self.inner_width, self.height / self.inner_height])
        shift = np.array([self.left / self.inner_width, self.top / self.inner_height])
        scale, shift = scale * (width, height), shift * (width, height) - (x, y)
        moved = points * np.tile(scale, pairs) - np.tile(shift, pairs)
        return np.asarray(moved, np.float32)
