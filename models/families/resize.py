"""A Keras layer that resizes a picture bilinearly to any size, by each rule for the corners.

    align_corners  the middles of the corner pixels of both pictures lie on each other: Torch7, and
                   TensorFlow's older networks where they ask for it
    half_pixel     the outer edges do: Keras itself has only this one
    asymmetric     the first pixel stays in place, and steps are old size / new size: TensorFlow 1
                   where nothing is asked for

None of them smooths what becomes smaller. The names are ONNX's.
"""

from typing import Literal, cast

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS

Rule = Literal["align_corners", "half_pixel", "asymmetric"]


@keras.saving.register_keras_serializable(package="framewire")
class Resize(keras.layers.Layer):  # type: ignore[misc]
    """(B, h, w, C) to (B, height, width, C), float32."""

    def __init__(self, height: int, width: int, rule: Rule, name: str | None = None) -> None:
        super().__init__(name=name)
        self.height = height
        self.width = width
        self.rule: Rule = rule

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        """One axis after the other: a bilinear filter is the product of two."""
        return self._along(self._along(image, 1, self.height), 2, self.width)

    def _along(self, image: keras.KerasTensor, axis: int, length: int) -> keras.KerasTensor:
        before, after, share = taps(int(image.shape[axis]), length, self.rule)
        across = share.reshape(-1, 1, 1) if axis == 1 else share.reshape(-1, 1)
        left, right = ops.take(image, before, axis), ops.take(image, after, axis)
        return cast("keras.KerasTensor", left + (right - left) * across)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keras asks for it."""
        return (shape[0], self.height, self.width, shape[3])

    def get_config(self) -> dict[str, object]:
        """Keras asks for it, to save a network."""
        own = {"height": self.height, "width": self.width, "rule": self.rule}
        return {"name": self.name, **own}


def taps(
    length: int, becomes: int, rule: Rule
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """For each new pixel of a row the two old ones it lies between, and the share of the second.

    length, becomes  pixels in the row, before and after
    returns          three of (becomes,): the old pixel before it, the one after it, [0, 1)
    """
    new = np.arange(becomes, dtype=np.float64)
    match rule:
        case "align_corners":
            where = new * ((length - 1) / max(becomes - 1, 1))
        case "half_pixel":
            where = (new + 0.5) * (length / becomes) - 0.5
        case "asymmetric":
            where = new * (length / becomes)
    where = np.clip(where, 0, length - 1)
    before = np.floor(where).astype(np.int32)
    after = np.minimum(before + 1, length - 1).astype(np.int32)
    return before, after, (where - before).astype(np.float32)


def resize(emitter: Emitter, layer: Resize, image: Value) -> Value:
    """Expand for a single pixel: OpenCV 5.0.0 computes garbage for a Resize of it."""
    graph, size = emitter.graph, (layer.height, layer.width)
    made = (None, *size, image.channels)
    if image.size == size:
        return image
    if image.size == (1, 1):
        return Value(graph.add("Expand", [image.name, graph.integers(1, 1, *size)]), made)
    attributes = {"mode": "linear", "coordinate_transformation_mode": layer.rule}
    if size[0] % image.size[0] == 0 and size[1] % image.size[1] == 0:
        times = [size[0] // image.size[0], size[1] // image.size[1]]
        scales = graph.constant(np.array([1, 1, *times], np.float32))
        return Value(graph.add("Resize", [image.name, "", scales], attributes), made)
    # The size itself: a scale that is no whole number may be rounded to a pixel less.
    ends = [graph.integers(0), graph.integers(2)]
    batch_and_channels = graph.add("Slice", [graph.add("Shape", [image.name]), *ends])
    sizes = graph.add("Concat", [batch_and_channels, graph.integers(*size)], {"axis": 0})
    return Value(graph.add("Resize", [image.name, "", "", sizes], attributes), made)


EMITTERS[Resize] = resize
