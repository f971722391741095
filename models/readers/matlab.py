"""Reads MATLAB's .mat files of level 5 as plain data: structs, cells, text and numbers.

"MAT-File Format", MathWorks, for version 5. Objects and functions of MATLAB are refused. Numbers
are read where they lie; a variable that is compressed is inflated whole, since those in it can be
reached in no other way, and stays on the disk as long as one of its tensors is held.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from models.readers.scratch import Scratch
from models.readers.stored import (
    LONGEST_NAME,
    MOST_AXES,
    PIECE,
    Checks,
    lazily,
    read_at,
    slabs,
    widen,
)
from models.readers.weights import Array, Part, Stored

HEADER = 128  # bytes: text, then version and byte order
MATRIX, COMPRESSED = 14, 15  # types of elements; those of numbers and text follow
NUMBERS = {
    1: "i1",
    2: "u1",
    3: "<i2",
    4: "<u2",
    5: "<i4",
    6: "<u4",
    7: "<f4",
    9: "<f8",
    12: "<i8",
    13: "<u8",
}
TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le", 18: "utf-32-le"}
CELL, STRUCT, CHAR = 1, 2, 4  # classes of arrays; those of numbers follow
CLASSES = {
    6: "<f8",
    7: "<f4",
    8: "i1",
    9: "u1",
    10: "<i2",
    11: "<u2",
    12: "<i4",
    13: "<u4",
    14: "<i8",
    15: "<u8",
}
COMPLEX = 0x0800  # of the flags of an array
DEEPEST = 32  # arrays within arrays
MOST_ARRAYS = 50_000  # VGG-Face has some 6,000
LONGEST_TEXT = 1 << 20  # bytes
# Bytes that all compressed variables of a file may become, to one of the file: weights shrink by a
# tenth. Names of classes shrink by more, but are few.
MOST_GROWTH, SPARE = 4, 1 << 20


@dataclass(frozen=True, slots=True)
class Struct:
    """Structs that have the same fields, of which there is mostly one."""

    rows: tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Arrays of any kind, first axis fastest."""

    items: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Element:
    type: int
    start: int
    size: int
    end: int  # where the next one begins


Read = Callable[[str, int, int], bytes | memoryview]


def variables(path: Path, checks: Checks) -> dict[str, object]:
    """The file's variables: Struct, Cell, str, Stored, or None for an array with nothing in it.

    raises  BadWeights if the file is broken or holds what is not data
    """

    checks.inside("header", 0, HEADER)
    with path.open("rb") as file:
        return _variables(path, file, checks)


def _variables(path: Path, file: BinaryIO, checks: Checks) -> dict[str, object]:
    def now(_: str, start: int, length: int) -> bytes:
        file.seek(start)
        return file.read(length)

    def later(where: str, start: int, length: int) -> memoryview:
        return read_at(path, where, start, length).data

    header = file.read(HEADER)
    if header[124:128] != b"\0\1IM":
        kind = "one of version 7.3: save it with -v7" if b"MATLAB 7.3" in header else "another"
        checks.fail("header", "a .mat file of level 5, little-endian", kind)
    found: dict[str, object] = {}
    parser = _Parser(now, later, checks.size, checks)
    at, most = HEADER, MOST_GROWTH * checks.size + SPARE
    while at < checks.size:
        element = parser.element(at, checks.size)
        at = element.end
        if element.type == COMPRESSED:
            unpacked = _inflated(now, element, most, checks)
            most -= unpacked.size
            name, value = _within(unpacked, checks)
        else:
            name, value = parser.array(element, "variable", 0)
        if name in found:
            checks.fail(f"variable {name}", "once", "twice")
        found[name] = value
    return found


