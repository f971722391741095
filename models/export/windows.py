"""How a window slides over a picture: the size that comes out, and ONNX's padding."""

from collections.abc import Sequence
from typing import Literal

Padding = Literal["same", "valid"]


def padded_window(
    size: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    padding: Padding,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(height, width) of the output, and ONNX's pads: top, left, bottom, right.

    TensorFlow's SAME makes ceil(size / stride) steps and puts the odd pixel at the end.
    All arguments are (down, across), in pixels.
    """
    sizes, before, after = [], [], []
    for length, taps, step, gap in zip(size, window, stride, dilation, strict=True):
        reach = (taps - 1) * gap + 1
        steps = -(-length // step) if padding == "same" else (length - reach) // step + 1
        missing = max((steps - 1) * step + reach - length, 0) if padding == "same" else 0
        sizes.append(steps)
        before.append(missing // 2)
        after.append(missing - missing // 2)
    return tuple(sizes), (*before, *after)
