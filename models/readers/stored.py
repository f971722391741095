"""Tensors that lie in a file as plain numbers: checked when found, read when asked for.

What every reader of weight files shares: which dtypes there are and what they become, that a tensor
lies inside its file, and that all tensors together are not much larger than the file that they are
said to be in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from models.errors import BadWeights
from models.readers.weights import Array, Part, Stored

# Far above any real network, low enough that a lying number costs nothing.
MOST_TENSORS = 20_000
MOST_AXES = 8
LONGEST_NAME = 1_000
# All tensors of a file, as they will be in memory, to its size. float32 out of uint8 takes four
# times as much, and weights are compressed by little; a file of zeros is not a weight file.
MOST_GROWTH = 16
PIECE = 1 << 25  # bytes of a large tensor that are brought in at a time, where that is asked for

KINDS = "fiub"  # of numpy: floating point, integer, unsigned, boolean
FLOATS = (2, 4, 8)  # bytes: float16, float32, float64


def becomes(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """What a tensor stored as `dtype` is in memory: floating point is float32, the rest stays."""
    return np.dtype(np.float32) if dtype.kind == "f" else dtype.newbyteorder("=")


def widen(array: Array) -> Array:
    """The array as `becomes` says; itself where it is so already.

    float64 beyond the range of float32 becomes infinite, which the transfer refuses.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(becomes(array.dtype), copy=False)


class Checks:
    """The bounds that the tensors of one file keep.

    name    of the file, for errors
    size    of the file, bytes
    growth  most bytes of all tensors together in memory, to one byte of the file
    """

    def __init__(self, name: str, size: int, growth: int = MOST_GROWTH) -> None:
        self.name = name
        self.size = size
        self._growth = growth
        self._left = growth * size

    def tensor(self, where: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> int:
        """Check one tensor and count its memory.

        returns  its bytes as stored
        raises   BadWeights if its shape or dtype is none that a weight has, or the file is too
                 small for all tensors so far
        """
        if dtype.kind not in KINDS or (dtype.kind == "f" and dtype.itemsize not in FLOATS):
            self.fail(f"{where}: dtype", "float16, float32, float64, integers or bool", dtype)
        if len(shape) > MOST_AXES:
            self.fail(f"{where}: axes", f"at most {MOST_AXES}", len(shape))
        if any(n < 1 for n in shape):
            self.fail(f"{where}: shape", "positive numbers", shape)
        self._left -= prod(shape) * becomes(dtype).itemsize
        if self._left < 0:
            self.fail(
                f"{where}: {shape} {dtype}",
                f"all tensors at most {self._growth} times the {self.size} bytes of the file",
                "more",
            )
        return prod(shape) * dtype.itemsize

    def inside(self, where: str, offset: int, length: int) -> None:
        """Check that `length` bytes at `offset` lie in the file."""
        if offset < 0 or length < 0 or offset + length > self.size:
            end = offset + length
            self.fail(where, f"bytes {offset} to {end} in the file", f"{self.size} bytes")

    def count(self, where: str, got: int, most: int) -> None:
        """Check that there are at most so many of something."""
        if got > most:
            self.fail(where, f"at most {most}", got)

    def fail(self, where: str, wanted: str, got: object) -> NoReturn:
        """Say what is wrong with the file."""
        shown = [_printable(str(text)) for text in (where, wanted, got)]
        raise BadWeights(f"{self.name}: {shown[0]}: wanted {shown[1]}, got {shown[2]}")


def lazily(
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    read: Callable[[], Array],
    pieces: Callable[[], Iterator[Part]] | None = None,
) -> Stored:
    """A tensor stored as `dtype`, whose `read` gives it so; what it gives is widened."""

    def widened() -> Iterator[Part]:
        for where, part in pieces() if pieces is not None else ():
            yield where, widen(part)

    whole = becomes(dtype).name
    return Stored(shape, whole, lambda: widen(read()), widened if pieces is not None else None)


def slabs(count: int, bytes_each: int) -> Iterator[slice]:
    """Ranges that cover `count` things of a size, each of about `PIECE` bytes."""
    step = max(PIECE // max(bytes_each, 1), 1)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def read_at(path: Path, where: str, offset: int, length: int) -> NDArray[np.uint8]:
    """Bytes of the file, `length` of which at `offset` were there when it was opened first."""
    raw = np.fromfile(path, np.uint8, length, offset=offset)
    if len(raw) != length:
        raise BadWeights(
            f"{path.name}: {where}: wanted {length} bytes at {offset}, got {len(raw)}: "
            "the file has become shorter"
        )
    return raw


def plain(
    path: Path,
    where: str,
    checks: Checks,
    offset: int,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
) -> Stored:
    """A tensor whose numbers lie one after the other at `offset`, last axis fastest."""
    length = checks.tensor(where, shape, dtype)
    checks.inside(where, offset, length)

    def read() -> Array:
        return read_at(path, where, offset, length).view(dtype).reshape(shape)

    def pieces() -> Iterator[Part]:
        row = length // shape[0]
        for rows in slabs(shape[0], row):
            raw = read_at(path, where, offset + rows.start * row, (rows.stop - rows.start) * row)
            yield (rows,), raw.view(dtype).reshape(-1, *shape[1:])

    return lazily(shape, dtype, read, pieces if shape else None)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers one after the other in a file: `count` of `dtype`, from byte `start`."""

    start: int
    count: int
    dtype: np.dtype[np.generic]


@dataclass(frozen=True, slots=True)
class View:
    """Which of those a tensor is made of; offset and strides are in numbers, from 0."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def strided(path: Path, where: str, checks: Checks, numbers: Numbers, view: View) -> Stored:
    """A tensor that is a view of numbers which others may share, as PyTorch and Torch7 have it."""
    shape, dtype = view.shape, numbers.dtype
    checks.tensor(where, shape, dtype)
    if len(view.strides) != len(shape) or any(n < 0 for n in (view.offset, *view.strides)):
        checks.fail(where, "an offset and a stride for each axis, from 0", view)
    steps = zip(shape, view.strides, strict=True)
    last = view.offset + sum((n - 1) * step for n, step in steps)
    if last >= numbers.count:
        checks.fail(f"{where}: {shape}", f"numbers up to {last} in its storage", numbers.count)
    start = numbers.start + view.offset * dtype.itemsize
    length = (last - view.offset + 1) * dtype.itemsize
    checks.inside(where, start, length)

    def read() -> Array:
        flat = read_at(path, where, start, length).view(dtype)
        strides = [step * dtype.itemsize for step in view.strides]
        seen = np.lib.stride_tricks.as_strided(flat, shape, strides)
        return np.ascontiguousarray(seen).reshape(shape)

    return lazily(shape, dtype, read)


def _printable(text: str) -> str:
    """Text that may come from a hostile file, fit for one line of a log."""
    text = text[:LONGEST_NAME]
    return text if text.isprintable() else ascii(text)[1:-1]
