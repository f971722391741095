"""Walks a functional Keras network, and what a layer needs to be written as ONNX nodes.

Pictures are NHWC in Keras and NCHW in the graph; what has another number of axes stays as it is.
A batch norm behind a convolution that feeds nothing else is folded into its kernel. The batch is
anything, every other size is fixed. This file knows Keras's private graph of nodes, and no other.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import BadModel
from models.export.graph import Graph
from models.export.windows import Padding, padded_window

Floats = NDArray[np.float32]
Shape = tuple[int | None, ...]

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
"""Keras's name and ONNX's operator."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the graph. `shape` is Keras's: NHWC, with the batch as None."""

    name: str
    shape: Shape

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a picture."""
        return int(self.shape[1] or 0), int(self.shape[2] or 0)

    @property
    def channels(self) -> int:
        """Numbers along the last axis."""
        return int(self.shape[-1] or 0)


LayerEmitter = Callable[..., Value]
"""Writes one layer: (emitter, layer, *inputs) -> its output."""


class Emitter:
    """The values made so far, and what a layer's emitter needs to make the next.

    graph  where the nodes go
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Floats],
        layers: Mapping[type, "LayerEmitter"],
        folding: tuple[Any, ...],
    ) -> None:
        """`layers` know how to write a kind of layer; a batch norm is folded into `folding`."""
        self.graph = graph
        self._layers = layers
        self._folding = folding
        self._weights = weights
        self._scale: dict[int, tuple[Floats, Floats]] = {}  # of the batch norm behind a convolution
        self._written: dict[int, tuple[str, str]] = {}  # kernel and bias of a convolution

    def run(self, network: keras.Model, feeds: Sequence[Value]) -> list[Value]:
        """Write the layers of a functional network; it may stand inside another."""
        if isinstance(network, keras.Sequential):
            network = network._functional
        values = {id(t): feed for t, feed in zip(network.inputs, feeds, strict=True)}
        nodes = [
            node
            for depth in sorted(network._nodes_by_depth, reverse=True)
            for node in network._nodes_by_depth[depth]
            if not node.is_input
        ]
        readers = Counter(id(t) for node in nodes for t in node.input_tensors)
        readers.update(id(t) for t in network.outputs)
        folded = self._fold(nodes, readers)
        for node in nodes:
            inputs = [values[id(tensor)] for tensor in node.input_tensors]
            made = inputs if id(node) in folded else self._layer(node.operation, inputs)
            for tensor, value in zip(node.output_tensors, made, strict=True):
                wanted = tuple(tensor.shape)
                if value.shape != wanted:
                    self.fail(node.operation, f"to make {wanted}, as Keras does", value.shape)
                values[id(tensor)] = value
        return [values[id(tensor)] for tensor in network.outputs]

    def _fold(self, nodes: Sequence[Any], readers: Counter[int]) -> set[int]:
        """Batch norms that become part of the convolution before them: the ids of their nodes."""
        makers = {id(t): node for node in nodes for t in node.output_tensors}
        folded = set()
        for node in nodes:
            if not isinstance(node.operation, keras.layers.BatchNormalization):
                continue
            (tensor,) = node.input_tensors
            before = makers.get(id(tensor))
            if (
                before is not None
                and isinstance(before.operation, self._folding)
                and before.operation.activation is keras.activations.linear
                and len(before.operation._inbound_nodes) == 1
                and readers[id(tensor)] == 1
            ):
                self._scale[id(before.operation)] = self.normalising(node.operation)
                folded.add(id(node))
        return folded

    def _layer(self, layer: keras.Layer, inputs: Sequence[Value]) -> list[Value]:
        if isinstance(layer, keras.Model):
            return self.run(layer, inputs)
        for kind in type(layer).__mro__:
            if kind in self._layers:
                return [self._layers[kind](self, layer, *inputs)]
        known = ", ".join(sorted(kind.__name__ for kind in self._layers))
        return self.fail(layer, f"a layer among {known}", type(layer).__name__)

    def weight(self, layer: keras.Layer, name: str) -> Floats:
        """The value of a layer's variable, such as its "kernel"."""
        for variable in layer.variables:
            if variable.path.rpartition("/")[2] == name:
                return self._weights[variable.path]
        return self.fail(layer, f"a variable {name}", "none")

    def normalising(self, layer: keras.Layer) -> tuple[Floats, Floats]:
        """A batch norm as a scale and a shift of each channel, both (C,) float32."""
        mean, variance = (self.weight(layer, f"moving_{n}") for n in ("mean", "variance"))
        scale = 1 / np.sqrt(np.asarray(variance, np.float64) + layer.epsilon)
        if layer.scale:
            scale = scale * self.weight(layer, "gamma")
        shift = -np.asarray(mean, np.float64) * scale
        if layer.center:
            shift = shift + self.weight(layer, "beta")
        return scale.astype(np.float32), shift.astype(np.float32)

    def convolve(
        self, layer: keras.Layer, image: Value, kernel: Floats, channels: int, groups: int
    ) -> Value:
        """A convolution with what was folded into it, its bias and its activation.

        kernel    (out, in / groups, height, width)
        channels  that come out
        """
        scale, shift = self._scale.get(id(layer), (None, np.zeros(channels, np.float32)))
        bias = self.weight(layer, "bias") if layer.use_bias else np.zeros(channels, np.float32)
        if scale is not None:
            kernel = kernel * scale.reshape(-1, 1, 1, 1)
            bias = bias * scale + shift
        strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
        size, pads = padded_window(
            image.size, kernel.shape[2:], strides, dilation, self.padding(layer)
        )
        if id(layer) not in self._written:  # a layer that is used again reads the same weights
            constant = self.graph.constant
            self._written[id(layer)] = constant(kernel), constant(np.asarray(bias))
        name = self.graph.add(
            "Conv",
            [image.name, *self._written[id(layer)]],
            {
                "kernel_shape": kernel.shape[2:],
                "strides": strides,
                "dilations": dilation,
                "pads": pads,
                "group": groups,
            },
        )
        return self.activate(layer, Value(name, (None, *size, channels)))

    def padding(self, layer: keras.Layer) -> Padding:
        """How the layer pads."""
        if layer.padding == "same":
            return "same"
        if layer.padding == "valid":
            return "valid"
        return self.fail(layer, "padding same or valid", layer.padding)

    def activate(self, layer: keras.Layer, value: Value) -> Value:
        """What stands in a layer's `activation`."""
        name = keras.activations.serialize(layer.activation)
        if name == "linear":
            return value
        axis = {"axis": 1 if len(value.shape) == 4 else -1}
        if name in {"softmax", "log_softmax"}:
            op = "Softmax" if name == "softmax" else "LogSoftmax"
            return Value(self.graph.add(op, [value.name], axis), value.shape)
        if name == "relu6":
            return self.clip(value, 6.0)
        if name in ACTIVATIONS:
            return Value(self.graph.add(ACTIVATIONS[name], [value.name]), value.shape)
        return self.fail(layer, f"an activation among {', '.join(ACTIVATIONS)}", name)

    def clip(self, value: Value, most: float) -> Value:
        """ReLU up to `most`."""
        limits = [self.graph.scalar(0.0), self.graph.scalar(most)]
        return Value(self.graph.add("Clip", [value.name, *limits]), value.shape)

    def nhwc(self, value: Value) -> str:
        """The name of the value with its axes as Keras has them."""
        if len(value.shape) != 4:
            return value.name
        return self.graph.add("Transpose", [value.name], {"perm": TO_NHWC})

    def from_nhwc(self, name: str, shape: Shape) -> Value:
        """A value whose axes lie as Keras has them, brought to where the graph wants them."""
        if len(shape) == 4:
            name = self.graph.add("Transpose", [name], {"perm": TO_NCHW})
        return Value(name, shape)

    def fail(self, layer: keras.Layer, wanted: str, got: object) -> NoReturn:
        """Raise BadModel for a layer."""
        raise BadModel(f"layer {layer.name}: wanted {wanted}, got {got}")


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
