"""What Keras has not, or the writer has not, for VRN: an enlargement, and instance norm."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS


class Enlarge(keras.layers.Layer):  # type: ignore[misc]
    """Bilinear enlargement, (B, H, W, C) to (B, scale H, scale W, C).

    aligned  True: the middles of the corners stay the middles of the corners, as Torch7 has it;
             False: the first pixel stays in place and steps are 1 / scale, as TensorFlow 1 has it
    """

    def __init__(self, scale: int, *, aligned: bool, name: str) -> None:
        super().__init__(name=name)
        self.scale = scale
        self.aligned = aligned

    def call(self, image: Any) -> Any:
        """One axis after the other: the two do not depend on each other."""
        _, height, width, _ = image.shape
        down = spread(height, self.scale, aligned=self.aligned)
        across = spread(width, self.scale, aligned=self.aligned)
        image = ops.einsum("bhwc,yh->bywc", image, down)
        return ops.einsum("bhwc,xw->bhxc", image, across)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = shape
        return batch, (height or 0) * self.scale, (width or 0) * self.scale, channels


def spread(length: int, scale: int, *, aligned: bool) -> NDArray[np.float32]:
    """(scale length, length): how much of each old pixel is in each new one of a line."""
    new = scale * length
    step = (length - 1) / (new - 1) if aligned else 1 / scale
    at = np.minimum(np.arange(new) * step, length - 1)
    far = np.abs(at[:, np.newaxis] - np.arange(length))
    return np.asarray(np.maximum(1 - far, 0), np.float32)


def enlarge(emitter: Emitter, layer: Enlarge, image: Value) -> Value:
    scales = emitter.graph.constant(np.array([1, 1, layer.scale, layer.scale], np.float32))
    where = "align_corners" if layer.aligned else "asymmetric"
    attributes = {"mode": "linear", "coordinate_transformation_mode": where}
    name = emitter.graph.add("Resize", [image.name, "", scales], attributes)
    height, width = image.size
    return Value(name, (None, height * layer.scale, width * layer.scale, image.channels))


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


EMITTERS[Enlarge] = enlarge
EMITTERS[keras.layers.GroupNormalization] = instance_norm
