"""Pictures of a folder as a model wants them, and what two versions of it say about them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.agreement import agreement
from models.errors import BadModel
from models.session import open_session
from models.spec import ModelSpec
from models.store import Model
from stages.picture import Picture, Wanted

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MOST = 200  # pictures: more change the ranges of an int8 model no further

Image = NDArray[np.uint8]


def inputs(folder: Path, spec: ModelSpec) -> Sequence[Image]:
    """Up to 200 pictures of a folder and those in it, each (1, H, W, 3) uint8, in order of path.

    raises  BadModel if the folder holds none
    """
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    step = max(1, -(-len(files) // MOST))
    images = [image for file in files[::step] for image in _read(file, spec)]
    if not images:
        raise BadModel(f"{folder}: wanted pictures ({', '.join(sorted(SUFFIXES))}), got none")
    return images


def compare(reference: Model, changed: Path, images: Sequence[Image]) -> Iterator[str]:
    """Lines that say what a changed model says differently about pictures, on average."""
    one, other = (open_session(path, device="cpu") for path in (reference.path, changed))
    found = [
        agreement(reference.spec.task, one.run({"image": image}), other.run({"image": image}))
        for image in images
    ]
    yield f"{changed.name} against {reference.spec.name}, {len(images)} pictures:"
    for name in found[0]:
        yield f"  {name:<16} {np.mean([one[name] for one in found]):.4f}"


def _read(file: Path, spec: ModelSpec) -> Iterator[Image]:
    pixels = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadModel(f"{file}: wanted a picture, got a file that is none")
    picture = Picture.from_bgr(np.asarray(pixels, np.uint8))
    yield picture.pixels(Wanted.by(spec.input, exact=True))[np.newaxis]
