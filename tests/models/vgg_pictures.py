"""The pictures that golden/make_vgg.py shows to networks. Needs nothing but numpy."""

import numpy as np

SMALL, FULL = 64, 224  # pixels
MEAN = (129, 105, 94)  # about what VGG-Face subtracts from red, green and blue


def pictures(size: int, count: int = 3) -> np.ndarray:
    """(count, size, size, 3) uint8, noise."""
    return np.random.default_rng(11).integers(0, 256, (count, size, size, 3), np.uint8)


def faces(size: int, count: int = 3) -> np.ndarray:
    """Noise of a few levels about the mean: brighter, and random weights are sure of one class."""
    noise = np.random.default_rng(12).integers(-4, 5, (count, size, size, 3))
    return (noise + np.array(MEAN)).astype(np.uint8)
