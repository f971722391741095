"""Pictures of a folder as a model wants them, and what two versions of it say about them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from models.agreement import agreement
from models.errors import BadModel
from models.files import PICTURES, instead_of_a_file
from models.session import open_session
from models.spec import ModelSpec
from models.store import Model
from stages.capture.auto import find_clip
from stages.picture import Picture, Wanted

MOST = 200  # pictures: more change the ranges of an int8 model no further
CLIP_STEP = 40  # frames: three pictures of the 120

Image = NDArray[np.uint8]


def inputs(where: Path, spec: ModelSpec, most: int = MOST) -> Sequence[Image]:
    """A picture, or those of a folder and the folders in it, each (1, H, W, 3) uint8.

    most    of a folder's pictures, which are taken at even steps in the order of their paths
    raises  BadModel if there is none
    """
    if not where.is_dir():
        return [_read(where, spec)]
    files = sorted(f for f in where.rglob("*") if f.suffix.lower() in PICTURES)
    step = max(1, -(-len(files) // most))
    images = [_read(file, spec) for file in files[::step]]
    if not images:
        raise BadModel(f"{where}: wanted pictures ({', '.join(sorted(PICTURES))}), got none")
    return images


def clip(spec: ModelSpec) -> Sequence[Image]:
    """Pictures of the clip that `source: auto` may show, if its package is installed."""
    path = find_clip()
    if path is None:
        return []
    with av.open(str(path)) as opened:
        frames = list(islice(opened.decode(video=0), 0, None, CLIP_STEP))
    return [_as_wanted(Picture.from_av(frame), spec) for frame in frames]


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


def _read(file: Path, spec: ModelSpec) -> Image:
    # Of a file that is not there OpenCV would print a warning of its own.
    pixels = cv2.imread(str(file), cv2.IMREAD_COLOR) if file.is_file() else None
    if pixels is None:
        got = "a file that is none" if file.is_file() else instead_of_a_file(file)
        raise BadModel(f"{file}: wanted a picture, got {got}")
    return _as_wanted(Picture.from_bgr(np.asarray(pixels, np.uint8)), spec)


def _as_wanted(picture: Picture, spec: ModelSpec) -> Image:
    return picture.pixels(Wanted.by(spec.input, exact=True))[np.newaxis]
