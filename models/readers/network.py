"""A network as a file tells it: tensors and the operators between them, as plain data.

Shapes are as TensorFlow has them: pictures are NHWC, and the batch is 1.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Activation = Literal["none", "relu", "relu6"]
Padding = Literal["same", "valid"]


@dataclass(frozen=True, slots=True)
class Convolution:
    """Of CONV_2D and DEPTHWISE_CONV_2D. Pairs are (down, across), in pixels."""

    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    activation: Activation


@dataclass(frozen=True, slots=True)
class Pooling:
    """Of AVERAGE_POOL_2D and MAX_POOL_2D. Pairs are (down, across), in pixels."""

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    activation: Activation


@dataclass(frozen=True, slots=True)
class Joining:
    """Of CONCATENATION."""

    axis: int
    activation: Activation


@dataclass(frozen=True, slots=True)
class Adding:
    """Of ADD."""

    activation: Activation


@dataclass(frozen=True, slots=True)
class Resizing:
    """Of RESIZE_BILINEAR.

    aligned     the middles of the corner pixels lie on each other
    half_pixel  the outer edges do; if neither is so, the corners of the first pixels
    """

    aligned: bool
    half_pixel: bool


Options = Convolution | Pooling | Joining | Adding | Resizing | None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the network.

    name   as in the file, not always unique
    shape  as in the file
    dtype  of numpy; what is stored as float16 or quantised is float32 here
    data   the array, read-only, if it is a constant; None if an operator or the caller makes it
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of the network.

    name     of the schema, such as "CONV_2D"; a custom operator is "CUSTOM name"
    inputs   numbers of tensors; -1 for one that is left out
    outputs  numbers of tensors
    options  None for operators that have none, or whose options the reader does not know
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options


@dataclass(frozen=True, slots=True)
class Network:
    """What a file holds. Operators stand in the order in which they run."""

    file: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
