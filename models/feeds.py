"""Something to run any model on, to see that it runs and how fast: the same every time."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.spec import CONTRACTS, ModelSpec, Port

Images = NDArray[np.uint8]

# By the letter of an axis: words of a sentence, padded (caption_generator: 40 at most in Flickr8k).
LENGTHS = {"T": 40}


def pictures(spec: ModelSpec, count: int = 1) -> Images:
    """(count, H, W, 3) uint8 of the model's size: smooth colours with some noise, from a seed."""
    height, width = spec.input.height, spec.input.width
    random = np.random.default_rng(0)
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    waves = [np.sin(6.28 * (x * a + y * b + c)) for a, b, c in random.uniform(0, 3, (3, 3))]
    smooth = np.stack(waves, axis=-1) * 90 + 128
    noise = random.normal(0, 12, (count, height, width, 3))
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def feeds(spec: ModelSpec, inputs: Mapping[str, Port]) -> dict[str, NDArray[np.generic]]:
    """Something for every input that a model wants: a picture, or zeros where it wants none.

    inputs  as `Session.inputs`; an axis of any length gets one place, or as many as
            `LENGTHS` says
    """
    if CONTRACTS[spec.task].image:
        return {"image": pictures(spec)}
    return {
        name: np.zeros([_length(axis) for axis in port.shape], port.dtype)
        for name, port in inputs.items()
        if port.required
    }


def _length(axis: int | str) -> int:
    return axis if isinstance(axis, int) else LENGTHS.get(axis, 1)
