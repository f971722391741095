"""Pictures made by formula, the same on every machine: what the golden numbers were made from."""

import numpy as np
from numpy.typing import NDArray


def noise(count: int, size: int) -> NDArray[np.uint8]:
    """(count, size, size, 3) uint8, each value drawn by itself from seed 7."""
    return np.random.default_rng(7).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def face(size: int, *, x: float = 0.5, y: float = 0.5, scale: float = 1.0) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 RGB: a drawn face that the detectors take for one.

    x, y   the middle of the head, in [0, 1] of the picture
    scale  1 makes a head of half the picture's width
    """
    grid = (np.arange(size, dtype=np.float64) + 0.5) / size
    u, v = np.meshgrid((grid - x) / scale, (grid - y) / scale)
    picture = np.full((size, size, 3), 190.0)
    for cu, cv, ru, rv, colour in (
        (0.0, -0.08, 0.28, 0.34, (60, 40, 30)),  # hair
        (0.0, 0.0, 0.24, 0.32, (224, 172, 140)),  # head
        (-0.1, -0.13, 0.06, 0.015, (70, 45, 35)),  # brows
        (0.1, -0.13, 0.06, 0.015, (70, 45, 35)),
        (-0.1, -0.07, 0.05, 0.025, (245, 245, 245)),  # eyes
        (0.1, -0.07, 0.05, 0.025, (245, 245, 245)),
        (-0.1, -0.07, 0.022, 0.024, (40, 30, 25)),
        (0.1, -0.07, 0.022, 0.024, (40, 30, 25)),
        (0.0, 0.05, 0.035, 0.055, (200, 140, 110)),  # nose
        (0.0, 0.17, 0.085, 0.025, (170, 70, 70)),  # mouth
    ):
        inside = 1.0 - ((u - cu) / ru) ** 2 - ((v - cv) / rv) ** 2
        # An edge two pixels wide, so that a small change of the formula moves no pixel much.
        weight = np.clip(inside * min(ru, rv) * scale * size / 4 + 0.5, 0.0, 1.0)[..., None]
        picture = picture * (1.0 - weight) + weight * np.array(colour, dtype=np.float64)
    return np.rint(picture).astype(np.uint8)


def pair(size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 RGB: two faces of different sizes side by side."""
    left = face(size, x=0.27, y=0.4, scale=0.6)[:, : size // 2]
    right = face(size, x=0.74, y=0.55, scale=0.7)[:, size // 2 :]
    return np.concatenate([left, right], axis=1)


def golden_pictures(size: int) -> NDArray[np.uint8]:
    """(4, size, size, 3) uint8: the pictures behind tests/models/golden/blaze.npz, in its order."""
    return np.stack([face(size), pair(size), noise(1, size)[0], face(size, x=0.35, scale=0.6)])
