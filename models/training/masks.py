"""Reads pictures with a mask each: a grey PNG of the same size, whose grey levels are classes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import BadData
from models.training.config import Masks
from models.training.examples import Masked, Pixels, read_grey, read_names, read_picture

UNKNOWN = 255  # in a table of classes by grey level


def read_masks(data: Masks) -> list[Masked]:
    """The pairs. Raises BadData if there is none, or half of one is missing."""
    names = read_names(data.names) if data.names else _names(data)
    pairs = [Masked(_named(data.image, name), _named(data.mask, name)) for name in names]
    for pair in pairs:
        for file in (pair.file, pair.mask):
            if not file.is_file():
                raise BadData(f"{file}: wanted a picture, got nothing there")
    return pairs


def _named(pattern: Path, name: str) -> Path:
    return Path(str(pattern).replace("{name}", name))


def _names(data: Masks) -> tuple[str, ...]:
    before, _, after = data.image.name.partition("{name}")
    if "{name}" not in data.image.name:
        raise BadData(f"{data.image}: wanted {{name}} in the file's name, or the key `names`")
    names = [
        file.name.removeprefix(before).removesuffix(after)
        for file in sorted(data.image.parent.glob("*"))
        if file.name.startswith(before) and file.name.endswith(after)
    ]
    if not names:
        raise BadData(f"{data.image}: wanted pictures of that name, got none")
    return tuple(names)


def read_pair(pair: Masked, levels: tuple[int, ...]) -> tuple[Pixels, Pixels]:
    """The picture, (H, W, 3) uint8 RGB, and the class of each pixel, (H, W) uint8.

    levels  the grey level of each class
    raises  BadData if their sizes differ, or the mask has a grey level that is not among `levels`
    """
    picture, grey = read_picture(pair.file), read_grey(pair.mask)
    if picture.shape[:2] != grey.shape:
        raise BadData(f"{pair.mask}: wanted {picture.shape[:2]} pixels, got {grey.shape}")
    classes = classes_by_level(levels)[grey]
    if (unknown := classes == UNKNOWN).any():
        got = np.unique(grey[unknown]).tolist()
        raise BadData(f"{pair.mask}: wanted grey levels {list(levels)}, got {got}")
    return picture, classes


def classes_by_level(levels: tuple[int, ...]) -> NDArray[np.uint8]:
    """(256,) uint8: the class of each grey level, UNKNOWN where it has none."""
    table = np.full(256, UNKNOWN, np.uint8)
    table[list(levels)] = np.arange(len(levels))
    return table
