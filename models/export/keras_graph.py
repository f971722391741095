"""Writes a functional Keras network as ONNX nodes: what each kind of layer becomes."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from models.export.graph import Graph
from models.export.keras_emitter import (
    TO_NCHW,
    Emitter,
    Floats,
    LayerEmitter,
    Value,
    pair,
)
from models.export.windows import padded_window


def emit(
    graph: Graph, network: keras.Model, weights: Mapping[str, Floats], feeds: Sequence[str]
) -> tuple[str, ...]:
    """Write a whole network into `graph`.

    weights  the value of each variable by its path (`models.transfer`); those in the network itself
             are not looked at
    feeds    the graph's values for the network's inputs, in its order, pictures as NCHW
    returns  the values of the network's outputs, pictures as NCHW
    raises   BadModel naming a layer that is not known, or that asks for what cannot be written
    """
    values = [
        Value(feed, tuple(tensor.shape)) for feed, tensor in zip(feeds, network.inputs, strict=True)
    ]
    emitter = Emitter(graph, weights, EMITTERS, FOLDING)
    return tuple(value.name for value in emitter.run(network, values))


def conv2d(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    """Kernel (h, w, in / groups, out)."""
    kernel = emitter.weight(layer, "kernel").transpose(3, 2, 0, 1)
    return emitter.convolve(layer, image, kernel, layer.filters, layer.groups)


def depthwise(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    """Kernel (h, w, channels, multiplier)."""
    kernel = emitter.weight(layer, "kernel")
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.reshape(height, width, channels * multiplier, 1).transpose(2, 3, 0, 1)
    return emitter.convolve(layer, image, kernel, channels * multiplier, channels)


def separable(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    """A depthwise convolution without bias, and a pointwise one."""
    kernel = emitter.weight(layer, "depthwise_kernel")
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.reshape(height, width, channels * multiplier, 1).transpose(2, 3, 0, 1)
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    size, pads = padded_window(
        image.size, kernel.shape[2:], strides, dilation, emitter.padding(layer)
    )
    name = emitter.graph.add(
        "Conv",
        [image.name, emitter.graph.constant(kernel)],
        {
            "kernel_shape": kernel.shape[2:],
            "strides": strides,
            "dilations": dilation,
            "pads": pads,
            "group": channels,
        },
    )
    point = emitter.weight(layer, "pointwise_kernel").transpose(3, 2, 0, 1)
    inner = [name, emitter.graph.constant(point)]
    if layer.use_bias:
        inner.append(emitter.graph.constant(emitter.weight(layer, "bias")))
    name = emitter.graph.add("Conv", inner, {"kernel_shape": (1, 1)})
    return emitter.activate(layer, Value(name, (None, *size, layer.filters)))


def transposed(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    """Kernel (h, w, out, in). SAME gives size * stride, and cuts the odd pixel at the end."""
    kernel = emitter.weight(layer, "kernel").transpose(3, 2, 0, 1)
    strides, length = pair(layer.strides), kernel.shape[2:]
    if layer.output_padding is not None or pair(layer.dilation_rate) != (1, 1):
        emitter.fail(layer, "no output padding and no dilation", layer.output_padding)
    same = emitter.padding(layer) == "same"
    size = tuple(
        n * step if same else n * step + max(reach - step, 0)
        for n, step, reach in zip(image.size, strides, length, strict=True)
    )
    cut = [max(r - s, 0) if same else 0 for r, s in zip(length, strides, strict=True)]
    pads = [n // 2 for n in cut] + [n - n // 2 for n in cut]
    bias = emitter.weight(layer, "bias") if layer.use_bias else np.zeros(layer.filters, np.float32)
    name = emitter.graph.add(
        "ConvTranspose",
        [image.name, emitter.graph.constant(kernel), emitter.graph.constant(np.asarray(bias))],
        {
            "kernel_shape": length,
            "strides": strides,
            "pads": pads,
            # What a stride longer than the kernel leaves free.
            "output_padding": [max(s - r, 0) for r, s in zip(length, strides, strict=True)],
        },
    )
    return emitter.activate(layer, Value(name, (None, *size, layer.filters)))


def batch_norm(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    """One that could not be folded: a scale and a shift of each channel."""
    if layer.axis not in {-1, len(value.shape) - 1}:
        emitter.fail(layer, "the last axis", layer.axis)
    scale, shift = emitter.normalising(layer)
    across = (-1, 1, 1) if len(value.shape) == 4 else (-1,)
    name = emitter.graph.add("Mul", [value.name, emitter.graph.constant(scale.reshape(across))])
    name = emitter.graph.add("Add", [name, emitter.graph.constant(shift.reshape(across))])
    return Value(name, value.shape)


def instance_norm(emitter: Emitter, layer: keras.layers.GroupNormalization, image: Value) -> Value:
    """As many groups as channels: each channel of each picture by itself."""
    if layer.groups not in {-1, image.channels}:
        emitter.fail(layer, f"as many groups as channels, {image.channels}", layer.groups)
    if layer.axis not in {-1, len(image.shape) - 1} or not (layer.scale and layer.center):
        emitter.fail(layer, "the last axis, a scale and a shift", layer.axis)
    weights = [emitter.graph.constant(emitter.weight(layer, n)) for n in ("gamma", "beta")]
    name = emitter.graph.add(
        "InstanceNormalization", [image.name, *weights], {"epsilon": float(layer.epsilon)}
    )
    return Value(name, image.shape)


def max_pool(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    return _pool(emitter, layer, image, "MaxPool", {})


def average_pool(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    return _pool(emitter, layer, image, "AveragePool", {"count_include_pad": 0})


def _pool(
    emitter: Emitter, layer: keras.Layer, image: Value, op: str, more: Mapping[str, int]
) -> Value:
    window, strides = pair(layer.pool_size), pair(layer.strides)
    size, pads = padded_window(image.size, window, strides, (1, 1), emitter.padding(layer))
    name = emitter.graph.add(
        op, [image.name], {"kernel_shape": window, "strides": strides, "pads": pads, **more}
    )
    return Value(name, (None, *size, image.channels))


def global_average(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    name = emitter.graph.add("GlobalAveragePool", [image.name])
    if layer.keepdims:
        return Value(name, (None, 1, 1, image.channels))
    name = emitter.graph.add("Flatten", [name], {"axis": 1})
    return Value(name, (None, image.channels))


def zero_padding(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    (top, bottom), (left, right) = layer.padding
    pads = emitter.graph.integers(0, 0, top, left, 0, 0, bottom, right)
    height, width = image.size
    shape = (None, height + top + bottom, width + left + right, image.channels)
    return Value(emitter.graph.add("Pad", [image.name, pads]), shape)


def cropping(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    (top, bottom), (left, right) = layer.cropping
    height, width = image.size
    ends = emitter.graph.integers(height - bottom, width - right)
    name = emitter.graph.add(
        "Slice",
        [image.name, emitter.graph.integers(top, left), ends, emitter.graph.integers(2, 3)],
    )
    return Value(name, (None, height - top - bottom, width - left - right, image.channels))


def up_sampling(emitter: Emitter, layer: keras.Layer, image: Value) -> Value:
    """Keras centres its pixels (half_pixel), as PyTorch does without align_corners."""
    (down, across), (height, width) = layer.size, image.size
    nearest = layer.interpolation == "nearest"
    if not nearest and layer.interpolation != "bilinear":
        emitter.fail(layer, "nearest or bilinear", layer.interpolation)
    scales = emitter.graph.constant(np.array([1, 1, down, across], np.float32))
    attributes: dict[str, str] = (
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        if nearest
        else {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    )
    name = emitter.graph.add("Resize", [image.name, "", scales], attributes)
    return Value(name, (None, height * down, width * across, image.channels))


def dense(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    """Kernel (in, out), of the last axis."""
    if len(value.shape) == 4:
        emitter.fail(layer, "an input that is not a picture", value.shape)
    kernel = emitter.graph.constant(emitter.weight(layer, "kernel"))
    name = emitter.graph.add("MatMul", [value.name, kernel])
    if layer.use_bias:
        name = emitter.graph.add(
            "Add", [name, emitter.graph.constant(emitter.weight(layer, "bias"))]
        )
    return emitter.activate(layer, Value(name, (*value.shape[:-1], layer.units)))


def flatten(emitter: Emitter, _layer: keras.Layer, value: Value) -> Value:
    """In the order of Keras's axes, which is what the weights behind it were learnt for."""
    count = int(np.prod([n or 0 for n in value.shape[1:]]))
    return Value(emitter.graph.add("Flatten", [emitter.nhwc(value)], {"axis": 1}), (None, count))


