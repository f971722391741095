"""Writes darknet's `.weights` files by a recipe: the same on every machine, so none is stored.

Needs nothing but numpy; nothing of the project is used. `golden/make_yolov2.py` gives the same
files to darknet itself.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.models.seeded import draw

SEED = 11
SIDE = 416

Kernel = tuple[int, int, int]  # channels in, channels out, size

# Read off darknet's cfg/yolov2.cfg and cfg/yolov2-tiny*.cfg by hand; the last is added per head.
FULL: Sequence[Kernel] = (
    *((3, 32, 3), (32, 64, 3)),
    *((64, 128, 3), (128, 64, 1), (64, 128, 3)),
    *((128, 256, 3), (256, 128, 1), (128, 256, 3)),
    *((256, 512, 3), (512, 256, 1), (256, 512, 3), (512, 256, 1), (256, 512, 3)),
    *((512, 1024, 3), (1024, 512, 1), (512, 1024, 3), (1024, 512, 1), (512, 1024, 3)),
    *((1024, 1024, 3), (1024, 1024, 3), (512, 64, 1), (1280, 1024, 3)),
)
TINY: Sequence[Kernel] = (
    *((3, 16, 3), (16, 32, 3), (32, 64, 3), (64, 128, 3), (128, 256, 3), (256, 512, 3)),
    (512, 1024, 3),
)
NETWORKS: dict[str, Sequence[Kernel]] = {
    "yolov2-coco": (*FULL, (1024, 425, 1)),
    "yolov2-voc": (*FULL, (1024, 125, 1)),
    "yolov2-tiny-coco": (*TINY, (1024, 512, 3), (512, 425, 1)),
    "yolov2-tiny-voc": (*TINY, (1024, 1024, 3), (1024, 125, 1)),
}


def tensors(kernels: Sequence[Kernel]) -> Iterator[tuple[str, np.ndarray]]:
    """In the order of the file; all but the last layer have a batch norm. Kernels are OIHW."""
    for number, (inputs, outputs, size) in enumerate(kernels, 1):
        of_norm = ("beta", "gamma", "mean", "variance")
        for part in of_norm if number < len(kernels) else ("bias",):
            name = f"conv_{number}/{part}"
            yield name, draw(name, (outputs,), SEED)
        name, fan_in = f"conv_{number}/kernel", inputs * size * size
        yield name, draw(name, (outputs, inputs, size, size), SEED, fan_in)


def write(path: Path, kernels: Sequence[Kernel], *, version: tuple[int, int, int]) -> None:
    """A whole file, with the head that its version has (`save_weights_upto` in src/parser.c)."""
    with path.open("wb") as file:
        file.write(struct.pack("<iii", *version))
        file.write(struct.pack("<Q" if version >= (0, 2, 0) else "<i", 64_000))
        for _, array in tensors(kernels):
            file.write(array.astype("<f4").tobytes())


def picture(side: int = SIDE) -> np.ndarray:
    """(side, side, 3) uint8: coloured squares of 8 pixels."""
    squares = np.random.default_rng(SEED).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    return squares.repeat(8, axis=0).repeat(8, axis=1)
