"""Areas and lines with their counts."""

import cv2
import numpy as np

from models.results import Result, Zones
from stages.overlay.canvas import (
    BOLD,
    DARK,
    LIGHT,
    REGULAR,
    Canvas,
    Colour,
    colour_of,
    panel,
    short,
    text_width,
    write,
)

VEIL = 0.16  # how much of an area's colour lies over the picture


def paint_zones(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """Tinted areas, lines with an arrow inwards, each with its name and count."""
    if not isinstance(result, Zones):
        return
    height, width = canvas.pixels.shape[:2]
    scale = np.array([width, height], np.float32)
    for index, polygon in enumerate(result.polygons):
        if not np.all(np.isfinite(polygon)):
            continue
        outline = np.round(np.clip(polygon, -1, 2) * scale).astype(np.int32)
        x, y, w, h = cv2.boundingRect(outline)
        left, top = max(x, 0), max(y, 0)
        part = canvas.pixels[top : max(y + h, 0), left : max(x + w, 0)]
        if part.size:
            tinted = part.copy()
            inside = outline - np.array([left, top], np.int32)
            cv2.fillPoly(tinted, [inside], colour_of(index), cv2.LINE_AA)
            cv2.addWeighted(tinted, VEIL, part, 1 - VEIL, 0, dst=part)
        cv2.polylines(canvas.pixels, [outline], True, colour_of(index), canvas.line, cv2.LINE_AA)
        centre = outline.mean(axis=0)
        _sign(canvas, result.areas[index], str(result.counts[index]), centre, colour_of(index))
    for index, segment in enumerate(result.segments):
        if not np.all(np.isfinite(segment)):
            continue
        a, b = (np.clip(segment, -1, 2) * scale).round().astype(int)
        colour = colour_of(len(result.areas) + index)
        cv2.line(canvas.pixels, tuple(a), tuple(b), DARK, canvas.line + 3, cv2.LINE_AA)
        cv2.line(canvas.pixels, tuple(a), tuple(b), colour, canvas.line + 1, cv2.LINE_AA)
        along = (b - a) / max(float(np.hypot(*(b - a))), 1.0)
        middle = (a + b) / 2
        tip = middle + np.array([-along[1], along[0]]) * canvas.size * 1.6
        start, end = ([round(float(v)) for v in place] for place in (middle, tip))
        cv2.arrowedLine(
            canvas.pixels, start, end, colour, canvas.line + 1, cv2.LINE_AA, tipLength=0.4
        )
        counts = f"in {result.crossed[index, 0]}  out {result.crossed[index, 1]}"
        _sign(canvas, result.lines[index], counts, a + (b - a) * 0.2, colour)


def _sign(
    canvas: Canvas, name: str, count: str, at: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    colour: Colour,
) -> None:  # fmt: skip
    size, name = canvas.size, short(name)
    first, gap = text_width(name, size, REGULAR), size // 2
    width, high = first + gap + text_width(count, size, BOLD) + size, 2 * size
    height, whole = canvas.pixels.shape[:2]
    left = int(np.clip(at[0] - width / 2, 0, max(0, whole - width)))
    top = int(np.clip(at[1] - high / 2, 0, max(0, height - high)))
    panel(canvas, left, top, width, high)
    base = top + size + round(size * 0.36)
    write(canvas, name, left + size // 2, base, LIGHT, REGULAR)
    write(canvas, count, left + size // 2 + first + gap, base, colour, BOLD)
