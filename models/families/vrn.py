"""VRN: the shape of a face as a block of filled cells, out of one picture.

Jackson et al., arXiv:1703.07834, "unguided". The published file is Torch7's (AaronJackson/vrn);
dezmoanded/vrn-torch-to-keras has it for Keras 2, and lists the tree of its modules in `list.txt`.
Two halves of residual blocks follow each other. In each, what works on the smaller picture hangs
off the full-size branch, four times one within the other: the picture is never halved twice.

Both run their batch norms on the statistics of the picture itself: Torch7's `process.lua` never
calls `evaluate()`, the port says `training=True`. With one picture at a time that is instance norm,
which is what is built here, so that pictures in a batch do not touch each other. Variants:

    "torch"          from .t7, the last enlargement with its corners aligned, as
                     nn.SpatialUpSamplingBilinear has it
    "torch-running"  the same with the statistics that were learnt, as after `evaluate()`
    "keras"          from .h5, the last enlargement as TensorFlow 1 has it
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import onnx
from keras import layers

from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families.resize import Resize, Rule
from models.families.vrn_files import transfer
from models.hollow import hollow
from models.readers import h5, torch7
from models.spec import CONTRACTS, ModelSpec

EPSILON = 1e-5  # of nn.SpatialBatchNormalization, and custom_layers.py of the port
DEPTH = 200  # cells from front to back
SCALE = 4  # of the last enlargement
# Blocks in the branch on the smaller picture, from the outermost to the innermost: list.txt.
SMALLER = (6, 6, 6, 9)

Place = tuple[int, ...]
"""Where a module stands in the original: at which place of which container, counted from 0."""


def build(spec: ModelSpec) -> keras.Model:
    """From (B, 192, 192, 3) float32 to (B, 192, 192, 200) float32 in [0, 1], the depth last.

    Layers are named by what they are and by their place in the original: "conv_7_1_3_0".
    """
    net = _Net(running=spec.variant == "torch-running")
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    value = layers.ZeroPadding2D(3, name="pad_0")(image)
    value = net.conv(value, (0,), 64, size=7, strides=2)
    value = net.normal(value, (1,))
    value = net.block(value, (3,), 64, wider=True)
    value = layers.MaxPooling2D(2, name="pool_4")(value)
    value = net.block(value, (5,), 64)
    value = net.block(value, (6,), 128, wider=True)
    for place in ((7,), (9,)):
        value = net.half(value, place)
    value = net.conv(value, (11, 0, 0, 0), 256)
    value = net.normal(value, (11, 0, 0, 1))
    value = net.conv(value, (11, 0, 1), DEPTH)
    height, width = (SCALE * int(side or 0) for side in value.shape[1:3])
    rule: Rule = "asymmetric" if spec.variant == "keras" else "align_corners"
    value = Resize(height, width, rule, name="enlarge")(value)
    return keras.Model(image, layers.Activation("sigmoid", name="sigmoid")(value), name="vrn")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .t7, or one .h5 for the variant "keras".

    The numbers are cut off, not rounded, on the way to uint8, as `:byte()` of process.lua does.
    """
    network = hollow(lambda: build(spec))
    source = h5.read(files[0]) if spec.variant == "keras" else torch7.read(files[0])
    weights = transfer(source, network)
    graph = Graph(spec.name)
    (made,) = emit(graph, network, weights, [graph.image(spec.input)])
    grey = graph.add("Mul", [made, graph.scalar(255.0)])
    (port,) = CONTRACTS["volume"].outputs
    graph.output(port, graph.add("Cast", [grey], {"to": onnx.TensorProto.UINT8}))
    return graph


class _Net:
    """The modules of the original; each is given its place and hands it on to those inside."""

    def __init__(self, *, running: bool) -> None:
        self._running = running

    def conv(
        self, value: keras.KerasTensor, place: Place, width: int, size: int = 1, strides: int = 1
    ) -> keras.KerasTensor:
        padding = "same" if strides == 1 else "valid"
        return layers.Conv2D(width, size, strides, padding, name=_name("conv", place))(value)

    def normal(self, value: keras.KerasTensor, place: Place) -> keras.KerasTensor:
        """A norm, and the ReLU that stands behind every one."""
        name = _name("norm", place)
        norm = (
            layers.BatchNormalization(epsilon=EPSILON, name=name)
            if self._running
            else layers.GroupNormalization(groups=-1, epsilon=EPSILON, name=name)
        )
        return layers.ReLU(name=_name("relu", place))(norm(value))

    def block(
        self, value: keras.KerasTensor, place: Place, width: int, *, wider: bool = False
    ) -> keras.KerasTensor:
        """A residual block: norms before three convolutions, of 1, 3 and 1 pixels.

        width  of the first two; the last has twice as many
        wider  whether a convolution stands in the short cut, to make that many out of fewer
        """
        branch = (*place, 0, 0)
        made = value
        for index, (channels, size) in enumerate(((width, 1), (width, 3), (2 * width, 1))):
            made = self.normal(made, (*branch, 3 * index))
            made = self.conv(made, (*branch, 3 * index + 2), channels, size)
        if wider:
            value = self.conv(value, (*place, 0, 1, 0), 2 * width)
        return layers.Add(name=_name("add", place))([made, value])

    def part(self, value: keras.KerasTensor, place: Place, depth: int = 0) -> keras.KerasTensor:
        """A full-size branch with the next part in it, beside one on the smaller picture."""
        full, small = (*place, 0, 0), (*place, 0, 1)
        made = value
        for index in range(3):
            made = self.block(made, (*full, index), 128)
        if depth + 1 < len(SMALLER):
            made = self.part(made, (*full, 3), depth + 1)
        value = layers.MaxPooling2D(2, name=_name("pool", small))(value)
        for index in range(1, SMALLER[depth] + 1):
            value = self.block(value, (*small, index), 128)
        value = layers.UpSampling2D(2, name=_name("larger", small))(value)
        made = layers.Add(name=_name("join", place))([made, value])
        return self.block(made, (*place, 2), 128)

    def half(self, value: keras.KerasTensor, place: Place) -> keras.KerasTensor:
        made = self.part(value, (*place, 1))
        for index in (3, 4):
            made = self.conv(made, (*place, 1, index, 0), 256)
            made = self.normal(made, (*place, 1, index, 1))
        return layers.Add(name=_name("join", place))([value, made])


def _name(kind: str, place: Place) -> str:
    return "_".join([kind, *map(str, place)])
