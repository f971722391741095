"""Two layers that Keras has not, for the face recogniser of face-api.js, and what they become."""

from typing import Any

import keras
from keras import ops

from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS


class Affine(keras.layers.Layer):  # type: ignore[misc]
    """Each channel times a number of its own, plus another one. (B, H, W, C) to the same."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=channels, initializer="ones")
        self.shift = self.add_weight(name="shift", shape=channels, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale + self.shift


class WidenChannels(keras.layers.Layer):  # type: ignore[misc]
    """Channels of zeros behind those that are there. (B, H, W, C) to (B, H, W, channels)."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(name=name)
        self.channels = channels

    def call(self, inputs: Any) -> Any:
        more = self.channels - inputs.shape[-1]
        return ops.pad(inputs, ((0, 0), (0, 0), (0, 0), (0, more)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.channels)


def affine(emitter: Emitter, layer: Affine, image: Value) -> Value:
    """ONNX Runtime and its like fold this into the convolution before it."""
    scale, shift = (emitter.weight(layer, n).reshape(-1, 1, 1) for n in ("scale", "shift"))
    name = emitter.graph.add("Mul", [image.name, emitter.graph.constant(scale)])
    name = emitter.graph.add("Add", [name, emitter.graph.constant(shift)])
    return Value(name, image.shape)


def widen(emitter: Emitter, layer: WidenChannels, image: Value) -> Value:
    pads = emitter.graph.integers(0, 0, 0, 0, 0, layer.channels - image.channels, 0, 0)
    name = emitter.graph.add("Pad", [image.name, pads])
    return Value(name, (*image.shape[:-1], layer.channels))


EMITTERS[Affine] = affine
EMITTERS[WidenChannels] = widen
