"""Writes HDF5 as Keras 2 does, so that tests need no Keras 2."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

Layers = Mapping[str, Mapping[str, np.ndarray]]
"""The tensors of each layer, both by name, such as "conv1" and "conv1/kernel"."""


def write(path: Path, layers: Layers, *, whole: bool = False, suffix: str = ":0") -> Path:
    """Write the layers, those without tensors too.

    whole   as `model.save` does, not `model.save_weights`
    suffix  behind every name; Keras 1 on Theano has none
    """
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for layer, tensors in layers.items():
            group = root.require_group(layer)
            names = [f"{name}{suffix}" for name in tensors]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, array in zip(names, tensors.values(), strict=True):
                group.create_dataset(name, data=array)
    return path


def by_layer(tensors: Iterable[tuple[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """The layers of tensors with names such as "conv1/kernel"."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in tensors:
        layers.setdefault(name.rpartition("/")[0], {})[name] = array
    return layers
