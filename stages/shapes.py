"""Places in a picture as a config gives them: x and y in [0, 1], to the right and down."""

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]
Line = tuple[Point, Point]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]
Place = tuple[float, float]


def within(polygon: NDArray[np.float32], place: Place) -> bool:
    """Whether a place lies in a polygon, (P, 2) float32, or on its edge."""
    return cv2.pointPolygonTest(polygon, place, measureDist=False) >= 0
