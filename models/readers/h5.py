"""Reads weights of Keras 2 from HDF5: weight files, and the weights in files of whole models.

Such a file lists its layers in the attribute `layer_names` and the tensors of each layer, in order,
in the attribute `weight_names` of the layer's group; long lists are split over `weight_names0`,
`weight_names1`, ... (keras/src/legacy/saving/legacy_h5_format.py of Keras 3.15). Nothing else of
the file is looked at: the network's own description is never evaluated, and the optimiser's state
is passed over.
"""

from collections.abc import Container, Iterator
from pathlib import Path

from models.readers.hdf5 import Object, object_at, root_of
from models.readers.hdf5_numbers import stored
from models.readers.hdf5_source import Source
from models.readers.stored import LONGEST_NAME, MOST_TENSORS, Checks
from models.readers.weights import Stored, WeightFile

WEIGHTS = "model_weights"  # the group in a file of a whole model
TOP = "top_level_model_weights"  # of variables that belong to no layer; mostly empty
NOTES = ("keras_version", "backend")  # of the root: which Keras wrote it, on what
DEEPEST = 16  # groups within groups; a nested model of a nested model has 3


def read(path: Path) -> WeightFile:
    """Read where every tensor lies; names are "layer/weight", without ":0", in the file's order.

    A weight's name that does not start with its layer's gets it in front, so that names are unique:
    "rpn_model/rpn_conv_shared/kernel".

    path     .h5, .hdf5 or any other name
    returns  notes["layers"] are the names of the layers, those without weights too; notes
             "keras_version" and "backend" are there where the file has them
    raises   BadWeights naming the file, the tensor, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    with path.open("rb") as file:
        return _Walk(path, Source(file, checks)).weights()


class _Walk:
    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        self._checks = source.checks

    def weights(self) -> WeightFile:
        file = root_of(self._source)
        root = self._group(file, WEIGHTS, WEIGHTS) if WEIGHTS in file.members else file
        layers = _texts(root, "layer_names", self._checks)
        if layers is None:
            self._checks.fail("attribute layer_names", "a list of layers", _instead(root))
        self._once("layer", layers)
        listed = dict.fromkeys([*layers, TOP] if TOP in root.members else layers)
        # A layer's name may be a path.
        first = {name.partition("/")[0] for name in listed}
        if left := [name for name in root.members if name not in first]:
            self._checks.fail("groups", "those in layer_names", left[0])
        tensors: dict[str, Stored] = {}
        for layer in listed:
            for name, tensor in self._layer(root, layer, listed):
                if name in tensors:
                    self._checks.fail(f"tensor {name}", "once", "twice")
                tensors[name] = tensor
                self._checks.count("tensors", len(tensors), MOST_TENSORS)
        notes: dict[str, object] = {"layers": tuple(layers)}
        for holder in (file, root):
            notes |= {key: _note(holder, key) for key in NOTES if key in holder.attributes}
        return WeightFile(self._path.name, tensors, notes)

    def _layer(
        self, root: Object, layer: str, listed: Container[str]
    ) -> Iterator[tuple[str, Stored]]:
        where = f"layer {layer}"
        group = self._group(root, layer, where)
        weights = _texts(group, "weight_names", self._checks)
        if weights is None:
            self._checks.fail(f"{where}: attribute weight_names", "a list", "none")
        self._once(f"{where}: weight", weights)
        found: dict[str, Object] = {}
        for path, below in self._below(group, "", frozenset()):
            if not below.is_group:
                found[path] = below
            elif f"{layer}/{path}" not in listed:
                self._checks.fail(f"{where}: group {path}", "one in layer_names", "another")
        if left := [name for name in found if name not in set(weights)]:
            self._checks.fail(where, "the tensors in weight_names", left[0])
        for weight in weights:
            if weight not in found:
                self._checks.fail(f"{where}: tensor {weight}", "one", "none")
            short = weight.removesuffix(":0")
            name = short if short.startswith(f"{layer}/") else f"{layer}/{short}"
            yield name, stored(self._path, found[weight], f"tensor {name}")

    def _below(
        self, group: Object, above: str, seen: frozenset[int]
    ) -> Iterator[tuple[str, Object]]:
        """Tensors in a group and in the groups in it, by path, and groups that are layers."""
        if group.address in seen or len(seen) >= DEEPEST:
            self._checks.fail(group.where, f"groups at most {DEEPEST} deep", "one in itself")
        for name, address in group.members.items():
            path = f"{above}{name}"
            self._checks.count(f"{group.where}: letters of a name", len(path), LONGEST_NAME)
            found = object_at(self._source, f"{group.where}/{name}"[-LONGEST_NAME:], address)
            if not found.is_group or _texts(found, "weight_names", self._checks) is not None:
                yield path, found
            else:
                yield from self._below(found, f"{path}/", seen | {group.address})

    def _group(self, above: Object, name: str, where: str) -> Object:
        """A group by its name, which may be a path: VGG-Face has a layer "fc6/relu"."""
        self._checks.count(f"{where[:LONGEST_NAME]}: letters", len(name), LONGEST_NAME)
        for part in name.split("/"):
            if part not in above.members:
                self._checks.fail(where, "a group of that name", "none")
            above = object_at(self._source, where, above.members[part])
            if not above.is_group:
                self._checks.fail(where, "a group", "a tensor")
        return above

    def _once(self, where: str, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self._checks.fail(f"{where} {name}", "once", "twice")
            seen.add(name)


def _texts(group: Object, name: str, checks: Checks) -> list[str] | None:
    """A list of text in an attribute, or in name0, name1, ...; None if there is neither."""
    if name in group.attributes:
        return group.texts(name)
    if f"{name}0" not in group.attributes:
        return None
    every: list[str] = []
    number = 0
    while f"{name}{number}" in group.attributes:
        every += group.texts(f"{name}{number}")
        checks.count(f"{group.where}: attribute {name}", len(every), MOST_TENSORS)
        number += 1
    return every


def _note(group: Object, name: str) -> str:
    return " ".join(group.texts(name))


def _instead(root: Object) -> str:
    if "layers" in root.members or "_layer_checkpoint_dependencies" in root.members:
        return "none: this is a .weights.h5 file of Keras 3"
    return "none"
