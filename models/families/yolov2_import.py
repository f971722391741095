"""The original files of YOLOv2 brought into its Keras networks, every tensor accounted for."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from models.class_count import wrong_labels
from models.errors import BadModel
from models.families.yolov2_cfg import Structure, held, structure
from models.families.yolov2_network import DARKNET_EPSILON, network, norm
from models.hollow import hollow
from models.readers import darknet, h5
from models.readers.weights import Array
from models.spec import Input
from models.transfer import Change, Filled, Transfer, as_it_is, transposed, variables

OIHW_TO_HWIO = (2, 3, 1, 0)
# What darknet adds to a deviation on the CPU (`normalize_cpu` in src/blas.c). On the GPU it adds
# 1e-5 to the variance instead: where variances are small, its own two results differ.
TO_DEVIATION = 1e-6


def _variance(array: Array) -> Array:
    """The variance of which Keras, that adds its epsilon to it, makes darknet's deviation."""
    with np.errstate(invalid="ignore"):  # a root of less than 0 is refused as not finite
        return (np.sqrt(array.astype(np.float64)) + TO_DEVIATION) ** 2 - DARKNET_EPSILON


PARTS: Mapping[str, tuple[str, Change]] = {
    "beta": ("beta", as_it_is),
    "gamma": ("gamma", as_it_is),
    "mean": ("moving_mean", as_it_is),
    "variance": ("moving_variance", _variance),
}
"""Of a batch norm: the reader's name, and Keras's with the change on the way."""


def from_cfg(cfg: Path, classes: int) -> Structure:
    """What a user's `.cfg` says.

    raises  BadModel if it has another number of classes
    """
    said = structure(darknet.read_cfg(cfg))
    if said.classes != classes:
        raise BadModel(f"{cfg.name}: {wrong_labels(said.classes, classes)}")
    return said


def from_darknet(said: Structure, picture: Input, weights: Path) -> tuple[keras.Model, Filled]:
    """The network, without values of its own, and a `.weights` file as its variables.

    The file's length is held against the layers before anything of that size is allocated.

    raises  BadWeights if the layers do not fit together, or the file does not fit them
    """
    convolutions, file = held(said, picture.height, picture.width, weights)
    model = hollow(lambda: network(said.layers, picture.height, picture.width, "darknet"))
    transfer = Transfer(file, model)
    for one in convolutions:
        transfer.move(f"{one.name}/kernel", f"{one.name}/kernel", transposed(*OIHW_TO_HWIO))
        if one.batch_norm:
            for theirs, (ours, change) in PARTS.items():
                transfer.move(f"{one.name}/{theirs}", f"{norm(one.name)}/{ours}", change)
        else:
            transfer.move(f"{one.name}/bias", f"{one.name}/bias")
    return model, transfer.finish()


def from_keras(model: keras.Model, weights: Path) -> Filled:
    """An `.h5` file of keras-yolo2 as the network's variables, by the names of its layers.

    The original has its backbone as a model in a model; "model_1/conv_1/kernel" is "conv_1/kernel".

    raises  BadWeights naming what has no place, or no tensor
    """
    file = h5.read(weights)
    paths = variables(model)
    transfer = Transfer(file, model)
    for tensor in file:
        path = "/".join(tensor.split("/")[-2:])
        if path not in paths:
            path = path.replace("/depthwise_kernel", "/kernel")
        if path in paths:
            transfer.move(tensor, path)
    return transfer.finish()
