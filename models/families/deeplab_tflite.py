"""Google's quantised DeepLabv3+ files: their numbers for the Keras network.

The reader has brought the constants back to float32; batch norms were folded when the files were
made. Each convolution is named after the tensor of its kernel, such as
"MobilenetV2/expanded_conv_3/expand/Conv2D_Fold;...".
"""

from collections.abc import Mapping

import keras

from models.errors import BadWeights
from models.readers.network import Convolution, Network, Operator, Resizing
from models.readers.weights import Stored, WeightFile, in_memory
from models.transfer import Filled, Transfer, transposed

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
# What else the networks are made of, in this order; all of it stands in the Keras network too. The
# second RESIZE_BILINEAR leaves the size as it is.
OTHERS = (
    *("ADD",) * 10,
    "AVERAGE_POOL_2D",
    "RESIZE_BILINEAR",
    "QUANTIZE",
    "CONCATENATION",
    *("RESIZE_BILINEAR",) * 2,
    "ARG_MAX",
)


def load(network: Network, target: keras.Model) -> Filled:
    """Kernels and biases by the names of their layers.

    raises  BadWeights if one is missing, left over or of another shape, or the file's network is
            not the Keras one: a convolution slides otherwise, or other operators stand between
    """
    known = {layer.name: layer for layer in target.layers if layer.weights}
    tensors: dict[str, Stored] = {}
    others = []
    for operator in network.operators:
        if operator.name in CONVOLUTIONS:
            _collect(network, operator, known, tensors)
        else:
            others.append(operator.name)
            _check_resizing(network, operator)
    if tuple(others) != OTHERS:
        raise BadWeights(
            f"{network.file}: operators beside convolutions: wanted {OTHERS}, got {tuple(others)}"
        )
    transfer = Transfer(WeightFile(network.file, tensors), target)
    for name in known:
        # (out, h, w, in), and (1, h, w, channels) where each channel has its own.
        transfer.move(f"{name}/kernel", f"{name}/kernel", transposed(1, 2, 3, 0))
        transfer.move(f"{name}/bias", f"{name}/bias")
    return transfer.finish()


def _collect(
    network: Network,
    operator: Operator,
    known: Mapping[str, keras.Layer],
    tensors: dict[str, Stored],
) -> None:
    """Add a convolution's constants by the name of its layer."""
    if len(operator.inputs) != 3 or -1 in operator.inputs:
        raise BadWeights(f"{network.file}: {operator.name}: wanted 3 inputs, got {operator.inputs}")
    _, kernel, bias = (network.tensors[number] for number in operator.inputs)
    name = _layer_name(kernel.name)
    where = f"{network.file}: {operator.name} {name}"
    if name not in known or f"{name}/kernel" in tensors:
        raise BadWeights(f"{where}: wanted each layer of the network once, got this one")
    _check(where, operator, known[name])
    for kind, data in (("kernel", kernel.data), ("bias", bias.data)):
        if data is None:
            raise BadWeights(f"{where}: {kind}: wanted a constant, got a computed tensor")
        tensors[f"{name}/{kind}"] = in_memory(data)


def _layer_name(tensor: str) -> str:
    """Such as "expanded_conv_3_expand" for "MobilenetV2/expanded_conv_3/expand/Conv2D_Fold;..."."""
    first = tensor.partition(";")[0].removeprefix("MobilenetV2/")
    return first.rpartition("/")[0].replace("/", "_")


def _check(where: str, operator: Operator, layer: keras.Layer) -> None:
    """The convolution of the file slides as the layer does."""
    options = operator.options
    wanted = (tuple(layer.strides), tuple(layer.dilation_rate), layer.padding)
    got = None
    if isinstance(options, Convolution):
        got = (options.stride, options.dilation, options.padding)
    if got != wanted:
        raise BadWeights(f"{where}: stride, dilation and padding: wanted {wanted}, got {got}")


def _check_resizing(network: Network, operator: Operator) -> None:
    """The Keras network of a .tflite file aligns corners."""
    wanted = Resizing(aligned=True, half_pixel=False)
    if operator.name == "RESIZE_BILINEAR" and operator.options != wanted:
        raise BadWeights(
            f"{network.file}: RESIZE_BILINEAR: wanted {wanted}, got {operator.options}"
        )