def reshape(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    shape = tuple(layer.compute_output_shape(value.shape))
    # 0 keeps the batch, which is not known here.
    target = emitter.graph.integers(0, *(int(n or 0) for n in shape[1:]))
    return emitter.from_nhwc(emitter.graph.add("Reshape", [emitter.nhwc(value), target]), shape)


def activation(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    return emitter.activate(layer, value)


def relu(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    if layer.threshold:
        emitter.fail(layer, "no threshold", layer.threshold)
    if layer.max_value is not None and not layer.negative_slope:
        return emitter.clip(value, float(layer.max_value))
    if layer.max_value is not None:
        emitter.fail(layer, "a limit or a slope, not both", layer.max_value)
    if layer.negative_slope:
        return _leaky(emitter, value, layer.negative_slope)
    return Value(emitter.graph.add("Relu", [value.name]), value.shape)


def leaky_relu(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    return _leaky(emitter, value, layer.negative_slope)


def _leaky(emitter: Emitter, value: Value, slope: float) -> Value:
    name = emitter.graph.add("LeakyRelu", [value.name], {"alpha": float(slope)})
    return Value(name, value.shape)


def softmax(emitter: Emitter, layer: keras.Layer, value: Value) -> Value:
    if layer.axis not in {-1, len(value.shape) - 1}:
        emitter.fail(layer, "the last axis", layer.axis)
    axis = 1 if len(value.shape) == 4 else -1
    return Value(emitter.graph.add("Softmax", [value.name], {"axis": axis}), value.shape)


def add(emitter: Emitter, layer: keras.Layer, *values: Value) -> Value:
    name = values[0].name
    for value in values[1:]:
        if value.shape != values[0].shape:
            emitter.fail(layer, f"inputs of {values[0].shape}", value.shape)
        name = emitter.graph.add("Add", [name, value.name])
    return Value(name, values[0].shape)


def concatenate(emitter: Emitter, layer: keras.Layer, *values: Value) -> Value:
    rank = len(values[0].shape)
    axis = layer.axis % rank
    shape = tuple(layer.compute_output_shape([value.shape for value in values]))
    name = emitter.graph.add(
        "Concat",
        [value.name for value in values],
        {"axis": TO_NCHW.index(axis) if rank == 4 else axis},
    )
    return Value(name, shape)


def nothing(_emitter: Emitter, _layer: keras.Layer, value: Value) -> Value:
    """What only acts while a network is trained."""
    return value


FOLDING = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
"""The layers into which a batch norm behind them is folded."""

EMITTERS: dict[type, LayerEmitter] = {
    keras.layers.Activation: activation,
    keras.layers.Add: add,
    keras.layers.AveragePooling2D: average_pool,
    keras.layers.BatchNormalization: batch_norm,
    keras.layers.Concatenate: concatenate,
    keras.layers.Conv2D: conv2d,
    keras.layers.Conv2DTranspose: transposed,
    keras.layers.Cropping2D: cropping,
    keras.layers.Dense: dense,
    keras.layers.DepthwiseConv2D: depthwise,
    keras.layers.Dropout: nothing,
    keras.layers.Flatten: flatten,
    keras.layers.GlobalAveragePooling2D: global_average,
    keras.layers.GroupNormalization: instance_norm,
    keras.layers.LeakyReLU: leaky_relu,
    keras.layers.MaxPooling2D: max_pool,
    keras.layers.ReLU: relu,
    keras.layers.Reshape: reshape,
    keras.layers.SeparableConv2D: separable,
    keras.layers.Softmax: softmax,
    keras.layers.SpatialDropout2D: nothing,
    keras.layers.UpSampling2D: up_sampling,
    keras.layers.ZeroPadding2D: zero_padding,
}
"""The emitter of each layer. A family whose network has layers of its own adds theirs."""
