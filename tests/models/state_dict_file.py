"""Writes a PyTorch file of a state dict as `train.py` of the surgical networks saves it.

The container of PyTorch 1.6 and later, without PyTorch: the pickle is written by hand, opcode by
opcode (pickletools.opcodes of Python has them all).
"""

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

STORAGES = {"float32": "FloatStorage", "int64": "LongStorage"}


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """{"model": the tensors behind "module.", "epoch": 20}."""
    items = b"".join(
        _text(f"module.{name}") + _tensor(number, array)
        for number, (name, array) in enumerate(tensors.items())
    )
    pickle = (
        b"\x80\x02}(" + _text("model") + b"}(" + items + b"u" + _text("epoch") + _int(20) + b"u."
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        file.writestr("model/data.pkl", pickle)
        file.writestr("model/byteorder", "little")
        for number, array in enumerate(tensors.values()):
            file.writestr(f"model/data/{number}", np.ascontiguousarray(array).tobytes())
        file.writestr("model/version", "3\n")


def _tensor(number: int, array: np.ndarray) -> bytes:
    """_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())."""
    storage = (
        b"("
        + _text("storage")
        + _name("torch", STORAGES[array.dtype.name])
        + _text(str(number))
        + _text("cpu")
        + _int(array.size)
        + b"tQ"
    )
    strides = [stride // array.itemsize for stride in np.ascontiguousarray(array).strides]
    return (
        _name("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + storage
        + _int(0)
        + _tuple(array.shape)
        + _tuple(strides[: array.ndim])
        + b"\x89"
        + _name("collections", "OrderedDict")
        + b")RtR"
    )


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tuple(values: "tuple[int, ...] | list[int]") -> bytes:
    return b"(" + b"".join(_int(value) for value in values) + b"t"


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()
