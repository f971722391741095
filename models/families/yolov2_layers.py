"""How YOLOv2 networks are built: as darknet counts layers, with a number for each.

The built-in ones are darknet's `cfg/yolov2*.cfg` at f6afaab; keras-yolo2 has the same ones but for
the last layer. A user's own `.cfg` becomes the same kind of list (`yolov2_cfg.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from models.readers import darknet

Activation = Literal["leaky", "linear", "relu"]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A square kernel; `padding` is zeros on all four sides. Leaky means a slope of 0.1 below 0."""

    filters: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    batch_norm: bool = True
    activation: Activation = "leaky"


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Of 2 x 2; an edge that does not fit is filled to the right and below."""

    stride: int = 2


@dataclass(frozen=True, slots=True)
class Route:
    """Takes what the layers of these numbers gave, channels one behind the other."""

    layers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reorganise:
    """Lays `stride` x `stride` neighbours one behind the other as channels."""

    stride: int = 2


Layer = Convolution | MaxPool | Route | Reorganise
Layers = tuple[Layer, ...]


def point(filters: int) -> Convolution:
    """A convolution of 1 x 1."""
    return Convolution(filters, size=1, padding=0)


def last(channels: int) -> Convolution:
    """What the head reads: numbers as they are."""
    return Convolution(channels, size=1, padding=0, batch_norm=False, activation="linear")


def full(channels: int) -> Layers:
    """Darknet-19 without its classifier, and the pass-through of arXiv:1612.08242, section 2."""
    c = Convolution
    pool = MaxPool()
    return (
        *(c(32), pool, c(64), pool, c(128), point(64), c(128), pool),
        *(c(256), point(128), c(256), pool),
        *(c(512), point(256), c(512), point(256), c(512), pool),
        *(c(1024), point(512), c(1024), point(512), c(1024), c(1024), c(1024)),
        *(Route((16,)), point(64), Reorganise(), Route((27, 24))),
        *(c(1024), last(channels)),
    )


def tiny(channels: int, before: int = 1024) -> Layers:
    """The small one; `before` is how many channels the last layer reads."""
    c = Convolution
    pool = MaxPool()
    return (
        *(c(16), pool, c(32), pool, c(64), pool, c(128), pool, c(256), pool),
        *(c(512), MaxPool(stride=1), c(1024), c(before), last(channels)),
    )


LAST = "DetectionLayer"
"""The name of the last convolution, as keras-yolo2 has it."""


def names(layers: Layers) -> tuple[str, ...]:
    """Of each layer: conv_1, conv_2 and so on for convolutions, as keras-yolo2 counts them."""
    count, found = 0, []
    for number, layer in enumerate(layers):
        if isinstance(layer, Convolution):
            count += 1
            found.append(LAST if number == len(layers) - 1 else f"conv_{count}")
        else:
            found.append(f"{type(layer).__name__.lower()}_{number}")
    return tuple(found)


Shape = tuple[int, int, int]  # rows, columns, channels


def shapes(layers: Layers, height: int, width: int) -> tuple[Shape, ...]:
    """What each layer gives of a picture of three channels.

    raises  ValueError naming the layer by its number, if it cannot read what it is given
    """
    found: list[Shape] = []
    for number, layer in enumerate(layers):
        rows, columns, channels = found[-1] if found else (height, width, 3)
        match layer:
            case Convolution(filters, size, stride, padding):
                rows, columns = ((n + 2 * padding - size) // stride + 1 for n in (rows, columns))
                channels = filters
            case MaxPool(stride):
                rows, columns = -(-rows // stride), -(-columns // stride)
            case Route(numbers):
                sizes = {found[n][:2] for n in numbers}
                if len(sizes) != 1:
                    raise ValueError(f"layer {number}: wanted pictures of one size, got {sizes}")
                ((rows, columns),) = sizes
                channels = sum(found[n][2] for n in numbers)
            case Reorganise(stride):
                if rows % stride or columns % stride or channels % stride**2:
                    raise ValueError(
                        f"layer {number}: wanted rows and columns divisible by {stride} and "
                        f"channels by its square, got {(rows, columns, channels)}"
                    )
                rows, columns, channels = rows // stride, columns // stride, channels * stride**2
        if min(rows, columns) < 1:
            raise ValueError(f"layer {number}: wanted something left of the picture, got nothing")
        found.append((rows, columns, channels))
    return tuple(found)


def in_file(layers: Layers, made: tuple[Shape, ...]) -> Iterator[darknet.Convolution]:
    """What a `.weights` file of this network holds, in its order; `made` as `shapes` has it."""
    inputs = (3, *(channels for _, _, channels in made))
    for name, layer, before in zip(names(layers), layers, inputs, strict=False):
        if isinstance(layer, Convolution):
            yield darknet.Convolution(name, layer.filters, before, layer.size, layer.batch_norm)
