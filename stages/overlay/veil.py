"""Hides parts of a picture, or all of it, so that what was there is no more in the pixels.

Both ways keep only a few numbers of what they hide: they shrink it, and enlarge what is left.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Veil
from models.results.veil import How

DEVIATION = 2.0  # pixels, of the blur on what was shrunk
FINEST = 1 / 20  # of the longer side: of a face in more blocks than that, one sees whose it is
LEAST = 4.0  # pixels: blocks of one would be the picture as it was

Pixels = NDArray[np.uint8]


def veil(pixels: Pixels, what: Veil) -> None:
    """Hide, in place, what a veil says.

    pixels  (H, W, 3) uint8, writeable; boxes that stick out are hidden as far as they lie inside
    """
    height, width = pixels.shape[:2]
    if what.whole:
        hide(pixels, what.how, what.strength)
        return
    for x1, y1, x2, y2 in np.clip(what.boxes, -1, 2).astype(np.float64).tolist():
        left, right = max(0, math.floor(x1 * width)), min(width, math.ceil(x2 * width))
        top, bottom = max(0, math.floor(y1 * height)), min(height, math.ceil(y2 * height))
        if left < right and top < bottom:
            hide(pixels[top:bottom, left:right], what.how, what.strength)


def hide_all(pixels: Pixels) -> None:
    """What is shown of a picture about which its guard said nothing."""
    hide(pixels, "pixelate", 1 / 16)


def hide(region: Pixels, how: How, strength: float) -> None:
    """Hide a region in place, be it ever so small or `strength` (see `Veil`) ever so little."""
    height, width = region.shape[:2]
    block = max(LEAST, max(FINEST, strength) * max(height, width))
    # A blur of so many pixels is the same as a small one on a small picture, and costs less.
    step = block if how == "pixelate" else max(1.0, block / 2 / DEVIATION)
    size = (max(1, round(width / step)), max(1, round(height / step)))
    small = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    if how == "blur":
        small = cv2.GaussianBlur(small, (0, 0), DEVIATION, borderType=cv2.BORDER_REPLICATE)
    way = cv2.INTER_NEAREST if how == "pixelate" else cv2.INTER_LINEAR
    region[:] = cv2.resize(small, (width, height), interpolation=way)
