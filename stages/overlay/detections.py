"""Boxes with name tags, and key points."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Detections, Result
from stages.overlay.canvas import (
    BOLD,
    DARK,
    REGULAR,
    Canvas,
    Colour,
    colour_of,
    ink_on,
    rounded,
    short,
    text_width,
    write,
)


def paint_detections(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """Boxes with marked corners, key points, and tags above all boxes; the surest on top."""
    if not isinstance(result, Detections):
        return
    height, width = canvas.pixels.shape[:2]
    scale = np.array([width, height, width, height], np.float32)
    finite = np.all(np.isfinite(result.boxes), axis=1)
    order = [i for i in np.argsort(result.scores) if finite[i]]
    boxes = np.zeros_like(result.boxes, np.int64)
    boxes[finite] = np.round(np.clip(result.boxes[finite], -1, 2) * scale)
    for i in order:
        _box(canvas, boxes[i], colour_of(int(result.classes[i])))
    if result.points is not None:
        for i in order:
            _points(canvas, result.points[i], colour_of(int(result.classes[i])))
    for i in order:
        name = short(result.labels[result.classes[i]])
        _tag(canvas, boxes[i], name, f"{result.scores[i]:.0%}", colour_of(int(result.classes[i])))


def _box(canvas: Canvas, box: NDArray[np.int64], colour: Colour) -> None:
    x1, y1, x2, y2 = (int(v) for v in box)
    line = canvas.line
    cv2.rectangle(canvas.pixels, (x1, y1), (x2, y2), DARK, line + 2)
    cv2.rectangle(canvas.pixels, (x1, y1), (x2, y2), colour, line)
    reach = max(0, min(x2 - x1, y2 - y1, 12 * canvas.size) // 5)
    for x, y, right, down in ((x1, y1, 1, 1), (x2, y1, -1, 1), (x1, y2, 1, -1), (x2, y2, -1, -1)):
        corner = np.array([[x + right * reach, y], [x, y], [x, y + down * reach]], np.int32)
        cv2.polylines(canvas.pixels, [corner], False, colour, line * 2 + 1, cv2.LINE_AA)


def _points(canvas: Canvas, points: NDArray[np.float32], colour: Colour) -> None:
    height, width = canvas.pixels.shape[:2]
    few = len(points) <= 40
    radius = max(1, canvas.line + 2 if few else canvas.line - 1)
    for x, y in points[np.all(np.isfinite(points), axis=1)]:
        at = (round(float(np.clip(x, -1, 2)) * width), round(float(np.clip(y, -1, 2)) * height))
        if few:
            cv2.circle(canvas.pixels, at, radius + 1, DARK, -1, cv2.LINE_AA)
        cv2.circle(canvas.pixels, at, radius, colour, -1, cv2.LINE_AA)


def _tag(canvas: Canvas, box: NDArray[np.int64], name: str, share: str, colour: Colour) -> None:
    height, width = canvas.pixels.shape[:2]
    size, pad = canvas.size, round(canvas.size * 0.45)
    first, gap = text_width(name, size, BOLD), round(size * 0.4)
    wide, high = first + gap + text_width(share, size, REGULAR) + 2 * pad, round(size * 1.55)
    left = int(np.clip(box[0] - canvas.line, 0, max(0, width - wide)))
    above = int(box[1]) - high - canvas.line
    top = int(np.clip(above if above >= 0 else box[1] + canvas.line, 0, max(0, height - high)))
    outline = rounded(wide, high, size // 3) + np.array([left, top], np.int32)
    cv2.fillPoly(canvas.pixels, [outline], colour, cv2.LINE_AA)
    ink, base = ink_on(colour), top + round(high * 0.5 + size * 0.36)
    write(canvas, name, left + pad, base, ink, BOLD)
    write(canvas, share, left + pad + first + gap, base, ink, REGULAR)
