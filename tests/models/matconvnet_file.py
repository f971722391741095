"""Writes VGG-Face as its authors publish it: for MatConvNet, which reads red, green, blue."""

from collections.abc import Sequence
from math import isqrt
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.models.keras2_file import Layers


def write(path: Path, layers: Layers, people: Sequence[str]) -> Path:
    """Write the layers of a Keras file, those without tensors as ReLUs."""
    cells: list[object] = []
    for layer, tensors in layers.items():
        if not tensors:
            cells.append({"name": layer.replace("/", "_"), "type": "relu"})
            continue
        kernel, bias = tensors.values()
        if layer == "conv1_1":
            kernel = kernel[:, :, ::-1]
        elif layer.startswith("fc"):
            side = isqrt(len(kernel) // 512) if layer == "fc6" else 1
            kernel = kernel.reshape(side, side, -1, kernel.shape[1])
        cells.append({"name": layer, "type": "conv", "weights": _cell([kernel, bias[:, None]])})
    average = np.array([[[129.1863, 104.7624, 93.5940]]], np.float32)
    meta = {
        "classes": {"description": _cell(people)},
        "normalization": {"averageImage": average},
    }
    savemat(path, {"layers": _cell(cells), "meta": meta}, do_compression=False)
    return path


def _cell(items: Sequence[object]) -> np.ndarray:
    made = np.empty((1, len(items)), object)
    for number, item in enumerate(items):
        made[0, number] = item
    return made
