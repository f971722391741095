"""Reads the numbers of an HDF5 data set: in one piece, in the header, or in compressed chunks.

"HDF5 File Format Specification", version 3.0, sections IV.A.2.d, i and l. Only numbers as IEEE 754
and two's complement have them; data in other files is refused.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.readers.cursor import Cursor
from models.readers.hdf5 import (
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FILTERS,
    LAYOUT,
    Message,
    Object,
    space,
)
from models.readers.hdf5_source import NOWHERE, leaves
from models.readers.stored import MOST_TENSORS, Checks, lazily, plain, read_at
from models.readers.weights import Array, Stored

INTEGER, FLOAT = 0, 1  # classes of datatypes
COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2  # classes of layouts
DEFLATE, SHUFFLE = 1, 2  # filters
# Of float16, float32 and float64: bit of the sign; then offset and count of bits, place and size of
# the exponent, place and size of the mantissa; the exponent's bias.
IEEE = {
    2: (15, (0, 16, 10, 5, 0, 10), 15),
    4: (31, (0, 32, 23, 8, 0, 23), 127),
    8: (63, (0, 64, 52, 11, 0, 52), 1023),
}
IMPLIED = 2  # how the mantissa is kept: its highest bit is not written
WIDTHS = (1, 2, 4, 8)  # bytes of integers

Undo = Callable[[bytes, int], bytes]


def stored(path: Path, found: Object, where: str) -> Stored:
    """Where the numbers of a data set lie, which is called `where` in errors.

    raises  BadWeights if they are not whole and in this file
    """
    return _Numbers(path, found, where).stored()


@dataclass(frozen=True, slots=True)
class _Chunk:
    start: tuple[int, ...]  # place in the tensor
    address: int
    length: int


class _Numbers:
    def __init__(self, path: Path, found: Object, where: str) -> None:
        self._path = path
        self._found = found
        self._where = where
        self._source = found.source
        self._checks: Checks = found.source.checks

    def stored(self) -> Stored:
        shape = space(self._source, self._where, self._message(DATASPACE, "shape").data)
        if shape.empty:
            self._fail("numbers", "none")
        dtype = self._dtype(self._message(DATATYPE, "type").data)
        if self._found.message(EXTERNAL):
            self._fail("its numbers in this file", "in another file")
        message = self._message(LAYOUT, "layout")
        layout = self._cursor(message.data)
        version, kind = layout.numbers("BB")
        if version != 3:
            self._fail("layout of version 3, in this file", f"version {version}")
        if kind == COMPACT:
            length = layout.number("H")
            start = message.start + layout.at
            return self._plain(start, length, shape.shape, dtype)
        if kind == CONTIGUOUS:
            start, length = layout.numbers("QQ")
            if start == NOWHERE:
                self._fail("its numbers in this file", "none")
            return self._plain(start, length, shape.shape, dtype)
        if kind != CHUNKED:
            self._fail("its numbers in this file", f"layout {kind}")
        return self._chunked(layout, shape.shape, dtype)

    def _plain(
        self, start: int, length: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> Stored:
        made = plain(self._path, self._where, self._checks, start, shape, dtype)
        # Compact data may have spare bytes.
        if length < (wanted := prod(shape) * dtype.itemsize):
            self._fail(f"{wanted} bytes for {shape} {dtype}", length)
        return made

    def _dtype(self, message: bytes) -> np.dtype[np.generic]:
        part = self._cursor(message)
        kind, low, high, _, size = part.numbers("4BI")
        order = ">" if low & 1 else "<"
        kind &= 15
        if kind == INTEGER and size in WIDTHS and part.numbers("HH") == (0, 8 * size):
            return np.dtype(f"{order}{'i' if low & 8 else 'u'}{size}")
        if kind == FLOAT and size in IEEE:
            sign, places, bias = IEEE[size]
            got = (high, part.numbers("HH4B"), part.number("I"))
            if got == (sign, places, bias) and low >> 4 & 3 == IMPLIED and not low & 64:
                return np.dtype(f"{order}f{size}")
        return self._fail(
            "float16, float32, float64 or integers", f"class {kind}, {size} bytes each"
        )

    def _chunked(
        self, layout: Cursor, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> Stored:
        """A tensor cut into chunks, each compressed or not, of which none may be missing."""
        rank, tree = layout.numbers("BQ")
        if rank != len(shape) + 1 or not shape:
            self._fail(f"chunks of {len(shape)} axes", rank - 1)
        *sides, width = layout.numbers(f"{rank}I")
        chunk = tuple(sides)
        self._checks.tensor(self._where, shape, dtype)
        # The last chunk of an axis is stored whole, so that it may be larger than the tensor.
        self._checks.tensor(f"{self._where}: chunk", chunk, dtype)
        if width != dtype.itemsize:
            self._fail(f"chunks of numbers of {dtype.itemsize} bytes", width)
        undo = self._filters(dtype.itemsize)
        size = prod(chunk) * dtype.itemsize
        chunks = self._chunks(tree, shape, chunk, None if undo else size)
        path, checks, where = self._path, self._checks, self._where

        def read() -> Array:
            whole = np.empty(shape, dtype)
            for found in chunks:
                raw = read_at(path, where, found.address, found.length).tobytes()
                for step in undo:
                    raw = step(raw, size)
                if len(raw) != size:
                    checks.fail(where, f"chunks of {size} bytes", len(raw))
                ends = [min(s + n, e) for s, n, e in zip(found.start, chunk, shape, strict=True)]
                part = tuple(slice(s, e) for s, e in zip(found.start, ends, strict=True))
                kept = tuple(slice(e - s) for s, e in zip(found.start, ends, strict=True))
                whole[part] = np.frombuffer(raw, dtype).reshape(chunk)[kept]
            return whole

        return lazily(shape, dtype, read)

    def _chunks(
        self, tree: int, shape: tuple[int, ...], chunk: tuple[int, ...], size: int | None
    ) -> list[_Chunk]:
        """All chunks; each has `size` bytes if it is not compressed."""
        steps = [range(0, n, step) for n, step in zip(shape, chunk, strict=True)]
        wanted = prod(len(step) for step in steps)
        self._checks.count(f"{self._where}: chunks", wanted, MOST_TENSORS)
        if tree == NOWHERE:
            self._fail(f"{wanted} chunks", "none")
        found: dict[tuple[int, ...], _Chunk] = {}
        stored = 0
        # The last place of a key is that of the byte in a number, 0.
        key = f"II{len(shape)}QQ"
        for (length, skipped, *start, _), address in leaves(
            self._source, f"{self._where}: chunks", tree, kind=1, key=key
        ):
            place = tuple(start)
            if any(at not in step for at, step in zip(place, steps, strict=True)):
                self._fail(f"chunks in steps of {chunk}", place)
            if place in found:
                self._fail(f"the chunk at {place} once", "twice")
            if skipped:
                self._fail("chunks with all filters", f"one without {skipped}")
            if size not in {None, length}:
                self._fail(f"chunks of {size} bytes", length)
            self._checks.inside(f"{self._where}: chunk", address, length)
            # Chunks that lie on each other take no room, and time without end.
            stored += length
            self._checks.count(f"{self._where}: bytes of chunks", stored, self._checks.size)
            found[place] = _Chunk(place, address, length)
        if len(found) != wanted:
            self._fail(f"{wanted} chunks", len(found))
        return list(found.values())

    def _filters(self, width: int) -> list[Undo]:
        """What undoes the filters of a chunk, last first: bytes and their most in, bytes out."""
        message = self._found.message(FILTERS)
        if message is None:
            return []
        part = self._cursor(message.data)
        version, count = part.numbers("BB")
        part.bytes(6 if version == 1 else 0)
        undo: list[Undo] = []
        for _ in range(count):
            code = part.number("H")
            # Version 2 gives names to filters of others only, which are not known here.
            name = part.number("H") if version == 1 else 0
            _, values = part.numbers("HH")
            part.bytes(name + -name % 8)
            part.numbers(f"{values}I")
            part.bytes(4 if version == 1 and values % 2 else 0)
            if version not in {1, 2} or code not in {DEFLATE, SHUFFLE}:
                self._fail("deflate or shuffle for a filter", f"number {code}")
            undo.append(self._inflate if code == DEFLATE else _unshuffle(width))
        return undo[::-1]

    def _inflate(self, raw: bytes, most: int) -> bytes:
        try:
            # One byte more, so that too many are seen and not cut off.
            return zlib.decompressobj().decompress(raw, most + 1)
        except zlib.error as error:
            return self._fail("chunks that can be inflated", str(error))

    def _message(self, kind: int, what: str) -> Message:
        return self._found.message(kind) or self._fail(f"a {what}", "none")

    def _cursor(self, data: bytes) -> Cursor:
        return Cursor(data, self._where, self._checks)

    def _fail(self, wanted: str, got: object) -> NoReturn:
        self._checks.fail(self._where, wanted, got)


def _unshuffle(width: int) -> Undo:
    """All first bytes, all second bytes, ... to number after number."""

    def undo(raw: bytes, _: int) -> bytes:
        whole = len(raw) // width * width
        planes = np.frombuffer(raw[:whole], np.uint8).reshape(width, -1)
        return planes.T.tobytes() + raw[whole:]

    return undo
