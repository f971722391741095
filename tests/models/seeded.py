"""Random weights from a seed: the recipe by which a network is filled the same way anywhere.

Needs nothing but numpy, so that an original network in an environment of its own can be filled by
the same recipe; see golden/.
"""

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    import keras


def draw(name: str, shape: tuple[int, ...], seed: int, fan_in: int = 0) -> np.ndarray:
    """What a tensor of that name holds, float32: the same on every machine.

    Each name has a stream of its own, so the order of drawing does not matter. Kernels are scaled
    after He et al., arXiv:1502.01852, so that the numbers inside a deep network stay of one size.

    fan_in  of a kernel: how many numbers each output is a sum of; found from (.., in, out) if 0
    """
    random = np.random.default_rng([seed, crc32(name.encode())])
    last = name.rpartition("/")[2].rpartition(".")[2]
    if last in {"moving_variance", "running_var", "variance"}:
        return random.uniform(0.5, 2, shape).astype(np.float32)
    if last in {"gamma", "scale"}:
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    values = random.standard_normal(shape, np.float32)
    if len(shape) < 2:
        return values * np.float32(0.1)
    return values * np.float32(np.sqrt(2 / (fan_in or np.prod(shape[:-1]))))


def fill(network: "keras.Model", seed: int) -> None:
    """Fill every variable of a Keras network by its path."""
    for variable in network.variables:
        shape = tuple(variable.shape)
        depthwise = "depthwise" in variable.path and len(shape) == 4
        fan_in = int(np.prod(shape[:2])) if depthwise else 0
        variable.assign(draw(variable.path, shape, seed, fan_in))
