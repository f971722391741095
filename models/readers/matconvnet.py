"""Reads networks of MatConvNet: .mat files whose `layers` hold filters and biases by name."""

from collections.abc import Iterator
from pathlib import Path

from models.readers.matlab import Cell, Struct, variables
from models.readers.stored import MOST_TENSORS, Checks
from models.readers.weights import Stored, WeightFile

# What the arrays in a layer's `weights` are; the third is of batch norms
# (matconvnet/matlab/vl_simplenn_tidy.m). Older files have fields of these names instead.
PARTS = ("filters", "biases", "moments")


def read(path: Path) -> WeightFile:
    """Read where the tensors lie: "conv1_1/filters" (h, w, in, out), "conv1_1/biases", in order.

    Shapes are those of MATLAB, which drops axes of 1 at the end and has no fewer than two: biases
    are (n, 1) or (1, n).

    path     .mat of level 5, compressed or not; `layers` or `net.layers`
    returns  notes["layers"] are the names of all layers; notes["classes"] those of the classes and
             notes["average"] the average image, float32, where the file has them
    raises   BadWeights naming the file, the tensor, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    top = variables(path, checks)
    net = _row(top.get("net")) or top
    layers = net.get("layers")
    if not isinstance(layers, Cell):
        checks.fail("layers", "a cell of layers, alone or in net", type(layers).__name__)
    tensors: dict[str, Stored] = {}
    names: dict[str, None] = {}
    for number, layer in enumerate(map(_row, layers.items), 1):
        name = layer.get("name")
        if not isinstance(name, str) or not name:
            checks.fail(f"layer {number}", "a struct with a name", type(name).__name__)
        if name in names:
            checks.fail(f"layer {name}", "once", "twice")
        names[name] = None
        for part, stored in _parts(layer, name, checks):
            tensors[f"{name}/{part}"] = stored
            checks.count("tensors", len(tensors), MOST_TENSORS)
    if not tensors:
        checks.fail("layers", "weights", "none")
    notes: dict[str, object] = {"layers": tuple(names)}
    meta = {**net, **_row(net.get("meta"))}
    if classes := _classes(meta.get("classes")):
        notes["classes"] = classes
    average = _row(meta.get("normalization")).get("averageImage")
    if isinstance(average, Stored):
        notes["average"] = average.read()
    return WeightFile(path.name, tensors, notes)


def _row(value: object) -> dict[str, object]:
    """The fields of a single struct; none if it is anything else."""
    return value.rows[0] if isinstance(value, Struct) and len(value.rows) == 1 else {}


def _parts(layer: dict[str, object], name: str, checks: Checks) -> Iterator[tuple[str, Stored]]:
    weights = layer.get("weights")
    if isinstance(weights, Cell):
        if len(weights.items) > len(PARTS):
            checks.fail(f"layer {name}", f"at most {PARTS}", len(weights.items))
        found = dict(zip(PARTS, weights.items, strict=False))
    elif weights is None:
        found = {part: layer[part] for part in PARTS if part in layer}
    else:
        checks.fail(f"layer {name}: weights", "a cell", type(weights).__name__)
    for part, value in found.items():
        if value is not None:
            if not isinstance(value, Stored):
                checks.fail(f"tensor {name}/{part}", "numbers", type(value).__name__)
            yield part, value


def _classes(value: object) -> tuple[str, ...]:
    """`classes.description`, or `classes` itself."""
    listed = _row(value).get("description") if isinstance(value, Struct) else value
    items = listed.items if isinstance(listed, Cell) else ()
    return tuple(item for item in items if isinstance(item, str))
