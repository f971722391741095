"""What the readers of boxes have in common: classes by number, boxes that make sense."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from models.errors import BadData
from models.training.examples import Boxed

# How far a box may stick out of its picture, as a share of the side: rounding does that.
OUTSIDE = 0.01


def class_names(found: Iterable[str], labels: tuple[str, ...], where: Path) -> tuple[str, ...]:
    """`labels`, or those found, sorted. Raises BadData if there is none at all."""
    known = labels or tuple(sorted(set(found)))
    if not known:
        raise BadData(f"{where}: wanted at least one box, got none in all pictures")
    return known


def boxed(
    picture: Path,
    things: Sequence[tuple[str, Sequence[float]]],
    labels: tuple[str, ...],
    where: str,
) -> Boxed:
    """A picture with its boxes, checked and clipped.

    things  class, and x1 y1 x2 y2 in [0, 1] of the picture
    where   the file, for errors
    raises  BadData for a class that is not known, and a box without area or outside of the picture
    """
    for number, (name, box) in enumerate(things):
        if name not in labels:
            raise BadData(
                f"{where}: object {number}: wanted a class among {', '.join(labels)}, got {name!r}"
            )
        x1, y1, x2, y2 = box
        if not (x1 < x2 and y1 < y2):
            raise BadData(f"{where}: object {number}: wanted a box with area, got {list(box)}")
        if min(x1, y1) < -OUTSIDE or max(x2, y2) > 1 + OUTSIDE:
            raise BadData(
                f"{where}: object {number}: wanted a box inside of [0, 1], got {list(box)}"
            )
    return Boxed(
        picture,
        np.array([box for _, box in things], np.float32).reshape(-1, 4).clip(0, 1),
        np.array([labels.index(name) for name, _ in things], np.int64),
    )
