"""The layer that brings a finer grid to a coarser one: neighbours become channels.

darknet's `reorg` is no space-to-depth. It reads its input as if it had a quarter of the channels
and twice the rows and columns, takes that apart, and calls the result by the shape that is wanted
(`reorg_cpu` in `src/blas.c`, which `reorg_layer.c` calls with forward = 0). Weights that were
learnt behind the one are of no use behind the other.
"""

from typing import Any, Literal

import keras

from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS

Order = Literal["darknet", "tensorflow"]


@keras.saving.register_keras_serializable("framewire")
class Reorg(keras.layers.Layer):  # type: ignore[misc]
    """(B, H, W, C) -> (B, H / stride, W / stride, C * stride * stride).

    order   "darknet" as above, for weights of darknet; "tensorflow" is `tf.space_to_depth`
    raises  ValueError if the input cannot be divided so
    """

    def __init__(self, order: Order, stride: int = 2, name: str | None = None) -> None:
        super().__init__(name=name)
        self.order = order
        self.stride = stride

    def get_config(self) -> dict[str, object]:
        """What it was made with."""
        return {"order": self.order, "stride": self.stride, "name": self.name}

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shapes with the channels last."""
        batch, height, width, channels = input_shape
        step = self.stride
        wanted = [height, width, *([channels] if self.order == "darknet" else [])]
        pixels = step * step
        if any(n is None or n % d for n, d in zip(wanted, (step, step, pixels), strict=False)):
            raise ValueError(
                f"Reorg: wanted a height and width divisible by {step}, and in darknet's order "
                f"channels by {pixels}, got {input_shape}"
            )
        return batch, (height or 0) // step, (width or 0) // step, (channels or 0) * pixels

    def call(self, inputs: Any) -> Any:
        """One picture or many."""
        ops, step = keras.ops, self.stride
        _, height, width, channels = inputs.shape
        _, rows, columns, made = self.compute_output_shape(inputs.shape)
        if self.order == "tensorflow":
            parts = ops.reshape(inputs, (-1, rows, step, columns, step, channels))
            parts = ops.transpose(parts, (0, 1, 3, 2, 4, 5))
            return ops.reshape(parts, (-1, rows, columns, made))
        planes = ops.transpose(inputs, (0, 3, 1, 2))
        parts = ops.reshape(planes, (-1, channels // step**2, height, step, width, step))
        parts = ops.transpose(parts, (0, 3, 5, 1, 2, 4))
        return ops.transpose(ops.reshape(parts, (-1, made, rows, columns)), (0, 2, 3, 1))


def reorg(emitter: Emitter, layer: Reorg, image: Value) -> Value:
    """In the graph channels come first, as in darknet."""
    graph, step = emitter.graph, layer.stride
    shape = layer.compute_output_shape(image.shape)
    if layer.order == "tensorflow":
        return Value(graph.add("SpaceToDepth", [image.name], {"blocksize": step}), shape)
    height, width = image.size
    read = graph.integers(0, image.channels // step**2, height, step, width, step)
    name = graph.add("Reshape", [image.name, read])
    name = graph.add("Transpose", [name], {"perm": (0, 3, 5, 1, 2, 4)})
    made = graph.integers(0, shape[3] or 0, shape[1] or 0, shape[2] or 0)
    return Value(graph.add("Reshape", [name, made]), shape)


EMITTERS[Reorg] = reorg
