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
    tint,
    write,
)

TINT = 0.35  # of the colour over what a mask covers


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
    colours = [_colour(result, i) for i in range(len(result))]
    if result.masks is not None:
        for i in order:
            _mask(canvas, boxes[i], result.masks[i], colours[i])
    for i in order:
        _box(canvas, boxes[i], colours[i])
    if result.points is not None:
        for i in order:
            _points(canvas, result.points[i], colours[i])
    for i in order:
        _tag(canvas, boxes[i], _name(result, i), _measure(result, i), colours[i])


def _colour(result: Detections, row: int) -> Colour:
    """That of its track, which stays when its class does not, or else of its class."""
    numbers = result.classes if result.tracks is None else result.tracks
    return colour_of(int(numbers[row]))


def _name(result: Detections, row: int) -> str:
    name = short(result.labels[result.classes[row]])
    return name if result.tracks is None else f"{name} #{result.tracks[row]}"


def _measure(result: Detections, row: int) -> str:
    """How far it is from what its class was learnt from where that is known, else how sure."""
    if result.distances is None:
        return f"{result.scores[row]:.0%}"
    return f"{result.distances[row]:.2f}"


def _mask(canvas: Canvas, box: NDArray[np.int64], mask: NDArray[np.uint8], colour: Colour) -> None:
    """Tint what belongs to a thing, and draw its contour."""
    height, width = canvas.pixels.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in box)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if right <= left or bottom <= top or not mask.size:
        return
    large = cv2.resize(mask, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    inside = (large[top - y1 : bottom - y1, left - x1 : right - x1] >= 128).astype(np.uint8)
    part = canvas.pixels[top:bottom, left:right]
    tint(part, inside, colour, TINT)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(part, contours, -1, colour, canvas.line, cv2.LINE_AA)


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
