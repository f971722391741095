"""Makes PyTorch files of both containers without PyTorch, right ones and wrong ones.

The pickles are put together step by step (`pickletools` lists them), as PyTorch 2.14 writes them;
what is made here has been read with its `torch.load(weights_only=True)`.
"""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

KINDS = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
START, MARK, STOP = b"\x80\x02", b"(", b"."
MAGIC = b"\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little")


@dataclass
class T:
    """A tensor that is a view of a storage; what is None follows from the others."""

    storage: np.ndarray
    shape: Sequence[int] | None = None
    strides: Sequence[int] | None = None
    offset: int = 0
    count: int | None = None
    key: str | None = None


@dataclass
class Raw:
    """Steps of a pickle that leave one value."""

    steps: bytes


def value(it: object, keys: dict[int, str]) -> bytes:
    """The steps that put a value on the stack; `keys` are those of the storages by identity."""
    match it:
        case tuple():
            return MARK + b"".join(value(one, keys) for one in it) + b"t"
        case list():
            return b"]" + MARK + b"".join(value(one, keys) for one in it) + b"e"
        case dict():
            pairs = b"".join(value(k, keys) + value(v, keys) for k, v in it.items())
            return name("collections", "OrderedDict") + b")R" + MARK + pairs + b"u"
        case np.ndarray() | T():
            return tensor(it if isinstance(it, T) else T(it), keys)
    return it.steps if isinstance(it, Raw) else constant(it)


def constant(it: object) -> bytes:
    match it:
        case bool() | None:
            return {True: b"\x88", False: b"\x89", None: b"N"}[it]
        case int():
            return b"J" + struct.pack("<i", it) if abs(it) < 2**31 else long(it)
        case float():
            return b"G" + struct.pack(">d", it)
        case str():
            raw = it.encode()
            return b"X" + struct.pack("<I", len(raw)) + raw
    raise TypeError(type(it))


def long(number: int) -> bytes:
    raw = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def name(module: str, member: str) -> bytes:
    return f"c{module}\n{member}\n".encode()


def tensor(it: T, keys: dict[int, str]) -> bytes:
    storage = it.storage
    key = it.key or keys.setdefault(id(storage), str(len(keys)))
    shape = tuple(storage.shape if it.shape is None else it.shape)
    strides = it.strides
    if strides is None:
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    count = storage.size if it.count is None else it.count
    parts = [value(one, keys) for one in ("storage", key, "cpu", count)]
    parts.insert(1, name("torch", KINDS[storage.dtype.name]))
    held = MARK + b"".join(parts) + b"tQ"
    rest = (it.offset, shape, tuple(strides), False, {})
    inside = held + b"".join(value(one, keys) for one in rest)
    return name("torch._utils", "_rebuild_tensor_v2") + MARK + inside + b"tR"


def storages(it: object) -> list[np.ndarray]:
    """The storages of a value, each once, in the order in which `value` numbers them."""
    found: dict[int, np.ndarray] = {}

    def walk(one: object) -> None:
        match one:
            case dict():
                for below in one.values():
                    walk(below)
            case list() | tuple():
                for below in one:
                    walk(below)
            case np.ndarray():
                found.setdefault(id(one), one)
            case T() if one.key is None:
                found.setdefault(id(one.storage), one.storage)

    walk(it)
    return list(found.values())


def members(root: object) -> dict[str, bytes]:
    """The members of a zip container."""
    kept = {f"data/{i}": array.tobytes() for i, array in enumerate(storages(root))}
    pickle = START + value(root, {}) + STOP
    return {"data.pkl": pickle, "byteorder": b"little", **kept, "version": b"3\n"}


def zipped(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for member, data in parts.items():
            file.writestr(f"archive/{member}", data)
    return made.getvalue()


def new(root: object) -> bytes:
    """A file in the container of PyTorch 1.6 and later."""
    return zipped(members(root))


def legacy(root: object, *, little: bool = True, version: int = 1001) -> bytes:
    """A file in the container of before."""
    keys: dict[int, str] = {}
    held = storages(root)
    # A storage has one more part there: the view that it is, of which there are no more.
    main = value(root, keys).replace(b"tQ", b"NtQ")
    heads = [MAGIC, value(version, {}), value({"little_endian": little}, {}), main]
    heads.append(value([str(i) for i in range(len(held))], {}))
    pickles = b"".join(START + steps + STOP for steps in heads)
    return pickles + b"".join(struct.pack("<q", a.size) + a.tobytes() for a in held)
