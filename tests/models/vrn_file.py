"""VRN's tensors filled from a seed, as the tree of modules of the original has them.

Needs nothing but numpy, for golden/make_vrn.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.models.seeded import draw

Place = tuple[int, ...]

SEED = 11
SIDE = 192
# Cells of the volume that the golden numbers are of: depth, down, across.
SAMPLE = (slice(None, None, 27), slice(None, None, 17), slice(None, None, 17))


@dataclass(frozen=True, slots=True)
class Module:
    """A convolution, or a batch norm (`size` 0); `place` counts from 0."""

    place: Place
    out: int
    into: int = 0
    size: int = 0

    @property
    def path(self) -> str:
        """As Torch7 has it, counted from 1."""
        return "/".join(f"modules/{index + 1}" for index in self.place)

    def tensors(self) -> dict[str, np.ndarray]:
        """By Torch7's names; kernels (out, in, h, w)."""
        if self.size:
            shape = (self.out, self.into, self.size, self.size)
            return {
                "weight": draw(f"{self.path}/weight", shape, SEED, int(np.prod(shape[1:]))),
                "bias": draw(f"{self.path}/bias", (self.out,), SEED),
            }
        shape = (self.out,)
        return {
            "weight": draw(f"{self.path}/gamma", shape, SEED),
            "bias": draw(f"{self.path}/bias", shape, SEED),
            "running_mean": draw(f"{self.path}/running_mean", shape, SEED),
            "running_var": draw(f"{self.path}/running_var", shape, SEED),
        }


def modules() -> Iterator[Module]:
    """The modules that hold tensors, in the order of the tree, depth first."""
    yield Module((0,), 64, 3, 7)
    yield Module((1,), 64)
    yield from _block((3,), 64, 64, shortcut=64)
    yield from _block((5,), 128, 64)
    yield from _block((6,), 128, 128, shortcut=128)
    for half in (7, 9):
        yield from _part((half, 1), (6, 6, 6, 9))
        for index in (3, 4):
            yield Module((half, 1, index, 0), 256, 256, 1)
            yield Module((half, 1, index, 1), 256)
    yield Module((11, 0, 0, 0), 256, 256, 1)
    yield Module((11, 0, 0, 1), 256)
    yield Module((11, 0, 1), 200, 256, 1)


def _part(place: Place, smaller: tuple[int, ...]) -> Iterator[Module]:
    for index in range(3):
        yield from _block((*place, 0, 0, index), 256, 128)
    if smaller[1:]:
        yield from _part((*place, 0, 0, 3), smaller[1:])
    for index in range(smaller[0]):
        yield from _block((*place, 0, 1, index + 1), 256, 128)
    yield from _block((*place, 2), 256, 128)


def _block(place: Place, into: int, width: int, shortcut: int = 0) -> Iterator[Module]:
    branch = (*place, 0, 0)
    for index, (before, after, size) in enumerate(
        ((into, width, 1), (width, width, 3), (width, 2 * width, 1))
    ):
        yield Module((*branch, 3 * index), before)
        yield Module((*branch, 3 * index + 2), after, before, size)
    if shortcut:
        yield Module((*place, 0, 1, 0), 2 * width, shortcut, 1)


def picture(seed: int = 0) -> np.ndarray:
    """(192, 192, 3) uint8: noise in blocks of 8 pixels."""
    coarse = np.random.default_rng([SEED, seed]).integers(0, 256, (24, 24, 3), np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)
