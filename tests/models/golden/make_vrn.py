"""Writes vrn.npz: what VRN's original networks say about seeded weights and a seeded picture.

Not a test, and nothing of the project is run. "keras" is dezmoanded/vrn-torch-to-keras, its own
code run by tf_keras, which has the names of the Keras that it was written for. "torch" is the tree
of modules that stands in its list.txt, walked with PyTorch, since Torch7 can no longer be had:
batch norms in training mode, as AaronJackson/vrn runs it; "running" is the same in evaluation mode,
and "exact" is the port's network in float64: a chain of so many norms enlarges what float32 rounds.

    python -m venv golden
    golden/bin/pip install tensorflow==2.21.0 tf_keras==2.21.0 torch==2.13.0
    git clone https://github.com/dezmoanded/vrn-torch-to-keras
    golden/bin/python tests/models/golden/make_vrn.py vrn-torch-to-keras

README.md says what each array holds.
"""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorflow as tf
import tf_keras
import torch
from torch.nn import functional

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.models.vrn_file import SAMPLE, modules, picture  # noqa: E402

SEEDED = {module.place: module for module in modules()}


class Node:
    """A module of Torch7, as the package torchfile gives it: fields by name, as items."""

    def __init__(self, kind: str, place: tuple[int, ...]) -> None:
        self.kind = kind
        self.place = place
        self.fields: dict[str, object] = {}
        if "Conv" in kind or "Batch" in kind:
            self.fields |= SEEDED[place].tensors()

    def __getitem__(self, name: str) -> object:
        return self.fields[name]

    def __dir__(self) -> list[str]:
        return [*self.fields]

    @property
    def inside(self) -> list["Node"]:
        return self.fields.get("modules", [])


def tree(file: Path) -> Node:
    """list.txt: a number, four blanks for each level, the class, and the shape of its weight."""
    root = Node("nn.Sequential", ())
    above = [root]
    for line in file.read_text("ascii").splitlines():
        found = re.match(r"\d+\t((?:    )*)(nn\.\w+)\t(.*)", line)
        if not found:
            continue
        depth = len(found[1]) // 4
        parent = above[depth]
        children = parent.fields.setdefault("modules", [])
        node = Node(found[2], (*parent.place, len(children)))
        if "weight" in node.fields:
            assert str(node["weight"].shape) == found[3], line
        children.append(node)
        above[depth + 1 :] = [node]
    return root


def walk(node: Node, value, *, training=True, port=False):  # noqa: PLR0911 - one for each kind
    """What the module makes of `value`. Padding and strides are those of the port.

    training  whether norms take the statistics of the picture
    port      whether the last enlargement is the port's: TensorFlow 1's, with corners not aligned
    """
    match node.kind.removeprefix("nn."):
        case "Sequential":
            for child in node.inside:
                value = walk(child, value, training=training, port=port)
            return value
        case "ConcatTable":
            return [walk(child, value, training=training, port=port) for child in node.inside]
        case "CAddTable":
            return sum(value[1:], value[0])
        case "Identity":
            return value
        case "ReLU":
            return value.relu()
        case "Sigmoid":
            return value  # what is wanted is what goes into it
        case "SpatialMaxPooling":
            return functional.max_pool2d(value, 2)
        case "SpatialUpSamplingNearest":
            return functional.interpolate(value, scale_factor=2, mode="nearest")
        case "SpatialUpSamplingBilinear":
            return enlarge(value, port=port)
        case "SpatialConvolution":
            weight, bias = (torch.from_numpy(node[n]).to(value) for n in ("weight", "bias"))
            size = weight.shape[2]
            return functional.conv2d(value, weight, bias, 2 if size == 7 else 1, size // 2)
        case "SpatialBatchNormalization":
            names = ("running_mean", "running_var", "weight", "bias")
            numbers = [torch.from_numpy(node[n].copy()).to(value) for n in names]
            return functional.batch_norm(value, *numbers, training=training, eps=1e-5)
    raise ValueError(node.kind)


def enlarge(value, *, port: bool):
    if not port:
        return functional.interpolate(value, scale_factor=4, mode="bilinear", align_corners=True)
    length = value.shape[2]
    at = np.minimum(np.arange(4 * length) / 4, length - 1)
    shares = np.maximum(1 - np.abs(at[:, np.newaxis] - np.arange(length)), 0)
    shares = torch.from_numpy(shares).to(value)
    return torch.einsum("bchw,yh,xw->bcyx", value, shares, shares)


class Conv2D(tf_keras.layers.Conv2D):
    """As in the Keras of 2018, whose layers did not check a shape of their own while called."""

    def call(self, inputs):
        layout = {"data_format": self.data_format}
        made = tf_keras.backend.conv2d(inputs, self.kernel, self.strides, self.padding, **layout)
        return tf_keras.backend.bias_add(made, self.bias, **layout)


def port(folder: Path, root: Node) -> tf_keras.Model:
    """The network as the port's own code builds it."""
    tf.image.resize_images = tf.compat.v1.image.resize_images
    layers, merge, normalization = (ModuleType(n) for n in ("layers", "merge", "normalization"))
    layers.__dict__.update(vars(tf_keras.layers), Conv2D=Conv2D)
    merge.Add = tf_keras.layers.Add
    normalization.BatchNormalization = tf_keras.layers.BatchNormalization
    sys.modules |= {
        "keras": tf_keras,
        "keras.layers": layers,
        "keras.layers.merge": merge,
        "keras.layers.normalization": normalization,
        "keras.models": tf_keras.models,
        "torchfile": ModuleType("torchfile"),
    }
    sys.path.insert(0, str(folder))
    import vrn_torch_to_keras

    return vrn_torch_to_keras.model(root)


def main(folder: str) -> None:
    root = tree(Path(folder) / "list.txt")
    image = picture()[np.newaxis].astype(np.float32).transpose(0, 3, 1, 2)
    network = port(Path(folder), root)
    logits = tf_keras.Model(network.input, network.layers[-1].input)
    volumes = {"keras": logits.predict(image)[0]}
    scaled = torch.from_numpy(image / np.float32(255))
    with torch.no_grad():
        for name, training in (("torch", True), ("running", False)):
            volumes[name] = walk(root, scaled, training=training)[0][0].numpy()
        exact = torch.from_numpy(image).double()
        volumes["exact"] = walk(root, exact, port=True)[0][0].float().numpy()
    np.savez_compressed(HERE / "vrn.npz", **{name: v[SAMPLE] for name, v in volumes.items()})


main(*sys.argv[1:])
