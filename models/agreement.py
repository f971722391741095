"""How far two runs of a model agree: what fewer bits or another engine changed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.spec import Task

Array = NDArray[np.generic]
Outputs = Mapping[str, Array]

SAME_BOX = 0.5  # overlap at which two boxes are the same thing: VOC's and COCO's AP50


def agreement(task: Task, one: Outputs, other: Outputs) -> dict[str, float]:
    """How alike the outputs for the same pictures are, by the contract of the task; 1 is the same.

    one, other  as `Session.run` gives them; `one` is the reference

    classify    the share of pictures with the same likeliest class; the largest change of a
                probability
    detect      the share of `one`'s boxes that `other` has too, and the other way round
    segment     the share of cells with the same class
    else        cosine of the two outputs, taken as one row of numbers
    """
    match task:
        case "classify":
            a, b = (np.asarray(o["probabilities"], np.float64) for o in (one, other))
            return {
                "same class": float((a.argmax(1) == b.argmax(1)).mean()),
                "largest change": float(np.abs(a - b).max()),
            }
        case "detect" | "instances":
            return {"boxes kept": _found(one, other), "boxes not new": _found(other, one)}
        case "segment":
            return {"same class": float((one["classes"] == other["classes"]).mean())}
        case _:
            return {name: _cosine(one[name], other[name]) for name in one}


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each box with each other, (N, M) float32.

    a, b  (N, 4) and (M, 4) float32, x1 y1 x2 y2
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(x[:, 2:] - x[:, :2], 0, None), axis=1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, np.float32(1e-12)), np.float32)


def _found(wanted: Outputs, got: Outputs) -> float:
    """The share of boxes that have a partner of their class in the same picture."""
    boxes = [np.asarray(o["boxes"], np.float32) for o in (wanted, got)]
    if not len(boxes[0]):
        return 1.0
    same = np.ones((len(boxes[0]), len(boxes[1])), bool)
    for name in ("batch", "classes"):
        same &= np.asarray(wanted[name])[:, None] == np.asarray(got[name])[None]
    return float(((overlaps(*boxes) >= SAME_BOX) & same).any(axis=1).mean())


def _cosine(a: Array, b: Array) -> float:
    rows = [np.asarray(x, np.float64).ravel() for x in (a, b)]
    length = float(np.linalg.norm(rows[0]) * np.linalg.norm(rows[1]))
    return float(rows[0] @ rows[1]) / length if length else float(not np.any(rows[0] - rows[1]))