def _inflated(now: Read, element: _Element, most: int, checks: Checks) -> Scratch:
    """A compressed variable, unpacked on the disk: the largest hold a whole network."""
    unpacked, stream = Scratch(), zlib.decompressobj()
    try:
        for piece in slabs(element.size, 1):
            length = piece.stop - piece.start
            packed = now("variable", element.start + piece.start, length)
            while packed and unpacked.size <= most:
                unpacked.write(stream.decompress(packed, PIECE))
                packed = stream.unconsumed_tail
        while not stream.eof and unpacked.size <= most and (more := stream.decompress(b"", PIECE)):
            unpacked.write(more)
    except zlib.error as error:
        checks.fail("variable", "a stream of deflate", str(error))
    if not stream.eof or unpacked.size > most:
        wanted = f"at most {most} bytes of what is left of the compressed ones"
        checks.fail("variable", wanted, "more, or no end")
    return unpacked


def _within(unpacked: Scratch, checks: Checks) -> tuple[str, object]:
    """The name of a variable that was compressed, and what is in it."""

    def read(_: str, start: int, length: int) -> memoryview:
        return unpacked.read(start, length)

    parser = _Parser(read, read, unpacked.size, checks)
    return parser.array(parser.element(0, unpacked.size), "variable", 0)


class _Parser:
    """Parses elements out of `size` bytes: `now` gives some of them, `later` those of tensors."""

    def __init__(self, now: Read, later: Read, size: int, checks: Checks) -> None:
        self._now = now
        self._later = later
        self._size = size
        self._checks = checks
        self._left = MOST_ARRAYS

    def element(self, at: int, end: int) -> _Element:
        """The element at a place; it lies before `end`, and so does its tag."""
        first, size = struct.unpack("<II", self._bytes("tag", at, 8, end))
        if first >> 16:  # four bytes or fewer, which lie in the tag
            kind, size = first & 0xFFFF, first >> 16
            if size > 4:
                self._fail("tag", "at most 4 bytes in a small element", size)
            return _Element(kind, at + 4, size, at + 8)
        padded = size if first == COMPRESSED else size + -size % 8
        if at + 8 + size > end:
            self._fail("element", f"an end before byte {end}", at + 8 + size)
        # The last one of a file may lack its padding.
        return _Element(first, at + 8, size, min(at + 8 + padded, end))

    def array(self, element: _Element, where: str, depth: int) -> tuple[str, object]:
        """The name of an array, and what is in it."""
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            self._fail(where, f"{MOST_ARRAYS} arrays, {DEEPEST} deep, at the most", "more")
        if element.type != MATRIX:
            self._fail(where, f"an array (type {MATRIX})", f"type {element.type}")
        if not element.size:
            return "", None
        end = element.start + element.size
        flags = self._part(where, element.start, end)
        dims = self._part(where, flags.end, end)
        name = self._part(where, dims.end, end)
        if flags.type != 6 or flags.size != 8 or dims.type != 5 or dims.size % 4:
            self._fail(where, "flags and a shape", "others")
        kind = self._bytes(where, flags.start, 4, end)
        self._checks.count(f"{where}: axes", dims.size // 4, MOST_AXES)
        shape = np.frombuffer(self._bytes(where, dims.start, dims.size, end), "<i4").tolist()
        if any(n < 0 for n in shape):
            self._fail(f"{where}: shape", "numbers from 0", shape)
        text = self._text(where, name, "latin-1")
        where = f"{where} {text}" if text else where
        (bits,) = struct.unpack("<I", kind)
        code = bits & 0xFF
        if bits & COMPLEX:
            self._fail(where, "real numbers", "complex ones")
        if code == CELL:
            return text, Cell(tuple(self._arrays(prod(shape), name.end, end, where, depth)))
        if code == STRUCT:
            return text, self._struct(prod(shape), name.end, end, where, depth)
        if 0 in shape:
            return text, "" if code == CHAR else None
        data = self._part(where, name.end, end)
        if code == CHAR:
            if data.type not in TEXT:
                self._fail(where, "text", f"type {data.type}")
            return text, self._text(where, data, TEXT[data.type])
        if code not in CLASSES or data.type not in NUMBERS:
            self._fail(where, "cells, structs, text or numbers", f"class {code}, type {data.type}")
        return text, self._numbers(where, data, tuple(shape), np.dtype(CLASSES[code]))

    def _struct(self, count: int, at: int, end: int, where: str, depth: int) -> Struct:
        width = self._part(where, at, end)
        names = self._part(where, width.end, end)
        if width.type != 5 or width.size != 4 or names.type != 1:
            self._fail(where, "names of fields", "others")
        (step,) = struct.unpack("<i", self._bytes(where, width.start, 4, end))
        if not 1 <= step <= LONGEST_NAME or names.size % step:
            self._fail(f"{where}: names of fields", f"each 1 to {LONGEST_NAME} bytes", step)
        self._checks.count(f"{where}: names of fields", names.size, LONGEST_TEXT)
        raw = self._bytes(where, names.start, names.size, end)
        fields = [
            raw[i : i + step].split(b"\0")[0].decode("latin-1") for i in range(0, len(raw), step)
        ]
        if len(set(fields)) != len(fields):
            self._fail(f"{where}: names of fields", "each once", "one twice")
        if count and not fields:
            count = 0
        values = list(self._arrays(count * len(fields), names.end, end, where, depth, fields))
        rows = [values[i : i + len(fields)] for i in range(0, len(values), max(len(fields), 1))]
        return Struct(tuple(dict(zip(fields, row, strict=True)) for row in rows))

    def _arrays(
        self, count: int, at: int, end: int, where: str, depth: int, names: list[str] | None = None
    ) -> Iterator[object]:
        # A tag each, at the least.
        if 8 * count > end - at:
            self._fail(where, f"at most {(end - at) // 8} arrays", count)
        for i in range(count):
            below = f"{where}.{names[i % len(names)]}" if names else f"{where}{{{i + 1}}}"
            element = self.element(at, end)
            at = element.end
            yield self.array(element, below[-LONGEST_NAME:], depth + 1)[1]

    def _numbers(
        self, where: str, data: _Element, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> Stored:
        """MATLAB stores whole numbers in as few bytes as they fit; `dtype` is what they are."""
        self._checks.tensor(where, shape, dtype)
        kept: np.dtype[np.generic] = np.dtype(NUMBERS[data.type])
        if data.size != prod(shape) * kept.itemsize:
            wanted = f"{prod(shape) * kept.itemsize} bytes"
            self._fail(f"{where}: {shape} {kept}", wanted, data.size)
        source = self._later

        def read() -> Array:
            stored = np.frombuffer(source(where, data.start, data.size), kept)
            whole = widen(stored) if dtype.kind == kept.kind == "f" else stored.astype(dtype)
            return whole.reshape(shape, order="F")

        def pieces() -> Iterator[Part]:
            """Along the last axis, which is the slowest in MATLAB."""
            column = data.size // shape[-1]
            for columns in slabs(shape[-1], column):
                start, count = data.start + columns.start * column, columns.stop - columns.start
                stored = np.frombuffer(source(where, start, count * column), kept)
                part = widen(stored) if dtype.kind == kept.kind == "f" else stored.astype(dtype)
                place = (*(slice(0, n) for n in shape[:-1]), columns)
                yield place, part.reshape((*shape[:-1], count), order="F")

        return lazily(shape, dtype, read, pieces)

    def _part(self, where: str, at: int, end: int) -> _Element:
        if at >= end:
            self._fail(where, f"an element before byte {end}", "none")
        return self.element(at, end)

    def _text(self, where: str, element: _Element, coding: str) -> str:
        self._checks.count(f"{where}: bytes of text", element.size, LONGEST_TEXT)
        raw = self._bytes(where, element.start, element.size, self._size)
        return raw.decode(coding, "replace")

    def _bytes(self, where: str, start: int, length: int, end: int) -> bytes:
        if start + length > min(end, self._size):
            self._fail(where, f"{length} bytes before byte {end}", f"{end - start}")
        return bytes(self._now(where, start, length))

    def _fail(self, where: str, wanted: str, got: object) -> NoReturn:
        self._checks.fail(where, wanted, got)
