"""Results drawn onto a picture: boxes with name tags, key points, lists of labels, a caption."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2

from models.results import Result
from stages.overlay.canvas import (
    DARK,
    LIGHT,
    PALETTE,
    REGULAR,
    Canvas,
    Pixels,
    colour_of,
    ink_on,
    panel,
    text_width,
    write,
)
from stages.overlay.caption import paint_caption
from stages.overlay.detections import paint_detections
from stages.overlay.face_mesh import paint_face_mesh
from stages.overlay.labels import paint_labels
from stages.overlay.mesh3d import paint_mesh3d
from stages.overlay.segmentation import paint_segmentation
from stages.overlay.zones import paint_zones

__all__ = [
    "DARK",
    "LIGHT",
    "PAINTERS",
    "PALETTE",
    "Canvas",
    "Earlier",
    "Painter",
    "colour_of",
    "draw",
    "ink_on",
]

Painter = Callable[[Canvas, str, Result], None]
"""Draws what a node, given by name, has said."""


PAINTERS: dict[str, Painter] = {
    "segmentation": paint_segmentation,
    "zones": paint_zones,
    "face_mesh": paint_face_mesh,
    "detections": paint_detections,
    "mesh3d": paint_mesh3d,
    "labels": paint_labels,
    "caption": paint_caption,
}
"""Who draws which kind of result, in this order: what comes later lies on top."""


Earlier = tuple[str, Result, float]
"""A node, what it said about an earlier picture, and how strongly that is drawn: 0 to 1."""


def draw(
    pixels: Pixels,
    results: Mapping[str, Result],
    caption: str = "",
    earlier: Sequence[Earlier] = (),
) -> None:
    """Draw results by the names of their nodes, in place; a kind without a painter is left out.

    pixels   (H, W, 3) uint8, blue, green, red, writeable
    caption  a line for the lower left corner
    earlier  drawn below the others, each as a layer that may be seen through
    """
    canvas = Canvas.on(pixels)
    for kind, painter in PAINTERS.items():
        for node, result, opacity in earlier:
            if result.kind == kind and opacity > 0:
                _layer(canvas, painter, node, result, opacity)
    for kind, painter in PAINTERS.items():
        for node, result in results.items():
            if result.kind == kind:
                painter(canvas, node, result)
    if caption:
        pad = canvas.size // 2
        width = text_width(caption, canvas.size, REGULAR) + 2 * pad
        top = pixels.shape[0] - 3 * canvas.size
        panel(canvas, canvas.size, top, width, 2 * canvas.size)
        baseline = top + canvas.size + round(canvas.size * 0.36)
        write(canvas, caption, canvas.size + pad, baseline, LIGHT, REGULAR)


def _layer(canvas: Canvas, painter: Painter, node: str, result: Result, opacity: float) -> None:
    """Paint one result so that what is below it is seen through it; panels keep their places."""
    if opacity >= 1:
        painter(canvas, node, result)
        return
    layer = replace(canvas, pixels=canvas.pixels.copy())
    painter(layer, node, result)
    canvas.top = layer.top
    cv2.addWeighted(layer.pixels, opacity, canvas.pixels, 1 - opacity, 0, dst=canvas.pixels)
