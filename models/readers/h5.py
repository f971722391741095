"""Reads weights of Keras 2 from HDF5: weight files, and the weights in files of whole models.

Such a file lists its layers in the attribute `layer_names` and the tensors of each layer, in order,
in the attribute `weight_names` of the layer's group; long lists are split over `weight_names0`,
`weight_names1`, ... (keras/src/legacy/saving/legacy_h5_format.py of Keras 3.15). Nothing else of
the file is looked at: the network's own description is never evaluated, and the optimiser's state
is passed over. The library is asked only where things lie; their bytes are read here.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5o, h5t, h5z  # pyright: ignore[reportAttributeAccessIssue]

from models.readers.stored import LONGEST_NAME, MOST_TENSORS, Checks, lazily, plain, read_at
from models.readers.weights import Array, Stored, WeightFile, in_memory

WEIGHTS = "model_weights"  # the group in a file of a whole model
TOP = "top_level_model_weights"  # of variables that belong to no layer; mostly empty
PASSED_OVER = ("optimizer_weights",)
NOTES = ("keras_version", "backend")  # of the root: which Keras wrote it, on what
DEEPEST = 16  # groups within groups; a nested model of a nested model has 3

# What libhdf5 says of a broken file, as h5py has it.
BROKEN = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, AttributeError)

DTYPES = tuple(
    (getattr(h5t, f"{family}_{letter}{bits}{order}"), np.dtype(f"{sign}{kind}{bits // 8}"))
    for family, letter, kind, sizes in (
        ("IEEE", "F", "f", (16, 32, 64)),
        ("STD", "I", "i", (8, 16, 32, 64)),
        ("STD", "U", "u", (8, 16, 32, 64)),
    )
    for bits in sizes
    for order, sign in (("LE", "<"), ("BE", ">"))
)


def read(path: Path) -> WeightFile:
    """Read where every tensor lies; names are "layer/weight", without ":0", in the file's order.

    A weight's name that does not start with its layer's gets it in front, so that names are unique:
    "rpn_model/rpn_conv_shared/kernel".

    path    .h5, .hdf5 or any other name
    returns notes["layers"] are the names of the layers, those without weights too; notes
            "keras_version" and "backend" are there where the file has them
    raises  BadWeights naming the file, the tensor, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _Walk(file, path, checks).weights()
    except BROKEN as error:
        checks.fail("file", "a readable HDF5 file", str(error))


