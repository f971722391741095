"""Reads a state dict from a PyTorch file, without PyTorch and without running its pickles.

Two containers: since 1.6 a zip archive, whose members are not compressed (`data.pkl` and a member
for each storage); before that, pickles one after the other and then the storages, each with its
count in front (torch/serialization.py of 2.14, `_legacy_load`).
"""

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.readers.archive import Member, members
from models.readers.pickled import LONGEST_PICKLE, unpickle
from models.readers.stored import MOST_TENSORS, Checks, Numbers, View, strided
from models.readers.torch_values import Storage, Tensor
from models.readers.weights import Stored, WeightFile

MAGIC = 0x1950A86A20F9469CFC6C  # and the version of the container, of torch/serialization.py
VERSION = 1001
WRAPPERS = ("model", "state_dict")  # under which a training script keeps the state dict
PARALLEL = "module."  # in front of every name when it was trained on several devices


def read(path: Path) -> WeightFile:
    """Read the tensors of a state dict, by its keys, without a leading "module." of all.

    path     .pt or .pth: a state dict, or a dict that has one under "model" or "state_dict"
    returns  notes has the numbers and text beside the state dict, such as "epoch", and in
             "passed_over" the names of whatever else is beside it, such as an optimiser's state
    raises   BadWeights naming the file, the tensor, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        found = _zip(file, checks) if start == b"PK\3\4" else _legacy(file, checks)
    state, notes = _state(found.root, checks)
    names = [str(name) for name in state]
    strip = len(PARALLEL) if all(name.startswith(PARALLEL) for name in names) else 0
    tensors: dict[str, Stored] = {}
    for name, value in zip(names, state.values(), strict=True):
        if not isinstance(value, Tensor):
            checks.fail(f"tensor {name}", "a tensor", type(value).__name__)
        if name[strip:] in tensors:
            checks.fail(f"tensor {name[strip:]}", "once", "twice")
        tensors[name[strip:]] = _stored(path, f"tensor {name}", checks, value, found.storages)
    return WeightFile(path.name, tensors, notes)


@dataclass(frozen=True, slots=True)
class _File:
    """What the pickle says, and where the bytes of each storage are: offset and length."""

    root: object
    storages: Mapping[str, tuple[int, int]]


def _zip(file: BinaryIO, checks: Checks) -> _File:
    found = members(file, checks)
    roots = [name.removesuffix("data.pkl") for name in found if name.endswith("/data.pkl")]
    if len(roots) != 1:
        checks.fail("archive", "one data.pkl", len(roots))
    root = roots[0]
    if f"{root}constants.pkl" in found:
        checks.fail("archive", "a state dict", "a TorchScript program")
    order = found.get(f"{root}byteorder")
    if order and (got := _bytes(file, order, checks, "byteorder")) != b"little":
        checks.fail("byteorder", "little", got)
    pickle = _bytes(file, found[f"{root}data.pkl"], checks, "data.pkl")
    storages = {}
    for name, member in found.items():
        if name.startswith(f"{root}data/"):
            _check_sum(file, member, checks, name)
            storages[name.removeprefix(f"{root}data/")] = (member.offset, member.size)
    return _File(unpickle(io.BytesIO(pickle), checks, "data.pkl"), storages)


def _bytes(file: BinaryIO, member: Member, checks: Checks, where: str) -> bytes:
    checks.count(f"{where}: bytes", member.size, LONGEST_PICKLE)
    _check_sum(file, member, checks, where)
    file.seek(member.offset)
    return file.read(member.size)


def _check_sum(file: BinaryIO, member: Member, checks: Checks, where: str) -> None:
    """The archive's own sum over a member; read in parts, so that it takes no memory."""
    if member.compressed:
        checks.fail(where, "a member that is not compressed", "a compressed one")
    file.seek(member.offset)
    left, got = member.size, 0
    while left and (part := file.read(min(left, 1 << 20))):
        got = zlib.crc32(part, got)
        left -= len(part)
    if got != member.crc:
        checks.fail(where, f"bytes with the sum {member.crc:08x}", f"{got:08x}")


