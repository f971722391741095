"""Writes Keras's layers for text as ONNX nodes: words to vectors, and what runs along a sentence.

Values are (B, T, numbers), T any length; importing this module makes the layers known.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS

if TYPE_CHECKING:
    from models.export.graph import Attribute

GATES = (
    0,
    3,
    1,
    2,
)  # ONNX wants input, output, forget, cell; Keras has input, forget, cell, output


@keras.saving.register_keras_serializable(package="framewire")  # type: ignore[untyped-decorator]
def steep_hard_sigmoid(value: Any) -> Any:
    """The gate of an LSTM in Keras 1 and 2, `hard_sigmoid` there: clip(x / 5 + 1/2, 0, 1).

    Keras 3 has another one under that name, clip(x / 6 + 1/2, 0, 1); Bidirectional copies its
    layer by the names of things.
    """
    return ops.clip(value * 0.2 + 0.5, 0.0, 1.0)


# ONNX's operator of a gate, and its alpha and beta where it takes them.
GATE_OPERATORS: dict[Callable[..., object], tuple[str, tuple[float, ...]]] = {
    keras.activations.sigmoid: ("Sigmoid", ()),
    keras.activations.hard_sigmoid: ("HardSigmoid", (1 / 6, 0.5)),
    steep_hard_sigmoid: ("HardSigmoid", (0.2, 0.5)),
}


class Beside(keras.layers.Layer):  # type: ignore[misc]
    """One vector beside each step of a sentence: (B, D) and (B, T, E) to (B, T, D + E)."""

    def call(self, vector: Any, sentence: Any) -> Any:
        # Sizes that are not known before there is a sentence.
        steps: Any = ops.shape(sentence)
        shape = (steps[0], steps[1], vector.shape[-1])
        spread = ops.broadcast_to(ops.expand_dims(vector, 1), shape)
        return ops.concatenate([spread, sentence], axis=-1)

    def compute_output_shape(
        self, vector_shape: tuple[int | None, ...], sentence_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*sentence_shape[:2], int(vector_shape[1] or 0) + int(sentence_shape[2] or 0))


def beside(emitter: Emitter, _layer: Beside, vector: Value, sentence: Value) -> Value:
    """Expand to the sentence's length, whatever it is."""
    graph = emitter.graph
    steps = graph.add("Shape", [sentence.name], {"start": 0, "end": 2})
    size = graph.add("Concat", [steps, graph.integers(vector.channels)], {"axis": 0})
    spread = graph.add("Unsqueeze", [vector.name, graph.integers(1)])
    spread = graph.add("Expand", [spread, size])
    name = graph.add("Concat", [spread, sentence.name], {"axis": 2})
    return Value(name, (*sentence.shape[:2], vector.channels + sentence.channels))


def embedding(emitter: Emitter, layer: keras.layers.Embedding, words: Value) -> Value:
    """(B, T) numbers of words to their vectors. No word is masked."""
    if layer.mask_zero:
        emitter.fail(layer, "no mask", "mask_zero")
    table = emitter.graph.constant(emitter.weight(layer, "embeddings"))
    name = emitter.graph.add("Gather", [table, words.name], {"axis": 0})
    return Value(name, (*words.shape, layer.output_dim))


def repeat_vector(emitter: Emitter, layer: keras.layers.RepeatVector, vector: Value) -> Value:
    name = emitter.graph.add("Unsqueeze", [vector.name, emitter.graph.integers(1)])
    if layer.n > 1:
        name = emitter.graph.add("Tile", [name, emitter.graph.integers(1, layer.n, 1)])
    return Value(name, (None, layer.n, vector.channels))


def lstm(emitter: Emitter, layer: keras.layers.LSTM, sentence: Value) -> Value:
    if layer.go_backwards:
        emitter.fail(layer, "forwards, or both ways", "backwards")
    return _lstm(emitter, sentence, [layer], returns=layer.return_sequences)


def both_ways(emitter: Emitter, layer: keras.layers.Bidirectional, sentence: Value) -> Value:
    """Two LSTMs, one of them from the end; what they say stands side by side."""
    ways = [layer.forward_layer, layer.backward_layer]
    if layer.merge_mode != "concat" or not all(isinstance(w, keras.layers.LSTM) for w in ways):
        emitter.fail(layer, "two LSTMs, joined by concat", layer.merge_mode)
    return _lstm(emitter, sentence, ways, returns=layer.return_sequences)


def _lstm(
    emitter: Emitter,
    sentence: Value,
    ways: Sequence[keras.layers.LSTM],
    *,
    returns: bool,
) -> Value:
    """returns  the state at every step, or the last one of each way."""
    graph, units = emitter.graph, ways[0].units
    gates = [_gate(emitter, way) for way in ways]
    kernels, recurrent, biases = [], [], []
    for way in ways:
        kernels.append(_gates(emitter.weight(way, "kernel")))
        recurrent.append(_gates(emitter.weight(way, "recurrent_kernel")))
        bias = emitter.weight(way, "bias").reshape(4, units)[list(GATES)].reshape(-1)
        # ONNX has a second bias, of the recurrent kernel.
        biases.append(np.concatenate([bias, np.zeros_like(bias)]))
    attributes: dict[str, Attribute] = {
        "hidden_size": units,
        "direction": "bidirectional" if len(ways) > 1 else "forward",
        "activations": [name for gate, _ in gates for name in (gate, "Tanh", "Tanh")],
    }
    # One for each that takes any, not for each activation.
    if all(numbers for _, numbers in gates):
        attributes["activation_alpha"] = [numbers[0] for _, numbers in gates]
        attributes["activation_beta"] = [numbers[1] for _, numbers in gates]
    inputs = [
        graph.add("Transpose", [sentence.name], {"perm": (1, 0, 2)}),
        *(graph.constant(np.stack(part)) for part in (kernels, recurrent, biases)),
    ]
    every, last, _ = graph.add_many("LSTM", inputs, 3, attributes)
    width = units * len(ways)
    # (T, ways, B, units) or (ways, B, units): the ways side by side, the picture first.
    if returns:
        name = graph.add("Transpose", [every], {"perm": (2, 0, 1, 3)})
        name = graph.add("Reshape", [name, graph.integers(0, 0, width)])
        return Value(name, (*sentence.shape[:2], width))
    name = graph.add("Transpose", [last], {"perm": (1, 0, 2)})
    return Value(graph.add("Reshape", [name, graph.integers(0, width)]), (None, width))


def _gate(emitter: Emitter, way: keras.layers.LSTM) -> tuple[str, tuple[float, ...]]:
    if way.activation is not keras.activations.tanh:
        emitter.fail(way, "tanh", way.activation)
    if not way.use_bias or way.recurrent_activation not in GATE_OPERATORS:
        emitter.fail(way, "a bias, and gates of sigmoid or hard_sigmoid", way.recurrent_activation)
    return GATE_OPERATORS[way.recurrent_activation]


def _gates(kernel: np.ndarray) -> np.ndarray:
    """(in, 4 units) as Keras has it to (4 units, in) as ONNX has it."""
    into, all_units = kernel.shape
    return kernel.T.reshape(4, all_units // 4, into)[list(GATES)].reshape(all_units, into)


EMITTERS[Beside] = beside
EMITTERS[keras.layers.Bidirectional] = both_ways
EMITTERS[keras.layers.Embedding] = embedding
EMITTERS[keras.layers.LSTM] = lstm
EMITTERS[keras.layers.RepeatVector] = repeat_vector
