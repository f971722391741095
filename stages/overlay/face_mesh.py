"""A face's mesh as a wire frame, with the lines of its oval, eyes, brows and lips."""

from functools import lru_cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import FaceMesh, Result
from stages.overlay.canvas import LIGHT, Canvas, Pixels, colour_of

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
VEIL = 0.45  # of the wires, or the points, over the picture
FINE = 4.0  # pixels: shorter wires than that, in the mean, would be a white spot

At = NDArray[np.int32]


def paint_face_mesh(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """Fine wires, or points where there is no room for them, and the features as closed lines."""
    if not isinstance(result, FaceMesh):
        return
    height, width = canvas.pixels.shape[:2]
    thin = max(1, canvas.line // 2)
    for mesh in result.points:
        places = np.clip(mesh[:, :2], -1, 2) * np.array([width, height], np.float32)
        if not np.all(np.isfinite(places)):
            continue
        at = np.round(places).astype(np.int32)
        known = len(mesh) == POINTS
        left, top = (max(0, int(v)) for v in at.min(axis=0, initial=width + height) - thin)
        right, bottom = (max(0, int(v)) for v in at.max(axis=0, initial=0) + thin + 1)
        part = canvas.pixels[top:bottom, left:right]
        if part.size:
            layer = part.copy()
            _wires(layer, at - np.array([left, top], np.int32), thin, known=known)
            cv2.addWeighted(layer, VEIL, part, 1 - VEIL, 0, dst=part)
        for numbers, colour in LINES if known else ():
            line = [at[list(numbers)]]
            cv2.polylines(canvas.pixels, line, True, colour_of(colour), thin, cv2.LINE_AA)


def _wires(layer: Pixels, at: At, thin: int, *, known: bool) -> None:
    if known:
        wires = at[edges()]
        if np.hypot(*(wires[:, 0] - wires[:, 1]).T).mean() >= FINE:
            cv2.polylines(layer, list(wires), False, LIGHT, thin, cv2.LINE_AA)
            return
    for x, y in at.tolist():
        cv2.circle(layer, (x, y), thin, LIGHT, -1, cv2.LINE_AA)


@lru_cache(maxsize=1)
def edges() -> NDArray[np.int64]:
    """The sides of the triangles of `face_mesh.txt`, each once: (E, 2), numbers of points."""
    text = files("stages.overlay").joinpath("face_mesh.txt").read_text("ascii")
    triangles = np.loadtxt(text.splitlines(), np.int64)
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(sides, axis=1), axis=0)
