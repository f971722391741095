"""MobileNet v1: a thousand kinds of things, in a few milliseconds.

Howard et al., arXiv:1704.04861, table 1, with the layer names of keras.applications; or, as
TensorFlow's quantised files have it, with batch norms folded into the convolutions before them. And
MobileNet v2 from such a file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
from keras import layers

from models.errors import BadModel, BadWeights
from models.export import tflite as tflite_graph
from models.export.classes import emit_probabilities, row_graph
from models.export.graph import Graph
from models.families.keras_file import pair_off
from models.hollow import hollow
from models.readers import h5, tflite
from models.readers.network import Activation, Convolution, Network, Operator
from models.readers.weights import Stored, WeightFile, in_memory
from models.spec import ModelSpec
from models.transfer import Change, Filled, Transfer, as_it_is, transposed

FIRST = 32  # channels of the first layer
# Channels of each depthwise separable layer, and its stride: table 1 of the paper.
LAYERS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
WIDTHS = {"0.25": 0.25, "0.5": 0.5, "0.75": 0.75, "1.0": 1.0}
FOLDED = "folded-"
AFTER = ["AVERAGE_POOL_2D", "RESHAPE", "SOFTMAX"]  # the operators that have no weights
SECOND = "v2"  # the variant whose network is read from its file, and not built here


def convolutions(
    image: keras.KerasTensor, alpha: float, *, folded: bool = False
) -> keras.KerasTensor:
    """The layers up to the mean: (B, H, W, 3) normalised to (B, H / 32, W / 32, 1024 alpha).

    alpha   what the channels are multiplied by
    folded  without batch norms, with biases
    """
    value = _convolution(image, "conv1", int(FIRST * alpha), 3, 2, folded=folded)
    for number, (channels, stride) in enumerate(LAYERS, 1):
        name = f"conv_dw_{number}"
        depthwise = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=folded, name=name
        )(value)
        value = _activated(depthwise, name, folded=folded)
        name = f"conv_pw_{number}"
        value = _convolution(value, name, int(channels * alpha), 1, 1, folded=folded)
    return value


def _convolution(
    value: keras.KerasTensor, name: str, channels: int, size: int, stride: int, *, folded: bool
) -> keras.KerasTensor:
    made = layers.Conv2D(
        channels, size, strides=stride, padding="same", use_bias=folded, name=name
    )(value)
    return _activated(made, name, folded=folded)


def _activated(value: keras.KerasTensor, name: str, *, folded: bool) -> keras.KerasTensor:
    if not folded:
        value = layers.BatchNormalization(name=f"{name}_bn")(value)
    return layers.ReLU(6.0, name=f"{name}_relu")(value)


def build(spec: ModelSpec) -> keras.Model:
    """The network of a variant such as "0.5" or "folded-0.5": pictures to (B, classes).

    raises  BadModel for MobileNet v2
    """
    if spec.variant == SECOND:
        raise BadModel(f"{spec.name}: wanted a MobileNet v1; v2 is read from its file, not built")
    folded = spec.variant.startswith(FOLDED)
    alpha, classes = WIDTHS[spec.variant.removeprefix(FOLDED)], len(spec.labels)
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    assert isinstance(image, keras.KerasTensor)  # for type checkers: Keras promises a list as well
    value = convolutions(image, alpha, folded=folded)
    value = layers.GlobalAveragePooling2D(keepdims=True, name="global_average_pooling2d")(value)
    value = layers.Dropout(1e-3, name="dropout")(value)
    value = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(value)
    value = layers.Reshape((classes,), name="reshape_2")(value)
    made = layers.Activation("softmax", name="predictions")(value)
    return keras.Model(image, made, name=f"mobilenet_{alpha}")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one file, HDF5 of Keras 2 or .tflite."""
    if spec.variant == SECOND:
        graph, network = Graph(spec.name), tflite.read(files[0])
        (made,) = tflite_graph.emit(graph, network, [graph.image(spec.input)])
        units = network.tensors[network.outputs[0]].shape[-1]
        emit_probabilities(graph, made, units, len(spec.labels))
        return graph
    ours = hollow(lambda: build(spec))
    return row_graph(spec, ours, fill(ours, files[0]))


def fill(network: keras.Model, file: Path) -> Filled:
    """The original weights for a network of this family.

    raises  BadWeights naming the file, the tensor or operator, what was wanted and what was got
    """
    if file.suffix == ".tflite":
        return _from_tflite(network, tflite.read(file))
    source = h5.read(file)
    transfer = Transfer(source, network)
    for pair in pair_off(source, network):
        transfer.move(pair.tensor, pair.path, _as_kernel(source[pair.tensor]))
    return transfer.finish()


def _as_kernel(stored: Stored) -> Change:
    """Files that end in a fully connected layer have its matrix: that is the kernel of 1 x 1."""
    return (lambda array: array[None, None]) if len(stored.shape) == 2 else as_it_is


def _from_tflite(network: keras.Model, source: Network) -> Filled:
    """Convolutions pair off in order; their strides and activations have to be the paper's."""
    ours = [layer for layer in network.layers if layer.weights]
    theirs = [op for op in source.operators if isinstance(op.options, Convolution)]
    if len(ours) != len(theirs):
        raise BadWeights(
            f"{source.file}: convolutions: wanted {len(ours)}, as MobileNet v1 without batch norms "
            f"has, got {len(theirs)}"
        )
    for layer, operator in zip(ours, theirs, strict=True):
        _check(source, layer, operator)
    rest = [op.name for op in source.operators if op not in theirs]
    if rest != AFTER:
        raise BadWeights(f"{source.file}: other operators: wanted {AFTER}, got {rest}")
    parts = dict(_constants(source, [layer.name for layer in ours], theirs))
    transfer = Transfer(WeightFile(source.file, parts), network)
    for name in parts:
        transfer.move(name, name, transposed(1, 2, 3, 0) if name.endswith("/kernel") else as_it_is)
    return transfer.finish()


def _check(source: Network, layer: keras.Layer, operator: Operator) -> None:
    kind = "DEPTHWISE_CONV_2D" if isinstance(layer, layers.DepthwiseConv2D) else "CONV_2D"
    activation: Activation = "none" if layer.name == "conv_preds" else "relu6"
    wanted = (kind, Convolution(tuple(layer.strides), (1, 1), "same", activation))
    if (got := (operator.name, operator.options)) != wanted:
        raise BadWeights(f"{source.file}: {layer.name}: wanted {wanted}, got {got}")


def _constants(
    source: Network, names: Sequence[str], operators: Sequence[Operator]
) -> Iterator[tuple[str, Stored]]:
    """Kernels (out, h, w, in) or (1, h, w, channels), and biases, under our names for them."""
    for name, operator in zip(names, operators, strict=True):
        for place, part in enumerate(("kernel", "bias"), 1):
            number = operator.inputs[place] if place < len(operator.inputs) else -1
            data = source.tensors[number].data if number >= 0 else None
            if data is None:
                raise BadWeights(f"{source.file}: {name}/{part}: wanted a constant, got none")
            yield f"{name}/{part}", in_memory(data)
