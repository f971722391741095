"""Beside each thing that was given a shape: how many points that has."""

import numpy as np

from models.results import Mesh3d, Result
from stages.overlay.canvas import LIGHT, REGULAR, Canvas, panel, text_width, write


def paint_mesh3d(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """A dark tag below each box, where no name stands."""
    if not isinstance(result, Mesh3d):
        return
    height, width = canvas.pixels.shape[:2]
    size, pad = canvas.size, round(canvas.size * 0.45)
    high = round(size * 1.55)
    for box, vertices in zip(result.boxes, result.vertices.tolist(), strict=True):
        if not np.all(np.isfinite(box)):
            continue
        text = f"3D  {vertices:,} points"
        wide = text_width(text, size, REGULAR) + 2 * pad
        x1, y2 = (float(np.clip(v, -1, 2)) for v in (box[0], box[3]))
        left = int(np.clip(round(x1 * width), 0, max(0, width - wide)))
        top = int(np.clip(round(y2 * height) + canvas.line, 0, max(0, height - high)))
        panel(canvas, left, top, wide, high)
        write(canvas, text, left + pad, top + round(high * 0.5 + size * 0.36), LIGHT, REGULAR)