def _legacy(file: BinaryIO, checks: Checks) -> _File:
    if (got := unpickle(file, checks, "magic number")) != MAGIC:
        checks.fail("magic number", hex(MAGIC), _short(got))
    if (got := unpickle(file, checks, "version")) != VERSION:
        checks.fail("version", str(VERSION), _short(got))
    system = unpickle(file, checks, "system")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        checks.fail("system", "little-endian numbers", _short(system))
    root = unpickle(file, checks, "state dict")
    keys = unpickle(file, checks, "storages")
    if not isinstance(keys, list):
        checks.fail("storages", "a list of keys", _short(keys))
    checks.count("storages", len(keys), MOST_TENSORS)
    return _File(root, _after(file, keys, _storages(root), checks))


def _after(
    file: BinaryIO, keys: list[object], known: Mapping[str, Storage], checks: Checks
) -> dict[str, tuple[int, int]]:
    """Where the storages lie that follow the pickles, each behind its count of 8 bytes."""
    found: dict[str, tuple[int, int]] = {}
    at = file.tell()
    for key in map(_short, keys):
        where = f"storage {key}"
        if key not in known:
            checks.fail(where, "one that a tensor of the state dict uses", "another")
        if key in found:
            checks.fail(where, "once", "twice")
        checks.inside(where, at, 8)
        file.seek(at)
        (count,) = struct.unpack("<q", file.read(8))
        if count != known[key].count:
            checks.fail(where, f"{known[key].count} numbers", count)
        length = count * known[key].dtype.itemsize
        checks.inside(where, at + 8, length)
        found[key] = (at + 8, length)
        at += 8 + length
    if at != checks.size:
        checks.fail("end", f"the file to end at {at}", f"{checks.size} bytes")
    return found


def _storages(root: object) -> dict[str, Storage]:
    """The storages of all tensors, also of those in an optimiser's state, by key."""
    found: dict[str, Storage] = {}
    seen: set[int] = set()
    left = [root]
    while left:
        value = left.pop()
        if isinstance(value, Tensor):
            found[value.storage.key] = value.storage
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            left += value.values() if isinstance(value, dict) else value
    return found


def _state(root: object, checks: Checks) -> tuple[dict[object, object], dict[str, object]]:
    """The state dict, and what stands beside it."""
    if not isinstance(root, dict):
        checks.fail("file", "a dict of tensors", _short(root))
    wrappers = [name for name in WRAPPERS if isinstance(root.get(name), dict)]
    if len(wrappers) > 1:
        checks.fail("file", f"one of {WRAPPERS}", "both")
    beside = {k: v for k, v in root.items() if k not in wrappers}
    state = root[wrappers[0]] if wrappers else {}
    if not wrappers:
        plain = int | float | str | None
        state = {k: v for k, v in root.items() if not isinstance(v, plain)}
        beside = {k: v for k, v in root.items() if isinstance(v, plain)}
    if not state:
        checks.fail("file", "a dict of tensors", "one without any")
    checks.count("tensors", len(state), MOST_TENSORS)
    notes: dict[str, object] = {
        str(k): v for k, v in beside.items() if isinstance(v, int | float | str | None)
    }
    notes["passed_over"] = tuple(str(k) for k in beside if str(k) not in notes)
    return state, notes


def _stored(
    path: Path,
    where: str,
    checks: Checks,
    tensor: Tensor,
    storages: Mapping[str, tuple[int, int]],
) -> Stored:
    storage = tensor.storage
    if storage.key not in storages:
        checks.fail(where, f"a storage {storage.key}", "none")
    start, length = storages[storage.key]
    if length != storage.count * storage.dtype.itemsize:
        checks.fail(where, f"{storage.count} {storage.dtype}", f"{length} bytes")
    numbers = Numbers(start, storage.count, storage.dtype)
    return strided(path, where, checks, numbers, View(tensor.offset, tensor.shape, tensor.strides))


def _short(value: object) -> str:
    return str(value) if isinstance(value, int | str) else type(value).__name__
