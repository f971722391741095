"""Writes weight files as Keras 1 and 2 did: layers in order, each with its tensors in order."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

Layers = Mapping[str, Mapping[str, np.ndarray]]


def write(path: Path, layers: Layers, *, whole: bool = False) -> Path:
    """Write tensors by their full names ("conv_1/kernel:0") under the layers that hold them.

    whole  put them into `model_weights`, where a file of a whole model has them
    """
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, tensors in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [tensor.encode() for tensor in tensors]
            for tensor, array in tensors.items():
                group.create_dataset(tensor, data=array)
    return path
