"""Places in a picture as a config gives them: x and y in [0, 1], to the right and down."""

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

Place = tuple[float, float]


def _long(line: tuple[Place, Place]) -> tuple[Place, Place]:
    if line[0] == line[1]:
        raise ValueError(f"wanted two ends that are apart, got {list(line[0])} twice")
    return line


def _wide(polygon: tuple[Place, ...]) -> tuple[Place, ...]:
    if not cv2.contourArea(np.array(polygon, np.float32)):
        raise ValueError("wanted corners around an area, got some that lie on a line")
    return polygon


Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]
Line = Annotated[tuple[Point, Point], AfterValidator(_long)]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3), AfterValidator(_wide)]


def within(polygon: NDArray[np.float32], place: Place) -> bool:
    """Whether a place lies in a polygon, (P, 2) float32, or on its edge."""
    return cv2.pointPolygonTest(polygon, place, measureDist=False) >= 0
