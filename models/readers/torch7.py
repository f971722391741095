"""Reads the tensors of a Torch7 file: Lua tables and objects as data, functions never.

Binary serialisation of torch7 (torch7/File.lua, generic/Tensor.c and generic/Storage.c), as a
64-bit machine writes it: types and indices are int32, sizes int64. An object that has been written
already is written as its index, so a file is a graph; a tensor is named by the shortest way to it.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from models.readers.stored import (
    LONGEST_NAME,
    MOST_AXES,
    MOST_TENSORS,
    Checks,
    Numbers,
    View,
    strided,
)
from models.readers.weights import Stored, WeightFile

# Types of values, of torch7/File.lua.
NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN = 0, 1, 2, 3, 4, 5
FUNCTIONS = (6, 7, 8)  # also the older ways to write them
LONGEST_TEXT = 1 << 20  # bytes
LONGEST_WAY = 500  # letters; the longest of VRN has some 150
MOST_VALUES = 1_000_000
DEEPEST = 100_000  # values within values; a graph is written along its edges

CODES = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",  # on a GPU, written as it is on the CPU
    "CudaDouble": "<f8",
    "CudaHalf": "<f2",
    "CudaLong": "<i8",
}
TENSORS = {f"torch.{name}Tensor": np.dtype(code) for name, code in CODES.items()}
STORAGES = {f"torch.{name}Storage": np.dtype(code) for name, code in CODES.items()}


@dataclass(slots=True)
class _Tensor:
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int  # in numbers, from 0
    storage: object = None


@dataclass(slots=True)
class _Object:
    """An object of Lua, such as nn.SpatialConvolution: a class and a table."""

    kind: str
    content: object = None


@dataclass(slots=True)
class _Table:
    """Pairs in the file's order; a key may be a table itself."""

    pairs: list[tuple[object, object]] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """What still wants values: as many as `wanted`, then `close` puts them where they belong."""

    value: object
    wanted: int
    close: Callable[[list[object]], None]
    got: list[object] = field(default_factory=list)


