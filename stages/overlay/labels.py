"""A panel that lists the likeliest classes, each with a bar."""

import cv2
import numpy as np

from models.results import Labels, Result
from stages.overlay.canvas import (
    BOLD,
    LIGHT,
    REGULAR,
    Canvas,
    colour_of,
    panel,
    short,
    text_width,
    write,
)


def paint_labels(canvas: Canvas, node: str, result: Result) -> None:
    """A panel in the upper left corner, a bar for each class; under the one before it."""
    if not isinstance(result, Labels) or not len(result.scores):
        return
    size, pad = canvas.size, canvas.size
    row, head = round(size * 2.1), round(size * 1.6)
    # One row at least; those that would stand below the picture are left out.
    room = max(1, (canvas.pixels.shape[0] - canvas.top - head - pad) // row)
    classes, scores = result.classes[:room], result.scores[:room]
    names = [short(result.labels[index]) for index in classes]
    shares = [f"{score:.0%}" for score in scores]
    right = max(text_width(share, size, REGULAR) for share in shares)
    inner = max(max(text_width(name, size, BOLD) for name in names) + right + 2 * size, 9 * size)
    height = head + row * len(names) + pad
    panel(canvas, size, canvas.top, inner + 2 * pad, height)
    left, y = size + pad, canvas.top + pad
    write(canvas, node, left, y + round(size * 0.7), (196, 188, 180), REGULAR, 0.85)
    y += head - pad // 2
    for name, share, index, score in zip(names, shares, classes, scores, strict=True):
        colour, base = colour_of(int(index)), y + size
        write(canvas, name, left, base, LIGHT, BOLD)
        end = left + inner
        write(canvas, share, end - text_width(share, size, REGULAR), base, LIGHT, REGULAR)
        under, thick = base + round(size * 0.45), max(2, canvas.line + 1)
        cv2.rectangle(canvas.pixels, (left, under), (end, under + thick), (92, 84, 78), -1)
        reach = left + round(inner * float(np.nan_to_num(np.clip(score, 0, 1))))
        cv2.rectangle(canvas.pixels, (left, under), (reach, under + thick), colour, -1)
        y += row
    canvas.top += height + size // 2
