"""One example of each task: a picture's file and what is to be learnt of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import BadData
from models.files import PICTURES

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Classified:
    """A picture of one class.

    label  number of its class
    """

    file: Path
    label: int


@dataclass(frozen=True, slots=True)
class Boxed:
    """A picture and what is in it.

    boxes    (N, 4) float32, x1 y1 x2 y2 in [0, 1] of the picture; N may be 0
    classes  (N,) int64
    """

    file: Path
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Masked:
    """A picture and the file of its mask."""

    file: Path
    mask: Path


def read_picture(file: Path) -> Pixels:
    """(H, W, 3) uint8 RGB, turned as its EXIF says. Raises BadData if it is no picture."""
    return np.asarray(_read(file, cv2.IMREAD_COLOR_RGB), np.uint8)


def read_grey(file: Path) -> Pixels:
    """(H, W) uint8. Raises BadData if it is no picture, or a coloured one."""
    grey = _read(file, cv2.IMREAD_UNCHANGED)
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise BadData(
            f"{file}: wanted one channel of 8 bits, got shape {grey.shape} of {grey.dtype}"
        )
    return np.asarray(grey, np.uint8)


def _read(file: Path, how: int) -> NDArray[np.generic]:
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise BadData(f"{file}: wanted a picture, got: {error.strerror}") from error
    image = cv2.imdecode(data, how) if data.size else None
    if image is None:
        raise BadData(f"{file}: wanted a picture, got {data.size} bytes that are none")
    return np.asarray(image, image.dtype)


def read_names(file: Path) -> tuple[str, ...]:
    """One name a line, empty lines left out. Raises BadData if there is none, or one twice."""
    names = tuple(line.strip() for line in read_text(file).splitlines() if line.strip())
    if not names:
        raise BadData(f"{file}: wanted a name a line, got an empty file")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadData(f"{file}: wanted each name once, got {name!r} twice")
        seen.add(name)
    return names


def read_text(file: Path) -> str:
    """A text file in UTF-8. Raises BadData if it cannot be read."""
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise BadData(f"{file}: wanted a file, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadData(f"{file}: wanted UTF-8 text, got byte {error.start} of another") from error


def pictures_in(folder: Path) -> Iterator[Path]:
    """The pictures in a folder, not below it, in the order of their names."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise BadData(f"{folder}: wanted a folder, got: {error.strerror}") from error
    return (file for file in files if file.suffix.lower() in PICTURES)


def picture_named(folder: Path, name: str) -> Path:
    """The picture of that name, without or with its suffix. Raises BadData if there is none."""
    for suffix in ("", *PICTURES):
        if (file := folder / f"{name}{suffix}").suffix and file.is_file():
            return file
    raise BadData(f"{folder}: wanted a picture {name} ({', '.join(PICTURES)}), got none")