class _Walk:
    def __init__(self, file: h5py.File, path: Path, checks: Checks) -> None:
        self._file = file
        self._path = path
        self._checks = checks

    def weights(self) -> WeightFile:
        root = self._root()
        layers = self._names(root, "layer_names", "file")
        if layers is None:
            self._checks.fail("attribute layer_names", "a list of layers", _instead(root))
        self._once("layer", layers)
        listed = [*layers, TOP] if TOP in root and TOP not in layers else layers
        first = {name.partition("/")[0] for name in listed}
        if left := [name for name in root if name not in first]:
            self._checks.fail("groups", "those in layer_names", left[0])
        tensors: dict[str, Stored] = {}
        for layer in listed:
            for name, stored in self._layer(root, layer):
                if name in tensors:
                    self._checks.fail(f"tensor {name}", "once", "twice")
                tensors[name] = stored
        notes: dict[str, object] = {"layers": tuple(layers)}
        for key in NOTES:
            for holder in (root, self._file):
                if key not in notes and (text := self._names(holder, key, "file")):
                    notes[key] = text[0]
        return WeightFile(self._path.name, tensors, notes)

    def _root(self) -> h5py.Group:
        if WEIGHTS not in self._file:
            return self._file
        return self._group(self._file, WEIGHTS, WEIGHTS)

    def _layer(self, root: h5py.Group, layer: str) -> Iterator[tuple[str, Stored]]:
        group = self._group(root, layer, f"layer {layer}")
        weights = self._names(group, "weight_names", f"layer {layer}")
        if weights is None:
            self._checks.fail(f"layer {layer}: attribute weight_names", "a list", "none")
        self._once(f"layer {layer}: weight", weights)
        found = dict(self._datasets(group, f"layer {layer}", "", frozenset()))
        self._checks.count("tensors", len(found), MOST_TENSORS)
        if left := [name for name in found if name not in set(weights)]:
            self._checks.fail(f"layer {layer}", "the tensors in weight_names", left[0])
        for weight in weights:
            if weight not in found:
                self._checks.fail(f"layer {layer}: tensor {weight}", "one", "none")
            plain_name = weight.removesuffix(":0")
            name = plain_name if plain_name.startswith(f"{layer}/") else f"{layer}/{plain_name}"
            yield name, self._stored(found[weight], f"tensor {name}")

    def _datasets(
        self, group: h5py.Group, where: str, above: str, seen: frozenset[int]
    ) -> Iterator[tuple[str, h5py.Dataset]]:
        """All tensors in a group and in the groups in it, by path."""
        address = h5o.get_info(group.id).addr
        if address in seen or len(seen) >= DEEPEST:
            self._checks.fail(where, f"groups at most {DEEPEST} deep", "more, or one in itself")
        self._checks.count(f"{where}: members", len(group), MOST_TENSORS)
        for name in map(str, group):
            found = self._member(group, name, f"{where}: {above}{name}")
            if isinstance(found, h5py.Dataset):
                yield f"{above}{name}", found
            else:
                yield from self._datasets(found, where, f"{above}{name}/", seen | {address})

    def _member(self, group: h5py.Group, name: str, where: str) -> h5py.Group | h5py.Dataset:
        self._checks.count(f"{where[:LONGEST_NAME]}: letters", len(name), LONGEST_NAME)
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            self._checks.fail(where, "a part of this file", f"a {type(link).__name__}")
        found = group[name]
        if not isinstance(found, h5py.Group | h5py.Dataset):
            self._checks.fail(where, "a group or a tensor", type(found).__name__)
        return found

    def _group(self, above: h5py.Group, name: str, where: str) -> h5py.Group:
        """A group by its name, which may be a path: VGG-Face has a layer "fc6/relu"."""
        for part in name.split("/"):
            if part in {"", "."} or part not in above:
                self._checks.fail(where, "a group of that name", "none")
            found = self._member(above, part, where)
            if not isinstance(found, h5py.Group):
                self._checks.fail(where, "a group", "a tensor")
            above = found
        return above

    def _names(self, group: h5py.Group, name: str, where: str) -> list[str] | None:
        """A list of text in an attribute, or in name0, name1, ...; None if there is neither."""
        if name in group.attrs:
            return self._text(group, name, where)
        if f"{name}0" not in group.attrs:
            return None
        every: list[str] = []
        number = 0
        while f"{name}{number}" in group.attrs:
            every += self._text(group, f"{name}{number}", where)
            self._checks.count(f"{where}: attribute {name}", len(every), MOST_TENSORS)
            number += 1
        return every

    def _text(self, group: h5py.Group, name: str, where: str) -> list[str]:
        where = f"{where}: attribute {name}"
        attribute = group.attrs.get_id(name)
        shape: tuple[int, ...] | None = attribute.shape
        # An empty list is written as an empty array, of numbers too.
        if shape is None or prod(shape) == 0:
            return []
        self._checks.count(f"{where}: size", prod(shape), MOST_TENSORS)
        self._checks.count(f"{where}: bytes", attribute.get_storage_size(), self._checks.size)
        kind = attribute.get_type()
        if not isinstance(kind, h5t.TypeStringID):
            self._checks.fail(where, "text", attribute.dtype)
        value = np.atleast_1d(np.asarray(group.attrs[name]))
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in value.ravel().tolist()]
        self._checks.count(f"{where}: letters", max(map(len, texts)), LONGEST_NAME)
        return texts

    def _once(self, where: str, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self._checks.fail(f"{where} {name}", "once", "twice")
            seen.add(name)

    def _stored(self, dataset: h5py.Dataset, where: str) -> Stored:
        shape: tuple[int, ...] | None = dataset.shape
        if shape is None:
            self._checks.fail(where, "numbers", "none")
        dtype = self._dtype(dataset, where)
        made = dataset.id.get_create_plist()
        if made.get_external_count():
            self._checks.fail(where, "its numbers in this file", "in another file")
        layout = made.get_layout()
        if layout == h5d.CONTIGUOUS:
            if (offset := dataset.id.get_offset()) is None:
                self._checks.fail(where, "its numbers in this file", "none")
            return plain(self._path, where, self._checks, offset, shape, dtype)
        if layout == h5d.CHUNKED:
            return self._chunked(dataset, where, shape, dtype)
        if layout != h5d.COMPACT:
            self._checks.fail(where, "its numbers in this file", "in others (virtual)")
        self._checks.inside(where, 0, self._checks.tensor(where, shape, dtype))
        array = np.empty(shape, dtype)
        dataset.read_direct(array)
        return in_memory(lazily(shape, dtype, lambda: array).read())

    def _dtype(self, dataset: h5py.Dataset, where: str) -> np.dtype[np.generic]:
        kind = dataset.id.get_type()
        for theirs, ours in DTYPES:
            if kind.equal(theirs):
                return ours
        return self._checks.fail(
            f"{where}: dtype", "float16, float32, float64 or integers", dataset.dtype
        )

    def _chunked(
        self,
        dataset: h5py.Dataset,
        where: str,
        shape: tuple[int, ...],
        dtype: np.dtype[np.generic],
    ) -> Stored:
        """A tensor cut into chunks, each compressed or not, of which none may be missing."""
        self._checks.tensor(where, shape, dtype)
        chunk: tuple[int, ...] = dataset.chunks or ()
        steps = [range(0, n, step) for n, step in zip(shape, chunk, strict=True)]
        wanted = prod(len(s) for s in steps)
        self._checks.count(f"{where}: chunks", wanted, MOST_TENSORS)
        # The last chunk of an axis is stored whole.
        self._checks.tensor(f"{where}: chunk", chunk, dtype)
        undo = self._filters(dataset, where)
        if (got := dataset.id.get_num_chunks()) != wanted:
            self._checks.fail(f"{where}: chunks", str(wanted), got)
        chunks = {}
        for i in range(wanted):
            info = dataset.id.get_chunk_info(i)
            if any(at not in s for at, s in zip(info.chunk_offset, steps, strict=True)):
                self._checks.fail(f"{where}: chunk", f"at steps of {chunk}", info.chunk_offset)
            if info.filter_mask:
                self._checks.fail(f"{where}: chunk", "all filters used", info.filter_mask)
            self._checks.inside(f"{where}: chunk", info.byte_offset, info.size)
            chunks[info.chunk_offset] = (info.byte_offset, info.size)
        if len(chunks) != wanted:
            self._checks.fail(f"{where}: chunks", str(wanted), len(chunks))
        path, checks = self._path, self._checks

        def read() -> Array:
            whole = np.empty(shape, dtype)
            for start, (offset, size) in chunks.items():
                raw = read_at(path, where, offset, size).tobytes()
                for step in undo:
                    raw = step(raw, prod(chunk) * dtype.itemsize)
                if len(raw) != prod(chunk) * dtype.itemsize:
                    checks.fail(where, f"chunks of {prod(chunk)} {dtype}", f"{len(raw)} bytes")
                ends = [min(s + n, end) for s, n, end in zip(start, chunk, shape, strict=True)]
                part = tuple(slice(s, e) for s, e in zip(start, ends, strict=True))
                kept = tuple(slice(e - s) for s, e in zip(start, ends, strict=True))
                whole[part] = np.frombuffer(raw, dtype).reshape(chunk)[kept]
            return whole

        return lazily(shape, dtype, read)

    def _filters(self, dataset: h5py.Dataset, where: str) -> list[Callable[[bytes, int], bytes]]:
        """What undoes the filters of a chunk, last first: bytes and their most in, bytes out."""
        made = dataset.id.get_create_plist()
        codes = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
        width = dataset.id.get_type().get_size()
        undo: Mapping[int, Callable[[bytes, int], bytes]] = {
            h5z.FILTER_DEFLATE: lambda raw, most: _inflate(raw, most, self._checks, where),
            h5z.FILTER_SHUFFLE: lambda raw, _: _unshuffle(raw, width),
        }
        for code in codes:
            if code not in undo:
                self._checks.fail(f"{where}: filter", "deflate or shuffle", f"number {code}")
        return [undo[code] for code in reversed(codes)]


def _inflate(raw: bytes, most: int, checks: Checks, where: str) -> bytes:
    try:
        # One byte more, so that too many are seen and not cut off.
        return zlib.decompressobj().decompress(raw, most + 1)
    except zlib.error as error:
        checks.fail(where, "chunks that can be decompressed", str(error))


def _unshuffle(raw: bytes, width: int) -> bytes:
    """All first bytes, all second bytes, ... to number after number."""
    whole = len(raw) // width * width
    return np.frombuffer(raw[:whole], np.uint8).reshape(width, -1).T.tobytes() + raw[whole:]


def _instead(root: h5py.Group) -> str:
    if "layers" in root or "_layer_checkpoint_dependencies" in root:
        return "none: this is a .weights.h5 file of Keras 3"
    return "none"
