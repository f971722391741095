"""Writes a .tflite network as ONNX nodes, operator by operator.

Pictures are NHWC in the file and NCHW in the graph; what has another number of axes stays as it is.
The batch is 1 in the file and anything in the graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.windows import padded_window
from models.readers.network import (
    Activation,
    Adding,
    Array,
    Convolution,
    Joining,
    Network,
    Operator,
    Pooling,
)

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)


def emit(graph: Graph, network: Network, feeds: Sequence[str]) -> tuple[str, ...]:
    """Write the whole network into `graph`.

    feeds    the graph's values for the network's inputs, in its order, pictures as NCHW
    returns  the values of the network's outputs, pictures as NCHW
    raises   BadWeights naming an operator that is not known, or whose tensors do not fit together
    """
    return _Emitter(graph, network, feeds).run()


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of the graph. `shape` is as in the file: NHWC, with the batch as 1."""

    name: str
    shape: tuple[int, ...]


class _Emitter:
    def __init__(self, graph: Graph, network: Network, feeds: Sequence[str]) -> None:
        self._graph = graph
        self._network = network
        self._values = {
            number: _Value(feed, network.tensors[number].shape)
            for number, feed in zip(network.inputs, feeds, strict=True)
        }

    def run(self) -> tuple[str, ...]:
        for operator in self._network.operators:
            if operator.name not in EMITTERS:
                raise BadWeights(
                    f"{self._network.file}: operator {operator.name}: wanted one of "
                    f"{', '.join(EMITTERS)}, got one that cannot be converted yet"
                )
            if len(operator.outputs) != 1:
                self._fail(operator, "one output", len(operator.outputs))
            made = EMITTERS[operator.name](self, operator)
            number = operator.outputs[0]
            declared = self._network.tensors[number].shape
            if made.shape != declared:
                self._fail(operator, f"an output of {declared}, as the file says", made.shape)
            self._values[number] = made
        return tuple(self._values[number].name for number in self._network.outputs)

    def convolution(self, operator: Operator) -> _Value:
        """CONV_2D: the kernel is (out, h, w, in)."""
        kernel = self._constant(operator, 1, 4).transpose(TO_NCHW)
        return self._convolve(operator, kernel, groups=1)

    def depthwise(self, operator: Operator) -> _Value:
        """DEPTHWISE_CONV_2D: the kernel is (1, h, w, channels * multiplier)."""
        kernel = self._constant(operator, 1, 4).transpose(3, 0, 1, 2)
        return self._convolve(operator, kernel, groups=self._picture(operator, 0).shape[3])

    def _convolve(self, operator: Operator, kernel: Array, groups: int) -> _Value:
        options, image = operator.options, self._picture(operator, 0)
        bias = self._constant(operator, 2, 1)
        if not isinstance(options, Convolution):
            self._fail(operator, "its options", options)
        if (kernel.shape[1] * groups, len(bias)) != (image.shape[3], len(kernel)):
            self._fail(operator, f"a kernel for {image.shape}", (kernel.shape, bias.shape))
        size, pads = padded_window(
            image.shape[1:3], kernel.shape[2:], options.stride, options.dilation, options.padding
        )
        name = self._graph.add(
            "Conv",
            [image.name, self._graph.constant(kernel), self._graph.constant(bias)],
            {
                "kernel_shape": kernel.shape[2:],
                "strides": options.stride,
                "dilations": options.dilation,
                "pads": pads,
                "group": groups,
            },
        )
        return self._activate(_Value(name, (1, *size, len(kernel))), options.activation)

    def average_pool(self, operator: Operator) -> _Value:
        """AVERAGE_POOL_2D: what lies outside of the picture does not count."""
        return self._pool(operator, "AveragePool")

    def max_pool(self, operator: Operator) -> _Value:
        return self._pool(operator, "MaxPool")

    def _pool(self, operator: Operator, op: str) -> _Value:
        options, image = operator.options, self._picture(operator, 0)
        if not isinstance(options, Pooling):
            self._fail(operator, "its options", options)
        size, pads = padded_window(
            image.shape[1:3], options.window, options.stride, (1, 1), options.padding
        )
        name = self._graph.add(
            op,
            [image.name],
            {"kernel_shape": options.window, "strides": options.stride, "pads": pads},
        )
        return self._activate(_Value(name, (1, *size, image.shape[3])), options.activation)

    def add(self, operator: Operator) -> _Value:
        left, right = self._value(operator, 0), self._value(operator, 1)
        if not isinstance(operator.options, Adding):
            self._fail(operator, "its options", operator.options)
        if left.shape != right.shape:
            self._fail(operator, f"two of {left.shape}", right.shape)
        name = self._graph.add("Add", [left.name, right.name])
        return self._activate(_Value(name, left.shape), operator.options.activation)

    def relu(self, operator: Operator) -> _Value:
        return self._activate(self._value(operator, 0), "relu")

    def prelu(self, operator: Operator) -> _Value:
        """PRELU with one slope a channel, (1, 1, C) in the file and (C, 1, 1) in the graph."""
        image = self._picture(operator, 0)
        slope = self._constant(operator, 1, 3)
        if slope.shape != (1, 1, image.shape[3]):
            self._fail(operator, f"slopes of {(1, 1, image.shape[3])}", slope.shape)
        slopes = self._graph.constant(slope.transpose(2, 0, 1))
        return _Value(self._graph.add("PRelu", [image.name, slopes]), image.shape)

    def pad(self, operator: Operator) -> _Value:
        """PAD with zeros: pairs (before, after) for each axis of the file."""
        value = self._value(operator, 0)
        pairs = self._constant(operator, 1, 2).astype(np.int64)
        if pairs.shape != (len(value.shape), 2) or (pairs < 0).any() or pairs[0].any():
            self._fail(operator, f"pairs for {value.shape}, none for the batch", pairs.tolist())
        shape = tuple(int(n + a + b) for n, (a, b) in zip(value.shape, pairs, strict=True))
        axes = TO_NCHW if len(shape) == 4 else range(len(shape))
        pads = [int(pairs[axis, side]) for side in (0, 1) for axis in axes]
        return _Value(self._graph.add("Pad", [value.name, self._graph.integers(*pads)]), shape)

    def reshape(self, operator: Operator) -> _Value:
        """RESHAPE to what the file says the output is, whatever stands in its options."""
        value = self._value(operator, 0)
        shape = self._network.tensors[operator.outputs[0]].shape
        if np.prod(value.shape) != np.prod(shape) or value.shape[:1] != shape[:1]:
            self._fail(operator, f"as many numbers as {value.shape}, batch first", shape)
        name = value.name
        if len(value.shape) == 4:
            name = self._graph.add("Transpose", [name], {"perm": TO_NHWC})
        # 0 keeps the batch, which is not known here.
        name = self._graph.add("Reshape", [name, self._graph.integers(0, *shape[1:])])
        if len(shape) == 4:
            name = self._graph.add("Transpose", [name], {"perm": TO_NCHW})
        return _Value(name, shape)

    def concatenate(self, operator: Operator) -> _Value:
        values = [self._value(operator, i) for i in range(len(operator.inputs))]
        options, rank = operator.options, len(values[0].shape)
        if not isinstance(options, Joining) or not -rank <= options.axis < rank:
            self._fail(operator, f"an axis of {values[0].shape}", options)
        axis = options.axis % rank
        rest = {value.shape[:axis] + value.shape[axis + 1 :] for value in values}
        if len(rest) != 1 or not axis:
            self._fail(operator, f"parts that fit along axis {axis}, not the batch", sorted(rest))
        joined = list(values[0].shape)
        joined[axis] = sum(value.shape[axis] for value in values)
        name = self._graph.add(
            "Concat",
            [value.name for value in values],
            {"axis": TO_NCHW.index(axis) if rank == 4 else axis},
        )
        return self._activate(_Value(name, tuple(joined)), options.activation)

    def softmax(self, operator: Operator) -> _Value:
        """SOFTMAX of the last axis; its beta is 1 in what TensorFlow's converter writes."""
        value = self._value(operator, 0)
        axis = 1 if len(value.shape) == 4 else -1
        return _Value(self._graph.add("Softmax", [value.name], {"axis": axis}), value.shape)

    def _activate(self, value: _Value, activation: Activation) -> _Value:
        if activation == "none":
            return value
        if activation == "relu":
            return _Value(self._graph.add("Relu", [value.name]), value.shape)
        limits = [self._graph.scalar(0.0), self._graph.scalar(6.0)]
        return _Value(self._graph.add("Clip", [value.name, *limits]), value.shape)

    def _value(self, operator: Operator, place: int) -> _Value:
        """What the operator reads at that place, made by an operator before it."""
        number = operator.inputs[place] if place < len(operator.inputs) else -1
        if number not in self._values:
            self._fail(operator, f"a computed tensor as input {place}", "a constant or none")
        return self._values[number]

    def _picture(self, operator: Operator, place: int) -> _Value:
        value = self._value(operator, place)
        if len(value.shape) != 4:
            self._fail(operator, f"a picture as input {place}", value.shape)
        return value

    def _constant(self, operator: Operator, place: int, axes: int) -> Array:
        number = operator.inputs[place] if place < len(operator.inputs) else -1
        data = self._network.tensors[number].data if number >= 0 else None
        if data is None or data.ndim != axes:
            got = "none" if data is None else data.shape
            self._fail(operator, f"a constant of {axes} axes as input {place}", got)
        return data

    def _fail(self, operator: Operator, wanted: str, got: object) -> NoReturn:
        made = ", ".join(repr(self._network.tensors[i].name) for i in operator.outputs)
        raise BadWeights(
            f"{self._network.file}: {operator.name} that makes {made}: wanted {wanted}, got {got}"
        )


EMITTERS: Mapping[str, Callable[[_Emitter, Operator], _Value]] = {
    "ADD": _Emitter.add,
    "AVERAGE_POOL_2D": _Emitter.average_pool,
    "CONCATENATION": _Emitter.concatenate,
    "CONV_2D": _Emitter.convolution,
    "DEPTHWISE_CONV_2D": _Emitter.depthwise,
    "MAX_POOL_2D": _Emitter.max_pool,
    "PAD": _Emitter.pad,
    "PRELU": _Emitter.prelu,
    "RELU": _Emitter.relu,
    "RESHAPE": _Emitter.reshape,
    "SOFTMAX": _Emitter.softmax,
}
