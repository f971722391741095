"""Results drawn onto a picture: boxes with name tags, key points, lists of labels, a caption."""

from collections.abc import Callable, Mapping

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
    "Painter",
    "colour_of",
    "draw",
    "draw_faded",
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
        width = text_width(caption, canvas.size, REGULAR) + 2 * pad
        top = pixels.shape[0] - 3 * canvas.size
        panel(canvas, canvas.size, top, width, 2 * canvas.size)
        baseline = top + canvas.size + round(canvas.size * 0.36)
        write(canvas, caption, canvas.size + pad, baseline, LIGHT, REGULAR)


def draw_faded(pixels: Pixels, node: str, result: Result, opacity: float) -> None:
    """Draw one result, in place, as a layer of that opacity.

    opacity  0 to 1
    """
    painter = PAINTERS.get(result.kind)
    if painter is None or opacity <= 0:
        return
    layer = pixels.copy()
    painter(Canvas.on(layer), node, result)
    cv2.addWeighted(layer, opacity, pixels, 1 - opacity, 0, dst=pixels)
