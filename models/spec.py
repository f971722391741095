"""A model as data: what goes in, what comes out, where it came from and who may use it."""

from dataclasses import dataclass
from typing import Literal

MOST_BOXES = 300
"""Things of one class in one picture that a detector made here gives at most: a bound on memory and
time when a threshold is set to 0."""

Task = Literal["detect", "instances", "classify", "segment", "embed", "volume", "mesh", "caption"]
Order = Literal["rgb", "bgr"]
Fit = Literal["stretch", "letterbox", "corner"]


Precision = Literal["fp32", "bf16"]
Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Input:
    """The picture a model wants: (B, height, width, 3) uint8 under the name `image`.

    width, height  pixels
    order          of the three channels
    fit            "letterbox" keeps the picture's proportions and pads it all around, "corner" pads
                   it to the right and below, "stretch" fills the input whatever its proportions
    mean, std      of the channels in `order`, in grey levels of 0..255: inside the graph every
                   value becomes (value - mean) / std
    pad            grey level of the padding; 114 is what most trainers of YOLO pad with
    raises         ValueError if a side or a deviation is not positive
    """

    width: int
    height: int
    order: Order = "rgb"
    fit: Fit = "letterbox"
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (255.0, 255.0, 255.0)
    pad: int = 114

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"Input: wanted at least 1x1 pixels, got {self.width}x{self.height}")
        if min(self.std) <= 0:
            raise ValueError(f"Input: wanted deviations above 0, got {self.std}")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """An original weight file that lies inside an installed Python package.

    The package is never imported, only its file is read.

    distribution  its name for pip
    version       the version whose file has this `sha256`
    path          of the file, from the folder that the package is installed into
    sha256        of the file, 64 hex digits
    """

    distribution: str
    version: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Download:
    """An original weight file at a published address, fetched by `framewire models pull`.

    url        where it is
    size_most  bytes; a longer answer is refused
    sha256     of the file, 64 hex digits; empty where nobody has published one
    """

    url: str
    size_most: int
    sha256: str = ""


Origin = PackageFile | Download


@dataclass(frozen=True, slots=True)
class Count:
    """How many numbers a network holds, statistics of batch norms among them, and who says so."""

    numbers: int
    source: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is known of a model without opening it.

    name     what a config calls it
    family   which code turns the original file into ONNX (`models/export/convert.py`)
    task     which contract its inputs and outputs keep (`CONTRACTS`)
    input    the picture it wants
    labels   the names of its classes, in the order of their numbers; empty for a mesh
    licence  of the weights, as an SPDX identifier where there is one
    source   the paper or page that describes the network
    origin   where the original file is; None for a user's own ONNX file
    points   the names of the key points of each thing found, in order; empty if it gives none

    Of families that are built here:

    variant     which of the family's networks, such as "tiny-voc"
    anchors     width and height of the prior boxes, in cells of the output's grid
    parameters  how many numbers the original network holds, and where that is said
    published   where the original weights are to be had
    citation    of the paper, in a line
    accuracy    as published, and on which data
    """

    name: str
    family: str
    task: Task
    input: Input
    labels: tuple[str, ...]
    licence: str
    source: str
    origin: Origin | None
    points: tuple[str, ...] = ()
    variant: str = ""
    anchors: tuple[tuple[float, float], ...] = ()
    parameters: Count | None = None
    published: str = ""
    citation: str = ""
    accuracy: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of an ONNX file.

    dtype     of numpy, such as "float32"
    shape     each axis: a number, or a letter for any number
    required  False: a model may lack it
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Contract:
    """The inputs and outputs of every model of a task.

    image  whether `image` comes on top of the inputs, from the model's `Input`
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    image: bool = True


CONTRACTS: dict[Task, Contract] = {
    # N things in B pictures, rows in the order of `batch`, then of falling score:
    # boxes   x1 y1 x2 y2 in [0, 1] of the input (not of the source picture), not clipped
    # scores  in [0, 1];  classes  indices into the labels;  batch  which picture of the batch
    # points  K key points of each thing, x y in the same unit
    "detect": Contract(
        inputs=(
            Port("score_threshold", "float32", (), required=False),
            Port("iou_threshold", "float32", (), required=False),
        ),
        outputs=(
            Port("boxes", "float32", ("N", 4)),
            Port("scores", "float32", ("N",)),
            Port("classes", "int64", ("N",)),
            Port("batch", "int64", ("N",)),
            Port("points", "float32", ("N", "K", 2), required=False),
        ),
    ),
    # As "detect", and for each thing a mask of M x M cells that fills its box, 255 for sure.
    # window  x1 y1 x2 y2 in [0, 1] of the input: where each picture (or every one, if W is 1) lies,
    #         and not the padding; boxes are clipped to it
    "instances": Contract(
        inputs=(
            Port("score_threshold", "float32", (), required=False),
            Port("window", "float32", ("W", 4), required=False),
        ),
        outputs=(
            Port("boxes", "float32", ("N", 4)),
            Port("scores", "float32", ("N",)),
            Port("classes", "int64", ("N",)),
            Port("batch", "int64", ("N",)),
            Port("masks", "uint8", ("N", "M", "M")),
        ),
    ),
    # The class of each cell of a grid that covers the input; scores: how sure, 255 is surely.
    "segment": Contract(
        inputs=(),
        outputs=(
            Port("classes", "uint8", ("B", "H", "W")),
            Port("scores", "uint8", ("B", "H", "W"), required=False),
        ),
    ),
    # D numbers that lie near each other for pictures of the same thing, as the network gives them.
    "embed": Contract(inputs=(), outputs=(Port("embedding", "float32", ("B", "D")),)),
    # How likely each cell of a block in front of the camera is filled: 255 is surely; Z is depth.
    "volume": Contract(inputs=(), outputs=(Port("volume", "uint8", ("B", "Z", "H", "W")),)),
    # One row of C probabilities for each picture.
    "classify": Contract(inputs=(), outputs=(Port("probabilities", "float32", ("B", "C")),)),
    # P points of one face that fills the picture: x y in [0, 1] of the input, z in the same unit
    # (towards the camera is negative); score: whether there is a face at all, in [0, 1].
    "mesh": Contract(
        inputs=(),
        outputs=(Port("points", "float32", ("B", "P", 3)), Port("score", "float32", ("B",))),
    ),
    # How likely each of V words is the next of a sentence. `words`: T numbers of words, the first
    # is that of "<start>", padded as `models.captioning` does; `features`: the embedding of the
    # picture by its encoder: "caption-encoder" for "caption-words", and so on.
    "caption": Contract(
        inputs=(
            Port("features", "float32", ("B", 4096)),
            Port("words", "int64", ("B", "T")),
        ),
        outputs=(Port("probabilities", "float32", ("B", "V")),),
        image=False,
    ),
}
