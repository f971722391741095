"""The original files of YOLOv2 brought into its Keras networks, every tensor accounted for."""

from pathlib import Path

import keras

from models.errors import BadWeights
from models.families import yolov2_layers as parts
from models.families.yolov2_cfg import Structure, structure
from models.families.yolov2_network import network, norm
from models.hollow import hollow
from models.readers import darknet, h5
from models.spec import Input
from models.transfer import Filled, Transfer, transposed, variables

OIHW_TO_HWIO = (2, 3, 1, 0)
PARTS = {
    "beta": "beta",
    "gamma": "gamma",
    "mean": "moving_mean",
    "variance": "moving_variance",
}
"""Of a batch norm: the reader's name and Keras's."""


def from_cfg(cfg: Path, classes: int) -> Structure:
    """What a user's `.cfg` says.

    raises  BadWeights if it has another number of classes
    """
    said = structure(darknet.read_cfg(cfg))
    if said.classes != classes:
        raise BadWeights(f"{cfg}: wanted {classes} classes, one a label, got {said.classes}")
    return said


def from_darknet(said: Structure, picture: Input, weights: Path) -> tuple[keras.Model, Filled]:
    """The network, without values of its own, and a `.weights` file as its variables.

    The file's length is held against the layers before anything of that size is allocated.

    raises  BadWeights if the layers do not fit together, or the file does not fit them
    """
    try:
        made = parts.shapes(said.layers, picture.height, picture.width)
    except ValueError as error:
        raise BadWeights(f"{weights}: its network: {error}") from None
    convolutions = tuple(parts.in_file(said.layers, made))
    file = darknet.read(weights, convolutions)
    model = hollow(lambda: network(said.layers, picture.height, picture.width, "darknet"))
    transfer = Transfer(file, model)
    for one in convolutions:
        transfer.move(f"{one.name}/kernel", f"{one.name}/kernel", transposed(*OIHW_TO_HWIO))
        if one.batch_norm:
            for theirs, ours in PARTS.items():
                transfer.move(f"{one.name}/{theirs}", f"{norm(one.name)}/{ours}")
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
