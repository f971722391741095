"""The captioner's eye: VGG16 up to its second hidden layer, 4,096 numbers of a picture.

The weights are ImageNet's, from a file of VGG16 with or without its last layer. Variant "theano" is
for files that Keras wrote on Theano with channels first (ImageCaption's `vgg16_weights.h5`):
kernels (out, in, h, w) for a true convolution, which turns them by half a turn, and the first
hidden layer's rows by channel (keras/utils/layer_utils.py of Keras 2,
`convert_all_kernels_in_model` and `convert_dense_weights_data_format`).
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from models.export.classes import row_graph
from models.export.graph import Graph
from models.families.keras_file import file_layers, pair_off
from models.families.vgg16 import HIDDEN, convolutions
from models.hollow import hollow
from models.readers import h5
from models.readers.weights import WeightFile
from models.spec import ModelSpec
from models.transfer import Array, Change, Filled, Transfer, as_it_is

LAYERS = 15  # that hold weights, of which the file may have one more
NOT_NEEDED = "the classes of ImageNet"


def build(spec: ModelSpec) -> keras.Model:
    """From (B, 224, 224, 3) float32, normalised, to (B, 4096) float32."""
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    assert isinstance(image, keras.KerasTensor)  # for type checkers: Keras promises a list as well
    value = layers.Flatten(name="flatten")(convolutions(image))
    for name in ("fc1", "fc2"):
        value = layers.Dense(HIDDEN, activation="relu", name=name)(value)
    return keras.Model(image, value, name="vgg16")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one Keras file of VGG16."""
    network = hollow(lambda: build(spec))
    weights = transfer(spec, h5.read(files[0]), network)
    return row_graph(spec, network, weights)


def transfer(spec: ModelSpec, source: WeightFile, network: keras.Model) -> Filled:
    """The tensors in their places; a last layer for classes is left out.

    raises  BadWeights if one is missing or left over
    """
    found = list(file_layers(source))
    last = found[-1] if len(found) == LAYERS + 1 else None
    moves = Transfer(source, network)
    changes: dict[str, Change] = {}
    if spec.variant == "theano":
        pixels = by_pixel(spec.input.height // 32, spec.input.width // 32)
        changes = {"block": turned, "fc1": pixels}
    for pair in pair_off(source, network, [last.name] if last else []):
        layer, _, part = pair.path.partition("/")
        change = changes.get(layer[:5], as_it_is) if part == "kernel" else as_it_is
        moves.move(pair.tensor, pair.path, change)
    for tensor in last.tensors if last else ():
        moves.pass_over(tensor, NOT_NEEDED)
    return moves.finish()


def turned(kernel: Array) -> Array:
    """(out, in, h, w) of a convolution to (h, w, in, out) of a correlation."""
    return kernel[..., ::-1, ::-1].transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel


def by_pixel(height: int, width: int) -> Change:
    """Rows of a dense layer behind a picture: from channel, row, column to row, column, channel."""

    def change(kernel: Array) -> Array:
        rows = kernel.shape[0]
        if rows % (height * width):
            return kernel
        order = np.arange(rows).reshape(-1, height, width).transpose(1, 2, 0).reshape(-1)
        return kernel[order]

    return change