def read(path: Path) -> WeightFile:
    """Read where the tensors lie; names are the keys on the way to them, with "/" between.

    A sequence counts from 1, as in Lua: "modules/1/weight".

    returns  notes["classes"] are the classes of objects by their names (the file's own is ""),
             notes["empty"] the names of tensors without a number in them, notes["same"] the names
             of tensors that can also be reached in another way, by that way
    raises   BadWeights naming the file, the tensor, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    with path.open("rb") as file:
        root = _Reader(file, checks).root()
    return _named(path, root, checks)


class _Reader:
    def __init__(self, file: BinaryIO, checks: Checks) -> None:
        self._file = file
        self._checks = checks
        self._known: dict[int, object] = {}
        self._open: list[_Open] = []

    def root(self) -> object:
        """The one value of the file. Not recursive: a graph may be very deep."""
        for _ in range(MOST_VALUES):
            opened = len(self._open)
            value = self._value()
            if len(self._open) > opened:
                self._checks.count("depth", len(self._open), DEEPEST)
            else:
                self._give(value)
            while self._open and len(self._open[-1].got) == self._open[-1].wanted:
                ready = self._open.pop()
                ready.close(ready.got)
                value = ready.value
                self._give(value)
            if not self._open:
                if (left := self._checks.size - self._file.tell()) != 0:
                    self._fail("end", "the end of the file", f"{left} bytes more")
                return value
        return self._fail("values", f"at most {MOST_VALUES}", "more")

    def _give(self, value: object) -> None:
        if self._open:
            self._open[-1].got.append(value)

    def _value(self) -> object:
        """A value that is whole, or one that has been put on the list of open ones."""
        kind = self._int()
        if kind == NIL:
            return None
        if kind == NUMBER:
            number: float = struct.unpack("<d", self._bytes(8))[0]
            return int(number) if number.is_integer() else number
        if kind == BOOLEAN:
            return self._int() == 1
        if kind == STRING:
            return self._text("text", LONGEST_TEXT)
        if kind in FUNCTIONS:
            self._fail("value", "data", "a function, which is never run")
        if kind not in {TABLE, TORCH}:
            self._fail("value", "a type from 0 to 8", kind)
        index = self._int()
        if index in self._known:
            return self._known[index]
        value = self._table() if kind == TABLE else self._torch()
        self._known[index] = value
        return value

    def _table(self) -> _Table:
        table = _Table()
        count = self._int()
        # A key and a value take 4 bytes each, at the least.
        if count < 0 or 8 * count > self._checks.size:
            self._fail("table", "as many entries as the file has room for", count)

        def close(got: list[object]) -> None:
            table.pairs = list(zip(got[::2], got[1::2], strict=True))

        self._open.append(_Open(table, 2 * count, close))
        return table

    def _torch(self) -> object:
        name = self._text("class", LONGEST_NAME)
        if name.startswith("V "):
            name = self._text("class", LONGEST_NAME)
        if name in STORAGES:
            return self._storage(STORAGES[name])
        if name in TENSORS:
            return self._tensor(TENSORS[name])
        made = _Object(name)

        def close(got: list[object]) -> None:
            made.content = got[0]

        self._open.append(_Open(made, 1, close))
        return made

    def _storage(self, dtype: np.dtype[np.generic]) -> Numbers:
        (count,) = self._unpack("<q")
        start = self._file.tell()
        # Checked before the product, which a lying count makes as large as it likes.
        if not 0 <= count <= self._checks.size:
            self._fail("storage", "as many numbers as the file has room for", count)
        self._checks.inside("storage", start, count * dtype.itemsize)
        self._file.seek(start + count * dtype.itemsize)
        return Numbers(start, count, dtype)

    def _tensor(self, dtype: np.dtype[np.generic]) -> _Tensor:
        axes = self._int()
        if not 0 <= axes <= MOST_AXES:
            self._fail("tensor: axes", f"0 to {MOST_AXES}", axes)
        shape = self._unpack(f"<{axes}q")
        strides = self._unpack(f"<{axes}q")
        (offset,) = self._unpack("<q")
        tensor = _Tensor(dtype, shape, strides, offset - 1)

        def close(got: list[object]) -> None:
            tensor.storage = got[0]

        self._open.append(_Open(tensor, 1, close))
        return tensor

    def _int(self) -> int:
        (number,) = self._unpack("<i")
        return int(number)

    def _text(self, where: str, most: int) -> str:
        length = self._int()
        if not 0 <= length <= most:
            self._fail(f"{where}: bytes", f"0 to {most}", length)
        # Lua's strings are bytes.
        return self._bytes(length).decode("latin-1")

    def _unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, length: int) -> bytes:
        raw = self._file.read(length)
        if len(raw) != length:
            self._fail("end", f"{length} bytes more", f"{len(raw)}: the file is cut short")
        return raw

    def _fail(self, where: str, wanted: str, got: object) -> NoReturn:
        self._checks.fail(where, wanted, got)


def _named(path: Path, root: object, checks: Checks) -> WeightFile:
    """Tensors by the shortest way to each; of ways as long, the first in the file."""
    tensors: dict[str, Stored] = {}
    classes: dict[str, str] = {}
    empty: list[str] = []
    same: dict[str, str] = {}
    seen: dict[int, str | None] = {id(root): ""}
    left: deque[tuple[str | None, object]] = deque([("", root)])
    while left:
        name, value = left.popleft()
        if isinstance(value, _Object) and name is not None:
            classes[name] = value.kind
        for key, below in _below(value):
            step = _joined(name, key)
            if id(below) not in seen:
                seen[id(below)] = step
                left.append((step, below))
            elif isinstance(below, _Tensor) and step and (first := seen[id(below)]):
                same[step] = first
        if not isinstance(value, _Tensor):
            continue
        if name is None:
            checks.fail("tensor", f"a way to it of at most {LONGEST_WAY} letters", "a longer one")
        if name in tensors:
            checks.fail(f"tensor {name}", "once", "twice")
        checks.count("tensors", len(tensors) + len(empty), MOST_TENSORS)
        if value.shape and 0 not in value.shape:
            tensors[name] = _stored(path, name, value, checks)
        else:
            empty.append(name)
    if not tensors:
        checks.fail("file", "tensors", "none")
    notes: Mapping[str, object] = {"classes": classes, "empty": tuple(empty), "same": same}
    return WeightFile(path.name, tensors, notes)


def _below(value: object) -> Iterator[tuple[str, object]]:
    """What is in a table or an object, by key."""
    table = value.content if isinstance(value, _Object) else value
    for key, below in table.pairs if isinstance(table, _Table) else ():
        # A table may be a key, in the bookkeeping of nngraph; there are no tensors behind it.
        if isinstance(key, str | int | float) and isinstance(below, _Table | _Object | _Tensor):
            yield str(key), below


def _joined(name: str | None, key: str) -> str | None:
    """The way to what is behind a key; None if it is too long, as those of a chain get."""
    if name is None or len(name) + len(key) >= LONGEST_WAY:
        return None
    return f"{name}/{key}" if name else key


def _stored(path: Path, name: str, tensor: _Tensor, checks: Checks) -> Stored:
    where = f"tensor {name}"
    storage = tensor.storage
    if not isinstance(storage, Numbers) or storage.dtype != tensor.dtype:
        checks.fail(where, f"a storage of {tensor.dtype}", type(storage).__name__)
    view = View(tensor.offset, tensor.shape, tensor.strides)
    return strided(path, where, checks, storage, view)
