"""A user's `.cfg` as a list of layers: what YOLOv2 is made of, and nothing else; no Keras here.

Whatever would change what the network says, and is not known here, is an error that names the line.
What only matters while darknet trains is passed over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from models.errors import BadWeights
from models.families import yolov2_layers as parts
from models.families.yolov2_layers import (
    Activation,
    Convolution,
    Layer,
    Layers,
    MaxPool,
    Reorganise,
    Route,
)
from models.readers import darknet
from models.readers.darknet import Section
from models.readers.weights import WeightFile

MOST_SECTIONS = 512
MOST_FILTERS = 1 << 14
MOST_PIXELS = 64  # of a kernel, a stride or a padding


@dataclass(frozen=True, slots=True)
class Structure:
    """A whole network: its layers, and how its head reads the last of them."""

    layers: Layers
    anchors: tuple[tuple[float, float], ...]
    classes: int


def structure(sections: Sequence[Section]) -> Structure:
    """The network that a `.cfg` file describes.

    sections  at least one, as `darknet.read_cfg` gives them
    raises    BadWeights naming the file and the line, for a section, key or value that is not known
    """
    if not 3 <= len(sections) <= MOST_SECTIONS:
        got = len(sections)
        raise BadWeights(f"{sections[0].file}: wanted 3 to {MOST_SECTIONS} sections, got {got}")
    first, *middle, region = sections
    if first.kind not in {"net", "network"}:
        first.fail("[net] first", first.kind)
    layers: list[Layer] = []
    for section in middle:
        if section.kind not in KINDS:
            section.fail(f"a layer among {', '.join(KINDS)}", section.kind)
        layers.append(KINDS[section.kind](section, len(layers)))
    if region.kind != "region":
        region.fail("[region] last", region.kind)
    if not isinstance(layers[-1], Convolution):
        region.fail("a convolution before it", type(layers[-1]).__name__)
    return Structure(tuple(layers), *_region(region))


def held(
    said: Structure, height: int, width: int, weights: Path
) -> tuple[Sequence[darknet.Convolution], WeightFile]:
    """The convolutions of a network, and a `.weights` file that holds exactly their tensors.

    height, width  of the picture that the network sees
    raises         BadWeights if the layers do not fit together, or the file does not fit them
    """
    try:
        made = parts.shapes(said.layers, height, width)
    except ValueError as error:
        raise BadWeights(f"{weights.name}: its network: {error}") from None
    convolutions = tuple(parts.in_file(said.layers, made))
    return convolutions, darknet.read(weights, convolutions)


def _region(section: Section) -> tuple[tuple[tuple[float, float], ...], int]:
    """The anchors, in cells, and the number of classes."""
    known = ("anchors", "classes", "num")
    _check(section, known, {"softmax": (0, 1), "coords": (4, 4), "background": (0, 0)}, OF_REGIONS)
    numbers, count = section.numbers("anchors"), section.integer("num")
    if not 1 <= count == len(numbers) / 2 or min(numbers) <= 0:
        section.fail(f"{count} pairs of numbers above 0", numbers, "anchors")
    anchors = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return anchors, _between(section, "classes", 1, MOST_FILTERS)


def _convolution(section: Section, _number: int) -> Layer:
    known = ("filters", "size", "stride", "pad", "padding", "batch_normalize", "activation")
    _check(section, known, {"groups": (1, 1), **dict.fromkeys(NEVER, (0, 0))}, OF_ALL)
    size = _between(section, "size", 1, MOST_PIXELS, 1)
    given = _between(section, "padding", 0, MOST_PIXELS, 0)
    activation = section.text("activation", "logistic")
    if activation not in get_args(Activation):
        section.fail(f"{', '.join(get_args(Activation))} as activation", activation, "activation")
    return Convolution(
        filters=_between(section, "filters", 1, MOST_FILTERS, 1),
        size=size,
        stride=_between(section, "stride", 1, MOST_PIXELS, 1),
        padding=size // 2 if _between(section, "pad", 0, 1, 0) else given,
        batch_norm=bool(_between(section, "batch_normalize", 0, 1, 0)),
        activation=cast("Activation", activation),
    )


def _max_pool(section: Section, _number: int) -> Layer:
    stride = _between(section, "stride", 1, MOST_PIXELS, 1)
    _check(section, ("stride",), {"size": (stride, 2), "padding": (1, 1)}, OF_ALL)
    return MaxPool(stride)


def _route(section: Section, number: int) -> Layer:
    _check(section, ("layers",), {}, OF_ALL)
    wanted = section.integers("layers")
    layers = tuple(number + n if n < 0 else n for n in wanted)
    if not all(0 <= n < number for n in layers):
        section.fail(f"layers before number {number}", wanted, "layers")
    return Route(layers)


def _reorganise(section: Section, _number: int) -> Layer:
    _check(section, ("stride",), dict.fromkeys(("reverse", "flatten", "extra"), (0, 0)), OF_ALL)
    return Reorganise(_between(section, "stride", 1, MOST_PIXELS, 1))


KINDS: Mapping[str, Callable[[Section, int], Layer]] = {
    "convolutional": _convolution,
    "conv": _convolution,
    "maxpool": _max_pool,
    "max": _max_pool,
    "route": _route,
    "reorg": _reorganise,
}

OF_ALL = frozenset(
    ("clip", "truth", "onlyforward", "stopbackward", "dontsave", "learning_rate", "smooth")
)
"""Keys that any layer may have, and that say nothing of what it computes."""
SCALES = ("object_scale", "noobject_scale", "class_scale", "coord_scale", "mask_scale")
OF_REGIONS = OF_ALL.union(
    ("jitter", "rescore", "random", "thresh", "absolute", "bias_match", "log", "sqrt"),
    ("max", "classfix", *SCALES),
)
NEVER = ("flipped", "binary", "xnor", "dot", "dontload", "numload", "dontloadscales")
"""Keys of a convolution that change what it computes or what the file holds of it."""


def _check(
    section: Section,
    known: Sequence[str],
    fixed: Mapping[str, tuple[int, int]],
    ignored: frozenset[str],
) -> None:
    """Refuse a key that is not known, and a value that cannot be had.

    fixed  darknet's default of a key, and the only value that can be had
    """
    for key in section.options:
        if key not in ignored and key not in known and key not in fixed:
            section.fail("a key that is known", key, key)
    for key, (default, wanted) in fixed.items():
        got = section.integer(key, default)
        if got != wanted:
            section.fail(f"{key}={wanted}", got, key)


def _between(section: Section, key: str, low: int, high: int, default: int | None = None) -> int:
    value = section.integer(key, default)
    return value if low <= value <= high else section.fail(f"{key} in {low}..{high}", value, key)
