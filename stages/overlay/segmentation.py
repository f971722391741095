"""Tinted classes with contours, and a legend."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Result, Segmentation
from models.results.segmentation import BACKGROUND
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
    tint,
    write,
)

TINT = 0.42  # of a class's colour over what it covers
OUTLINED = 25  # squares of the line's width: a contour around less would hide it
LEAST = 0.0005  # of the picture: what covers less is tinted, and not in the legend


def paint_segmentation(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """Each class in its colour with its contour and tips, and the share that it covers."""
    if not isinstance(result, Segmentation):
        return
    height, width = canvas.pixels.shape[:2]
    # As `result.shares`, which takes a millisecond for a map of 1280x720.
    counts = cv2.calcHist([result.classes], [0], None, [256], [0, 256]).ravel()
    shares = (counts / max(result.classes.size, 1)).astype(np.float64)
    present = [c for c in np.flatnonzero(shares).tolist() if c != BACKGROUND]
    for number in present:
        # Enlarged as a soft mask and cut at a half: the steps of a coarse grid become curves.
        soft = (result.classes == number).astype(np.uint8) * 255
        large = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(cv2.threshold(large, 127, 1, cv2.THRESH_BINARY)[1], np.uint8)
        tint(canvas.pixels, mask, colour_of(number), TINT)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        least = OUTLINED * canvas.line**2
        contours = [contour for contour in contours if cv2.contourArea(contour) >= least]
        cv2.drawContours(canvas.pixels, contours, -1, colour_of(number), canvas.line, cv2.LINE_AA)
    for region in result.regions or ():
        if region.tip is not None:
            _tip(canvas, region.tip, colour_of(region.number))
    _legend(canvas, result, [c for c in present if shares[c] >= LEAST], shares)


def _tip(canvas: Canvas, tip: NDArray[np.float32], colour: Colour) -> None:
    """A ring with a dot, dark around it, so that it shows on tissue and on metal alike."""
    height, width = canvas.pixels.shape[:2]
    x, y = (tip * (width, height)).round().astype(int).tolist()
    radius, dot = round(canvas.size * 0.55), max(2, canvas.size // 6)
    for ink, more in ((DARK, canvas.line), (LIGHT, 0)):
        cv2.circle(canvas.pixels, (x, y), radius, ink, canvas.line + more, cv2.LINE_AA)
        cv2.circle(canvas.pixels, (x, y), dot + more, ink if more else colour, -1, cv2.LINE_AA)


def _legend(
    canvas: Canvas, result: Segmentation, classes: list[int], shares: NDArray[np.float64]
) -> None:
    if not classes:
        return
    size, row = canvas.size, round(canvas.size * 1.7)
    names = [short(result.labels[c]) for c in classes]
    told = [f"{shares[c]:.1%}" for c in classes]
    inner = max(text_width(n, size, BOLD) for n in names) + 4 * size
    inner += max(text_width(t, size, REGULAR) for t in told)
    high = row * len(classes) + size
    panel(canvas, size, canvas.top, inner + size, high)
    for n, number in enumerate(classes):
        base = canvas.top + size // 2 + row * n + round(row * 0.7)
        left = 2 * size
        middle = (left + size // 3, base - round(size * 0.36))
        cv2.circle(canvas.pixels, middle, size // 3, colour_of(number), -1, cv2.LINE_AA)
        write(canvas, names[n], left + size, base, LIGHT, BOLD)
        right = size + inner + size // 2 - text_width(told[n], size, REGULAR)
        write(canvas, told[n], right, base, LIGHT, REGULAR)
    canvas.top += high + size // 2
