"""Reads weights of TensorFlow.js: a manifest in JSON and the shards of plain bytes beside it.

The manifest is a list of groups; the tensors of a group lie one after the other in its shards, as
if these were one file. Quantised numbers become q * scale + min
(tfjs-core/src/io/io_utils.ts, `decodeWeights`).
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.readers.stored import LONGEST_NAME, MOST_TENSORS, Checks, lazily, read_at
from models.readers.weights import Array, Stored, WeightFile

LARGEST_MANIFEST = 16 << 20  # bytes; a tensor takes some 150
LONGEST_FILE_NAME = 255  # bytes, of most file systems
DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "?"}
QUANTISED = {"uint8": "u1", "uint16": "<u2", "float16": "<f2"}


@dataclass(frozen=True, slots=True)
class _Shard:
    """A file of the group, and where its first byte stands in the group."""

    path: Path
    start: int
    size: int


def read(path: Path) -> WeightFile:
    """Read where the tensors lie; names as in the manifest, in its order.

    path    of the manifest, or of a `model.json`, which has it under "weightsManifest"
    raises  BadWeights naming the file, the tensor, what was wanted and what was got
    """
    manifest = Checks(path.name, path.stat().st_size)
    groups = _manifest(path, manifest)
    held = [_shards(group, path, manifest) for group in groups]
    paths = [shard.path for group in held for shard in group]
    if len(set(paths)) != len(paths):
        manifest.fail("paths", "each shard once", "one twice")
    checks = Checks(path.name, sum(shard.size for group in held for shard in group))
    tensors: dict[str, Stored] = {}
    for group, files in zip(groups, held, strict=True):
        at = 0
        for entry in _list(group, "weights", "group", checks):
            weight = _Weight(entry, checks)
            if weight.name in tensors:
                checks.fail(f"tensor {weight.name}", "once", "twice")
            tensors[weight.name], at = weight.stored(files, at)
            checks.count("tensors", len(tensors), MOST_TENSORS)
        size = sum(shard.size for shard in files)
        if at != size:
            names = ", ".join(shard.path.name for shard in files)
            checks.fail(f"shards {names}", f"{at} bytes for all tensors", size)
    if not tensors:
        checks.fail("manifest", "tensors", "none")
    return WeightFile(path.name, tensors)


def shards(path: Path) -> tuple[Path, ...]:
    """The files that a manifest names: with it they are the whole of the weights.

    raises  BadWeights if it is no manifest, or one of them is not there
    """
    manifest = Checks(path.name, path.stat().st_size)
    groups = _manifest(path, manifest)
    return tuple(shard.path for group in groups for shard in _shards(group, path, manifest))


def _manifest(path: Path, checks: Checks) -> list[dict[str, object]]:
    checks.count("bytes", checks.size, LARGEST_MANIFEST)
    return _groups(_json(path, checks), checks)


def _json(path: Path, checks: Checks) -> object:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key twice in an object")
        return found

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} for a number")

    try:
        text = path.read_bytes().decode()
        return json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        return checks.fail("manifest", "JSON", str(error))


def _groups(root: object, checks: Checks) -> list[dict[str, object]]:
    if isinstance(root, dict):
        root = _list(root, "weightsManifest", "model.json", checks)
    if not isinstance(root, list):
        checks.fail("manifest", "a list of groups", type(root).__name__)
    groups = [group for group in root if isinstance(group, dict)]
    if len(groups) != len(root):
        checks.fail("manifest", "groups that are objects", "others")
    return groups


def _list(holder: dict[str, object], key: str, where: str, checks: Checks) -> list[object]:
    found = holder.get(key)
    if not isinstance(found, list):
        checks.fail(where, f"a list {key}", type(found).__name__)
    return found


def _shards(group: dict[str, object], manifest: Path, checks: Checks) -> list[_Shard]:
    shards: list[_Shard] = []
    start = 0
    for name in _list(group, "paths", "group", checks):
        if not isinstance(name, str) or not _is_plain(name):
            checks.fail("paths", "names of files beside the manifest", _shown(name))
        path = manifest.with_name(name)
        if not path.is_file():
            checks.fail(f"shard {name}", "a file beside the manifest", "none")
        shards.append(_Shard(path, start, path.stat().st_size))
        start += shards[-1].size
        checks.count("shards", len(shards), MOST_TENSORS)
    return shards


def _is_plain(name: str) -> bool:
    """Whether it is the name of a file, no path, and short enough to ask for."""
    return (
        name not in {"", ".."}
        and name.isprintable()
        and Path(name).name == name
        and len(name.encode()) <= LONGEST_FILE_NAME
    )


class _Weight:
    """One entry of the manifest: {name, shape, dtype, quantization: {dtype, scale, min}}."""

    def __init__(self, entry: object, checks: Checks) -> None:
        self._checks = checks
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            checks.fail("weights", "objects with a name", type(entry).__name__)
        self.name: str = entry["name"]
        self._where = f"tensor {self.name}"
        checks.count(f"{self._where[:LONGEST_NAME]}: letters", len(self.name), LONGEST_NAME)
        shape = _list(entry, "shape", self._where, checks)
        self._shape = tuple(n for n in shape if isinstance(n, int) and not isinstance(n, bool))
        if len(self._shape) != len(shape):
            checks.fail(f"{self._where}: shape", "whole numbers", "others")
        self._dtype = self._one_of(entry, DTYPES)
        self._scale, self._least = 1.0, 0.0
        self._quantised = entry.get("quantization")
        self._kept = self._dtype
        if self._quantised is not None:
            self._read_quantisation(self._quantised)

    def _read_quantisation(self, entry: object) -> None:
        if not isinstance(entry, dict):
            self._checks.fail(f"{self._where}: quantization", "an object", type(entry).__name__)
        self._kept = self._one_of(entry, QUANTISED)
        if self._dtype.kind not in "fi":
            self._checks.fail(f"{self._where}: dtype", "float32 or int32", self._dtype)
        if self._kept.kind == "f":
            return
        self._scale = self._number(entry, "scale")
        self._least = self._number(entry, "min")

    def _one_of(self, entry: dict[str, object], known: dict[str, str]) -> np.dtype[np.generic]:
        name = entry.get("dtype")
        if not isinstance(name, str) or name not in known:
            self._checks.fail(f"{self._where}: dtype", f"one of {list(known)}", _shown(name))
        return np.dtype(known[name])

    def _number(self, entry: dict[str, object], key: str) -> float:
        value = entry.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._checks.fail(f"{self._where}: {key}", "a number", type(value).__name__)
        # Beyond this the product would not be a float32; it takes infinity out as well.
        if not abs(value) < 1e30 or (key == "scale" and value <= 0):
            self._checks.fail(f"{self._where}: {key}", "a number that fits", f"{value!s:.30}")
        return float(value)

    def stored(self, shards: list[_Shard], at: int) -> tuple[Stored, int]:
        """The tensor at byte `at` of its group, and where the next one begins."""
        self._checks.tensor(self._where, self._shape, self._dtype)
        length = math.prod(self._shape) * self._kept.itemsize
        end = at + length
        size = sum(shard.size for shard in shards)
        if end > size:
            self._checks.fail(self._where, f"bytes {at} to {end} in its shards", f"{size} bytes")
        pieces = [
            (shard, max(at, shard.start), min(end, shard.start + shard.size)) for shard in shards
        ]
        where, dtype, kept, shape = self._where, self._dtype, self._kept, self._shape
        quantised = self._quantised is not None
        scale, least = self._scale, self._least

        def read() -> Array:
            raw = [
                read_at(shard.path, where, first - shard.start, last - first)
                for shard, first, last in pieces
                if first < last
            ]
            bytes_ = raw[0] if len(raw) == 1 else np.concatenate(raw)
            numbers = bytes_.view(kept).reshape(shape)
            return _restored(numbers, scale, least, dtype) if quantised else numbers

        return lazily(shape, dtype, read), end


def _restored(numbers: Array, scale: float, least: float, dtype: np.dtype[np.generic]) -> Array:
    """The product in double, as JavaScript has it; whole numbers are rounded."""
    if numbers.dtype.kind == "f":
        return numbers.astype(dtype)
    values = numbers.astype(np.float64) * scale + least
    return (np.rint(values) if dtype.kind == "i" else values).astype(dtype)


def _shown(value: object) -> str:
    """Text as it is; of anything else, which may be deep, its type."""
    return value if isinstance(value, str) else type(value).__name__
