"""Makes weight files of Keras 2 with h5py, right ones and wrong ones."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

Layers = Mapping[str, Mapping[str, np.ndarray]]

SMALL: Layers = {
    "input_1": {},
    "conv1": {
        "conv1/kernel:0": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4),
        "conv1/bias:0": np.array([1, -2, 3, 0.5], np.float16),
    },
    "vgg16": {"block1/kernel:0": np.arange(6, dtype=np.float64).reshape(2, 3)},
}


def fill(
    root: h5py.Group, layers: Layers, *, chunks: tuple[int, ...] | None = None, text: bool = False
) -> None:
    """Layers as Keras 2 writes them.

    chunks  cut the tensors that have as many axes into such chunks, and compress them
    text    names as text of any length, as Keras 3 writes them, not as text of one length
    """
    root.attrs["layer_names"] = names(list(layers), text=text)
    for layer, weights in layers.items():
        group = root.create_group(layer)
        group.attrs["weight_names"] = names(list(weights), text=text)
        for name, array in weights.items():
            if chunks and array.ndim == len(chunks):
                group.create_dataset(
                    name, data=array, chunks=chunks, compression="gzip", shuffle=True
                )
            else:
                group.create_dataset(name, data=array)


def names(listed: list[str], *, text: bool) -> list[str] | np.ndarray:
    return listed if text else np.array([name.encode() for name in listed])


def write(
    path: Path, layers: Layers = SMALL, *, chunks: tuple[int, ...] | None = None, text: bool = False
) -> Path:
    with h5py.File(path, "w") as file:
        fill(file, layers, chunks=chunks, text=text)
    return path


def write_whole(path: Path, layers: Layers = SMALL) -> Path:
    """A file of a whole model: weights in a group, with an optimiser's state beside it."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.2.4"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = '{"class_name": "Lambda", "config": "never looked at"}'
        fill(file.create_group("model_weights"), layers)
        file.create_group("optimizer_weights")["iterations:0"] = np.int64(3)
    return path
