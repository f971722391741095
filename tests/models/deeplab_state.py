"""The seeded recipe for a DeepLab of Keras 2; needs nothing but numpy.

Imported both by golden/make_deeplab.py, beside the original code, and by the tests.
"""

from collections.abc import Mapping

import numpy as np

from tests.models.seeded import draw

SEED = 21
SIZE = (96, 128)  # height and width


def state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """What the tensors of those names, such as "Conv/kernel", hold, float32."""
    return {
        name: draw(name, shape, SEED, 9 if name.endswith("/depthwise_kernel") else 0)
        for name, shape in shapes.items()
    }


def pictures() -> np.ndarray:
    """(3, H, W, 3) uint8, RGB."""
    return np.random.default_rng(SEED).integers(0, 256, (3, *SIZE, 3), np.uint8)


def sample(output: np.ndarray) -> np.ndarray:
    """Some of (B, H, W, 21): the first two pictures, every 19th row and every 23rd column."""
    return output[:2, ::19, ::23]
