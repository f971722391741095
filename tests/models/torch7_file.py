"""Writes Torch7 files, as a 64-bit machine does (torch7/File.lua): objects, tables, tensors."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

NUMBER, STRING, TABLE, TORCH, BOOLEAN = 1, 2, 3, 4, 5
CLASSES = {"float32": "Float", "float64": "Double", "int64": "Long"}


@dataclass
class Module:
    """An object such as nn.SpatialConvolution; those inside it count from 1."""

    kind: str
    fields: Mapping[str, object] = field(default_factory=dict)
    inside: list["Module"] = field(default_factory=list)


def write(path: Path, module: Module) -> Path:
    """Write a module and all that are inside it."""
    with path.open("wb") as file:
        for part in _Writer().value(module):
            file.write(part)
    return path


class _Writer:
    def __init__(self) -> None:
        self._index = 0

    def value(self, value: object) -> list[bytes]:
        match value:
            case bool():
                return [_ints(BOOLEAN, int(value))]
            case int() | float():
                return [_ints(NUMBER), struct.pack("<d", value)]
            case str():
                return [_ints(STRING), _text(value)]
            case np.ndarray():
                return self._tensor(value)
            case Module():
                inside = dict(enumerate(value.inside, 1))
                held = {**value.fields, **({"modules": inside} if inside else {})}
                return [self._head(TORCH), _text("V 1"), _text(value.kind), *self.value(held)]
            case dict():
                parts = [self._head(TABLE), _ints(len(value))]
                for key, one in value.items():
                    parts += [*self.value(key), *self.value(one)]
                return parts
        raise TypeError(type(value))

    def _tensor(self, array: np.ndarray) -> list[bytes]:
        name, array = CLASSES[array.dtype.name], np.ascontiguousarray(array)
        strides = [step // array.itemsize for step in array.strides]
        sizes = struct.pack(f"<{2 * array.ndim + 1}q", *array.shape, *strides, 1)
        return [
            self._head(TORCH),
            _text("V 1"),
            _text(f"torch.{name}Tensor"),
            _ints(array.ndim),
            sizes,
            self._head(TORCH),
            _text("V 1"),
            _text(f"torch.{name}Storage"),
            struct.pack("<q", array.size),
            array.tobytes(),
        ]

    def _head(self, kind: int) -> bytes:
        self._index += 1
        return _ints(kind, self._index)


def _ints(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


def _text(text: str) -> bytes:
    return _ints(len(text)) + text.encode("latin-1")
