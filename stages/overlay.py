"""Results drawn onto a picture: boxes with name tags, key points, lists of labels, a caption.

All sizes follow from the picture's shorter side, so that a tag reads alike at 480 and at 2160
lines; a picture with fewer than about 400 should be enlarged first. Text is drawn in the font
that OpenCV 5 carries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Detections, Labels, Result

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

# One hue in twelve of OKLCH (lightness .78, chroma .155, less where sRGB ends), in steps of 150
# degrees, so that neighbours differ and none outshines another. A class keeps its colour: class n
# of a model has colour n modulo 12, on every picture and in every run.
PALETTE_RGB = (
    "2cd69e", "dc97fb", "c7bc29", "85baff", "ff996a", "01d1d2",
    "fc8cce", "8bcd63", "b0adfe", "f0a726", "07cafd", "ff939d",
)  # fmt: skip
PALETTE: tuple[Colour, ...] = tuple(
    (int(rgb[4:], 16), int(rgb[2:4], 16), int(rgb[:2], 16)) for rgb in PALETTE_RGB
)
DARK: Colour = (26, 20, 16)
LIGHT: Colour = (250, 247, 244)
SHADE = 0.32  # what is left of the picture's light behind a panel
BOLD, REGULAR = 600, 400  # weights of a variable font
LONGEST = 40  # characters of a name that are shown

FONT = cv2.FontFace("sans")


@dataclass(slots=True)
class Canvas:
    """A picture being drawn on.

    pixels  (H, W, 3) uint8, blue, green, red, writeable
    line    width of a box's line in pixels
    size    height of text in pixels
    top     where the next panel may start, in pixels from above
    """

    pixels: Pixels
    line: int
    size: int
    top: int

    @staticmethod
    def on(pixels: Pixels) -> "Canvas":
        """A canvas whose lines and letters fit the picture."""
        short = min(pixels.shape[:2])
        size = max(11, round(short / 36))
        return Canvas(pixels, line=max(2, round(short / 320)), size=size, top=size)


Painter = Callable[[Canvas, str, Result], None]
"""Draws what a node, given by name, has said."""


def draw(pixels: Pixels, results: Mapping[str, Result], caption: str = "") -> None:
    """Draw results by the names of their nodes, in place; a kind without a painter is left out.

    pixels   (H, W, 3) uint8, blue, green, red, writeable
    caption  a line for the lower left corner
    """
    canvas = Canvas.on(pixels)
    for kind, painter in PAINTERS.items():
        for node, result in results.items():
            if result.kind == kind:
                painter(canvas, node, result)
    if caption:
        pad = canvas.size // 2
        width = _width(caption, canvas.size, REGULAR) + 2 * pad
        top = pixels.shape[0] - 3 * canvas.size
        _panel(canvas, canvas.size, top, width, 2 * canvas.size)
        baseline = top + canvas.size + round(canvas.size * 0.36)
        _text(canvas, caption, canvas.size + pad, baseline, LIGHT, REGULAR)


def colour_of(index: int) -> Colour:
    """The colour of a class by its number, as blue, green, red."""
    return PALETTE[index % len(PALETTE)]


def ink_on(colour: Colour) -> Colour:
    """Dark or light, whichever reads better on `colour` (contrast of WCAG 2.2, relative luminance).

    colour  blue, green, red
    """
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in colour]
    luminance = 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]
    return DARK if luminance > 0.18 else LIGHT


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
        name = _short(result.labels[result.classes[i]])
        _tag(canvas, boxes[i], name, f"{result.scores[i]:.0%}", colour_of(int(result.classes[i])))


def paint_labels(canvas: Canvas, node: str, result: Result) -> None:
    """A panel in the upper left corner, a bar for each class; under the one before it."""
    if not isinstance(result, Labels) or not len(result.scores):
        return
    size, pad = canvas.size, canvas.size
    names = [_short(result.labels[index]) for index in result.classes]
    shares = [f"{score:.0%}" for score in result.scores]
    right = max(_width(share, size, REGULAR) for share in shares)
    inner = max(max(_width(name, size, BOLD) for name in names) + right + 2 * size, 9 * size)
    row, head = round(size * 2.1), round(size * 1.6)
    height = head + row * len(names) + pad
    _panel(canvas, size, canvas.top, inner + 2 * pad, height)
    left, y = size + pad, canvas.top + pad
    _text(canvas, node, left, y + round(size * 0.7), (196, 188, 180), REGULAR, 0.85)
    y += head - pad // 2
    for name, share, index, score in zip(names, shares, result.classes, result.scores, strict=True):
        colour, base = colour_of(int(index)), y + size
        _text(canvas, name, left, base, LIGHT, BOLD)
        end = left + inner
        _text(canvas, share, end - _width(share, size, REGULAR), base, LIGHT, REGULAR)
        under, thick = base + round(size * 0.45), max(2, canvas.line + 1)
        cv2.rectangle(canvas.pixels, (left, under), (end, under + thick), (92, 84, 78), -1)
        reach = left + round(inner * float(np.clip(score, 0, 1)))
        cv2.rectangle(canvas.pixels, (left, under), (reach, under + thick), colour, -1)
        y += row
    canvas.top += height + size // 2


PAINTERS: dict[str, Painter] = {"detections": paint_detections, "labels": paint_labels}
"""Who draws which kind of result, in this order: what comes later lies on top."""


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
    first, gap = _width(name, size, BOLD), round(size * 0.4)
    wide, high = first + gap + _width(share, size, REGULAR) + 2 * pad, round(size * 1.55)
    left = int(np.clip(box[0] - canvas.line, 0, max(0, width - wide)))
    above = int(box[1]) - high - canvas.line
    top = int(np.clip(above if above >= 0 else box[1] + canvas.line, 0, max(0, height - high)))
    outline = _rounded(wide, high, size // 3) + np.array([left, top], np.int32)
    cv2.fillPoly(canvas.pixels, [outline], colour, cv2.LINE_AA)
    ink, base = ink_on(colour), top + round(high * 0.5 + size * 0.36)
    _text(canvas, name, left + pad, base, ink, BOLD)
    _text(canvas, share, left + pad + first + gap, base, ink, REGULAR)


def _panel(canvas: Canvas, left: int, top: int, width: int, height: int) -> None:
    """Darken a rounded rectangle, as far as it lies on the picture."""
    behind = canvas.pixels[top : top + height, left : left + width]
    if behind.size:
        mask = _mask(width, height, canvas.size // 2)[: behind.shape[0], : behind.shape[1]]
        cv2.copyTo(cv2.convertScaleAbs(behind, alpha=SHADE), mask, behind)


def _text(
    canvas: Canvas, text: str, x: int, base: int, colour: Colour, weight: int, scale: float = 1
) -> None:
    size = round(canvas.size * scale)
    cv2.putText(canvas.pixels, text, (x, base), colour, FONT, size, weight)


@lru_cache(maxsize=1024)
def _width(text: str, size: int, weight: int) -> int:
    """Pixels that `text` takes, with what is left free behind its last letter."""
    return int(cv2.getTextSize((0, 0), text, (0, 0), FONT, size, weight)[2])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


@lru_cache(maxsize=256)
def _rounded(width: int, height: int, radius: int) -> NDArray[np.int32]:
    """The outline of a rectangle with round corners, (N, 2), x y from its upper left corner."""
    corners = (
        (width - radius, height - radius, 0),
        (radius, height - radius, 90),
        (radius, radius, 180),
        (width - radius, radius, 270),
    )
    arcs = [cv2.ellipse2Poly((x, y), (radius, radius), 0, a, a + 90, 15) for x, y, a in corners]
    return np.concatenate(arcs).astype(np.int32)


@lru_cache(maxsize=64)
def _mask(width: int, height: int, radius: int) -> Pixels:
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [_rounded(width - 1, height - 1, radius)], (255,))
    return mask
