"""Makes Torch7 files, right ones and wrong ones; the package torchfile reads them as well."""

import struct
from dataclasses import dataclass, field

import numpy as np

KINDS = {
    "float32": "Float",
    "float64": "Double",
    "int64": "Long",
    "int32": "Int",
    "int16": "Short",
    "int8": "Char",
    "uint8": "Byte",
}


@dataclass(eq=False)
class Obj:
    """An object of a class, with the table of its fields."""

    kind: str
    fields: dict[object, object] = field(default_factory=dict)


@dataclass(eq=False)
class T:
    """A tensor; what is None follows from the others. Offsets count from 1."""

    storage: np.ndarray
    shape: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    offset: int = 1
    kind: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Raw:
    """Bytes of a value as they are."""

    data: bytes


class Writer:
    """Writes each object once, and then its number."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[int, int] = {}
        self._kept: list[object] = []  # so that no identity comes twice

    def write(self, it: object) -> "Writer":
        match it:
            case Raw():
                self.data += it.data
            case None:
                self._ints(0)
            case bool():
                self._ints(5, int(it))
            case int() | float():
                self._ints(1)
                self.data += struct.pack("<d", it)
            case str():
                self._ints(2)
                self._text(it)
            case list():
                self._table(it, dict(enumerate(it, 1)))
            case dict():
                self._table(it, it)
            case np.ndarray():
                self._tensor(T(it))
            case T():
                self._tensor(it)
            case Obj():
                if self._head(it, 4):
                    self._text("V 1")
                    self._text(it.kind)
                    self.write(it.fields)
            case _:
                raise TypeError(type(it))
        return self

    def _table(self, it: object, pairs: dict[object, object]) -> None:
        if self._head(it, 3):
            self._ints(len(pairs))
            for key, value in pairs.items():
                self.write(key)
                self.write(value)

    def _tensor(self, it: T) -> None:
        if not self._head(it, 4):
            return
        kind = KINDS[it.storage.dtype.name]
        shape = it.storage.shape if it.shape is None else it.shape
        strides = it.strides
        if strides is None:
            strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
        self._text("V 1")
        self._text(f"torch.{it.kind or kind}Tensor")
        self._ints(len(shape))
        self.data += struct.pack(f"<{2 * len(shape) + 1}q", *shape, *strides, it.offset)
        if not it.storage.size:
            self._ints(0)
        elif self._head(it.storage, 4):
            self._text("V 1")
            self._text(f"torch.{kind}Storage")
            self.data += struct.pack("<q", it.storage.size if it.count is None else it.count)
            self.data += it.storage.tobytes()

    def _head(self, it: object, kind: int) -> bool:
        """The type and the number; whether the object is written for the first time."""
        first = id(it) not in self._known
        number = self._known.setdefault(id(it), len(self._known) + 1)
        self._kept.append(it)
        self._ints(kind, number)
        return first

    def _ints(self, *numbers: int) -> None:
        self.data += struct.pack(f"<{len(numbers)}i", *numbers)

    def _text(self, text: str) -> None:
        raw = text.encode("latin-1")
        self._ints(len(raw))
        self.data += raw


def made(it: object) -> bytes:
    return bytes(Writer().write(it).data)
