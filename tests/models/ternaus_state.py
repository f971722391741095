"""The seeded recipe for a PyTorch state dict; needs nothing but numpy.

Imported both by golden/make_ternaus.py, beside the original code, and by the tests.
"""

from collections.abc import Mapping

import numpy as np

from tests.models.seeded import draw

SEED = 34
SIZE = (64, 128)  # height and width; AlbuNet halves it six times
# How many labels the golden network of each kind tells apart; 2 are one logit.
LABELS = {"unet11": 2, "unet16": 4, "linknet34": 8, "albunet34": 2}


def state(
    shapes: Mapping[str, tuple[int, ...]], aliases: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """What the tensors of those names hold, float32, but for counters, which are 0 and int64.

    aliases  the name whose numbers a tensor has, where that is not its own
    """
    made = {}
    for name, shape in shapes.items():
        first = aliases.get(name, name)
        module, _, kind = first.rpartition(".")
        if kind == "num_batches_tracked":
            made[name] = np.zeros(shape, np.int64)
        elif kind == "weight" and f"{module}.running_mean" in shapes:
            made[name] = draw(f"{module}.scale", shape, SEED)
        else:
            made[name] = draw(first, shape, SEED, int(np.prod(shape[1:])))
    return made


def pictures() -> np.ndarray:
    """(3, H, W, 3) uint8, RGB."""
    return np.random.default_rng(SEED).integers(0, 256, (3, *SIZE, 3), np.uint8)


def sample(output: np.ndarray) -> np.ndarray:
    """Some of (B, H, W, C): the first two pictures, every 9th row and every 11th column."""
    return output[:2, ::9, ::11]
