"""What PyTorch's pickles describe: tensors, and the storages that they are views of."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from models.readers.stored import Checks

DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
LONGEST_SHAPE = 64  # of PyTorch's own tensors
DICT = "collections OrderedDict"
SIZE = "torch Size"
PARAMETER = "torch._utils _rebuild_parameter"
TENSORS = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor")
STORAGES = {
    f"{module} {name}": np.dtype(code)
    for name, code in DTYPES.items()
    for module in ("torch", "torch.cuda")
}
KNOWN = {DICT, SIZE, PARAMETER, *TENSORS, *STORAGES}


@dataclass(frozen=True, slots=True)
class Name:
    """A function or class that the pickle names."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers that tensors share.

    key    under which the file has them
    dtype  of one
    count  how many there are
    """

    key: str
    dtype: np.dtype[np.generic]
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; offset and strides are in numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Maker:
    """Makes tensors and storages out of what a pickle says of them.

    Errors say of values which type they are and never what they are: a tuple of a tuple twice, of
    another twice, ... takes for ever to print.

    checks, where  name the file and the pickle in errors
    """

    def __init__(self, checks: Checks, where: str) -> None:
        self._checks = checks
        self._where = where

    def tensor(self, arguments: tuple[object, ...]) -> Tensor:
        """What is handed to `_rebuild_tensor`: storage, offset, shape, strides, and more."""
        storage, offset, shape, strides = arguments[:4] if len(arguments) >= 4 else [None] * 4
        if not isinstance(storage, Storage) or not isinstance(offset, int):
            self._fail("a tensor of a storage, an offset, a shape and strides", "others")
        return Tensor(storage, offset, self._numbers(shape), self._numbers(strides))

    def _numbers(self, value: object) -> tuple[int, ...]:
        if not isinstance(value, tuple):
            self._fail("a tuple of numbers", type(value).__name__)
        if len(value) > LONGEST_SHAPE:
            self._fail(f"at most {LONGEST_SHAPE} numbers", len(value))
        numbers = tuple(n for n in value if isinstance(n, int) and n >= 0)
        if len(numbers) != len(value):
            self._fail("whole numbers from 0", "others")
        return numbers

    def storage(self, value: object) -> Storage:
        """("storage", its class, key, device, count[, None])."""
        parts = value if isinstance(value, tuple) else ()
        if len(parts) == 6 and parts[5] is None:
            parts = parts[:5]
        if len(parts) != 5 or parts[0] != "storage":
            self._fail("a storage of 5 parts", f"a {type(value).__name__} of {len(parts)}")
        _, kind, key, _, count = parts
        if not isinstance(kind, Name) or kind.name not in STORAGES:
            self._fail("a storage of a known class", type(kind).__name__)
        if not isinstance(key, str | int) or not isinstance(count, int) or count < 0:
            self._fail("a storage with a key and a count", "others")
        return Storage(str(key), STORAGES[kind.name], count)

    def _fail(self, wanted: str, got: object) -> NoReturn:
        self._checks.fail(self._where, wanted, got)
