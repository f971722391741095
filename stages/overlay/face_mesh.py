"""A face's points, and the lines of its oval, eyes, brows and lips."""

import cv2
import numpy as np

from models.results import FaceMesh, Result
from stages.overlay.canvas import LIGHT, Canvas, colour_of

# Numbers of the points along each line, from MediaPipe's face_mesh_connections.py (Apache-2.0).
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
)
EYES = (
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
)
BROWS = (
    (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
    (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
)
LINES = (
    (OVAL, 0),
    *((lip, 6) for lip in LIPS),
    *((eye, 5) for eye in EYES),
    *((b, 3) for b in BROWS),
)
POINTS = 468
VEIL = 0.45  # of the points over the picture


def paint_face_mesh(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """Fine points, and the features as closed lines."""
    if not isinstance(result, FaceMesh):
        return
    height, width = canvas.pixels.shape[:2]
    thin = max(1, canvas.line // 2)
    for mesh in result.points:
        places = np.clip(mesh[:, :2], -1, 2) * np.array([width, height], np.float32)
        if not np.all(np.isfinite(places)):
            continue
        at = np.round(places).astype(np.int32)
        layer = canvas.pixels.copy()
        for x, y in at.tolist():
            cv2.circle(layer, (x, y), thin, LIGHT, -1, cv2.LINE_AA)
        cv2.addWeighted(layer, VEIL, canvas.pixels, 1 - VEIL, 0, dst=canvas.pixels)
        for numbers, colour in LINES if len(mesh) == POINTS else ():
            line = [at[list(numbers)]]
            cv2.polylines(canvas.pixels, line, True, colour_of(colour), thin, cv2.LINE_AA)
