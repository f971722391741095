"""VGG-Face: who somebody is among 2,622 people, and 4,096 numbers that tell faces apart.

Parkhi, Vedaldi and Zisserman, Deep Face Recognition, BMVC 2015, table 3: the layers of VGG16, with
names as in its Caffe file and in rcmalli/keras-vggface. The embedding is what Caffe calls fc7,
after its ReLU.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from pathlib import Path

import keras
import numpy as np
from keras import layers

from models.errors import BadWeights
from models.export.classes import row_graph
from models.export.graph import Graph
from models.families.keras_file import Pair, pair_off
from models.families.vgg16 import BLOCKS, HIDDEN
from models.hollow import hollow
from models.readers import h5, matconvnet
from models.readers.weights import Array, Stored, WeightFile
from models.spec import ModelSpec
from models.transfer import Change, Filled, Transfer, as_it_is

FIRST = "conv1_1/kernel"
FLATTENED = "fc6/kernel"  # the first matrix behind the pictures
CLASSIFIER = ("fc8",)


def build(spec: ModelSpec) -> keras.Model:
    """The network, (B, 224, 224, 3) float32 normalised to (B, classes), or to (B, 4096)."""
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    value = image
    for block, (count, channels) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            value = layers.Conv2D(
                channels, 3, padding="same", activation="relu", name=f"conv{block}_{number}"
            )(value)
        value = layers.MaxPooling2D(2, strides=2, name=f"pool{block}")(value)
    value = layers.Flatten(name="flatten")(value)
    for name in ("fc6", "fc7"):
        value = layers.Dense(HIDDEN, activation="relu", name=name)(value)
    if spec.task == "classify":
        value = layers.Dense(len(spec.labels), activation="softmax", name="fc8")(value)
    return keras.Model(image, value, name="vggface")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one file, .mat or HDF5 of Keras 1 or 2."""
    network = hollow(lambda: build(spec))
    return row_graph(spec, network, fill(network, files[0]))


def fill(network: keras.Model, file: Path) -> Filled:
    """The original weights for the network, whose first layer reads blue, green, red.

    file    rcmalli_vggface_tf_vgg16.h5 and others of TensorFlow's layout, as they are;
            vgg-face-keras.h5 and vgg-face-keras-fc.h5, written by Keras 1 on Theano; the authors'
            own vgg_face.mat. The last two kinds were made for red, green, blue: the kernel of the
            first layer is turned round
    raises  BadWeights naming the file, the tensor, what was wanted and what was got
    """
    matlab = file.suffix == ".mat"
    source = matconvnet.read(file) if matlab else h5.read(file)
    unused = () if any(layer.name in CLASSIFIER for layer in network.layers) else CLASSIFIER
    pairs = pair_off(source, network, unused)
    theano = _is_theano(source, pairs, network)
    shapes = {weight.path: tuple(weight.shape) for weight in network.weights}
    laid = {
        pair.tensor: _laid_out(source[pair.tensor], shapes[FLATTENED], theano=theano)
        for pair in pairs
        if pair.path == FLATTENED
    }
    transfer = Transfer(replace(source, tensors={**source.tensors, **laid}), network)
    for pair in pairs:
        change = change_of(source[pair.tensor].shape, shapes[pair.path], theano=theano)
        if pair.path == FIRST and (theano or matlab):
            change = _red_first(change)
        transfer.move(pair.tensor, pair.path, as_it_is if pair.tensor in laid else change)
    for name in source:
        if name.partition("/")[0] in unused:
            transfer.pass_over(name, "the classes behind the embedding")
    return transfer.finish()


def _is_theano(source: WeightFile, pairs: Sequence[Pair], network: keras.Model) -> bool:
    """Whether the first kernel lies as (out, in, h, w): then so do all, turned by 180 degrees."""
    first = next(pair.tensor for pair in pairs if pair.path == FIRST)
    height, width, inside, outside = next(w for w in network.weights if w.path == FIRST).shape
    stored = source[first].shape
    if stored in {(height, width, inside, outside), (outside, inside, height, width)}:
        return bool(stored[0] == outside)
    raise BadWeights(
        f"{source.file}: tensor {first}: wanted {(height, width, inside, outside)}, "
        f"or {(outside, inside, height, width)} of Theano, got {stored}"
    )


def change_of(stored: tuple[int, ...], wanted: tuple[int, ...], *, theano: bool) -> Change:
    """How a tensor of that shape becomes one of the network; other shapes fail when it is read."""
    if len(wanted) == 1:
        # MatConvNet's biases are (n, 1) or (1, n).
        return lambda array: array.reshape(-1)
    if len(stored) == 4 and theano:
        # Convolutions of Theano are true ones: what Keras calls so is a correlation.
        return lambda array: _fitted(array[:, :, ::-1, ::-1].transpose(2, 3, 1, 0), wanted)
    if len(stored) == 4:
        return lambda array: _fitted(array, wanted)
    return as_it_is


def _fitted(kernel: Array, wanted: tuple[int, ...]) -> Array:
    """A kernel (1, 1, in, out) as the matrix of a layer that sees all of its input."""
    if len(wanted) == 2 and kernel.shape == (1, 1, *wanted):
        return kernel.reshape(wanted)
    return kernel


def _laid_out(stored: Stored, wanted: tuple[int, ...], *, theano: bool) -> Stored:
    """The matrix of fc6, rows in the order of (y, x, channel), out of what a file has instead.

    A kernel (h, w, in, out), or with Theano (out, in, h, w) turned by 180 degrees, or rows in the
    order of (channel, y, x). It is three quarters of the network: it is moved part by part, so that
    it is not there twice.
    """
    rows, outside = wanted
    channels = BLOCKS[-1][1]
    side = isqrt(rows // channels)
    layouts: dict[tuple[int, ...], Change] = {
        (side, side, channels, outside): lambda made: made,
        (outside, channels, side, side): lambda made: made.transpose(3, 2, 0, 1)[..., ::-1, ::-1],
    }
    if theano and stored.shape == wanted:
        order = np.arange(rows).reshape(side, side, channels).transpose(2, 0, 1).reshape(-1)

        def by_rows() -> Array:
            made = np.empty(wanted, np.float32)
            for where, part in stored.parts():
                made[order[where[0]]] = part
            return made

        return Stored(wanted, stored.dtype, by_rows)
    if stored.shape not in layouts:
        return stored

    def by_parts() -> Array:
        made = np.empty((side, side, channels, outside), np.float32)
        view = layouts[stored.shape](made)
        for where, part in stored.parts():
            view[where] = part
        return made.reshape(wanted)

    return Stored(wanted, stored.dtype, by_parts)


def _red_first(change: Change) -> Change:
    """The kernel of a network that reads red, green, blue, for one that reads blue, green, red."""
    return lambda array: change(array)[:, :, ::-1]
