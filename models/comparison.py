"""What two engines said of the same pictures, compared: .npz files as `models.engines` writes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.agreement import agreement
from models.spec import Task

Array = NDArray[np.generic]

# Nothing is in a drawn picture, and two engines that find nothing there agree about nothing; a
# class that is as likely as another may be either.
WANT_PHOTOS: frozenset[Task] = frozenset({"detect", "instances", "segment"})


def largest_difference(one: Path, other: Path) -> str:
    """Of two engines' outputs, relative to the largest number of each output of `one`.

    one, other  .npz files, as `timed` writes them; an engine that decodes nothing writes nothing
    """
    with np.load(one) as a, np.load(other) as b:
        if not b.files:
            return "not compared"
        if not set(a.files) <= set(b.files):
            return "its outputs are others"
        shapes = [name for name in a.files if a[name].shape != b[name].shape]
        if shapes:
            return f"{shapes[0]}: {a[shapes[0]].shape} and {b[shapes[0]].shape}"
        pairs = [(a[name].astype(np.float64), b[name].astype(np.float64)) for name in a.files]
    largest = [
        float(np.abs(x - y).max() / max(float(np.abs(x).max()), 1e-12)) for x, y in pairs if x.size
    ]
    return f"{max(largest, default=0.0):.1e}"


def alike(task: Task, one: Path, other: Path) -> str:
    """How far two engines agree about photos, in words; see `models.agreement`.

    one, other  .npz files, as `timed` writes them of photos
    """
    ours, theirs = _photos(one), _photos(other)
    if not theirs:
        return "not compared"
    if any(set(a) - set(b) for a, b in zip(ours, theirs, strict=True)):
        return "its outputs are others"
    found = [agreement(task, a, b) for a, b in zip(ours, theirs, strict=True)]
    words = [f"{name} {np.mean([shares[name] for shares in found]):.4f}" for name in found[0]]
    if task in {"detect", "instances"}:
        boxes = [sum(len(photo["boxes"]) for photo in photos) for photos in (ours, theirs)]
        words.insert(0, f"{boxes[0]} boxes and {boxes[1]}")
    return ", ".join(words)


def _photos(file: Path) -> list[Mapping[str, Array]]:
    photos: dict[int, dict[str, Array]] = {}
    with np.load(file) as outputs:
        for key in outputs.files:
            number, _, name = key.partition(".")
            photos.setdefault(int(number), {})[name] = outputs[key]
    return [photos[number] for number in sorted(photos)]
