"""What is in a weight file of Mask R-CNN as Matterport's code saves it, by the seeded recipe.

Needs numpy and h5py: golden/make_maskrcnn.py fills the original network by it, too.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase

import h5py
import numpy as np

from tests.models.seeded import draw

SEED = 7
SIZE = 384  # of the picture: at 320 and more, the largest boxes belong to P5
BLOCK = 16  # pixels of one colour
WINDOW = (48, 0, 336, 384)  # y1 x1 y2 x2 in pixels: a picture between two bars
CLASSES = 81
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
NORMAL = ("gamma", "beta", "moving_mean", "moving_variance")

# By the end of a tensor's name. Random numbers as they come would grow with every block, saturate
# each soft-max and make all scores equal; so the last norm of a block is made smaller, and the
# heads are brought to where scores are distinct, a few are sure, and boxes are of all sizes.
SCALES = {
    "conv1/kernel": 1 / 60,  # grey levels come in
    "branch2c/gamma": 0.25,
    "rpn_class_raw/kernel": 0.05,
    "rpn_bbox_pred/kernel": 0.4,
    "mrcnn_class_logits/kernel": 0.3,
    "mrcnn_bbox_fc/kernel": 0.1,
}

# What all regions have in common would give them all one class: these kernels do not see it.
BALANCED = ("mrcnn_class_conv1/kernel", "mrcnn_mask_conv1/kernel")


def draw_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What a tensor of the file holds, float32, by its name in it."""
    values = draw(name, shape, SEED)
    if name in BALANCED:
        return (values - values[::-1, ::-1]) / np.float32(np.sqrt(2))
    scale = next((s for end, s in SCALES.items() if name.endswith(end)), 1.0)
    return values * np.float32(scale)


def picture(seed: int) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: squares of random colours."""
    colours = np.random.default_rng(seed).integers(0, 256, (SIZE // BLOCK, SIZE // BLOCK, 3))
    return np.kron(colours, np.ones((BLOCK, BLOCK, 1))).astype(np.uint8)


def digest(path: Path) -> str:
    """Of all layers, names and shapes in a weight file, in any order."""
    lines = []
    with h5py.File(path) as file:
        for layer in np.asarray(file.attrs["layer_names"], str):
            names = np.asarray(file[layer].attrs["weight_names"], str)
            lines += [f"{layer}: {name} {tuple(file[layer][name].shape)}" for name in names]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def shapes(classes: int, variant: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """The weights of each layer by name, in the file's own words, without ":0".

    classes  with nothing as the first
    """
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, kernel in _convolutions(classes, variant):
        group = "rpn_model" if name.startswith("rpn") else name
        layers.setdefault(group, {})[f"{name}/kernel"] = kernel
        # The kernel of a transposed convolution is (h, w, out, in); there, both are 256.
        layers[group][f"{name}/bias"] = kernel[-1:]
        normal = _normal(name)
        if normal:
            layers[normal] = {f"{normal}/{weight}": kernel[-1:] for weight in NORMAL}
    return layers


def drawn(classes: int, variant: str) -> dict[str, dict[str, np.ndarray]]:
    """All tensors by layer and name."""
    return {
        layer: {name: draw_tensor(name, shape) for name, shape in weights.items()}
        for layer, weights in shapes(classes, variant).items()
    }


def _convolutions(classes: int, variant: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "conv1", (7, 7, 3, 64)
    channels = 64
    for stage, count in enumerate(BLOCKS[variant], 2):
        width = 64 * 2 ** (stage - 2)
        for letter in ascii_lowercase[:count]:
            block = f"res{stage}{letter}_branch"
            yield f"{block}2a", (1, 1, channels, width)
            yield f"{block}2b", (3, 3, width, width)
            yield f"{block}2c", (1, 1, width, 4 * width)
            if letter == "a":
                yield f"{block}1", (1, 1, channels, 4 * width)
            channels = 4 * width
    for level in (5, 4, 3, 2):
        yield f"fpn_c{level}p{level}", (1, 1, 64 * 2**level, 256)
        yield f"fpn_p{level}", (3, 3, 256, 256)
    yield "rpn_conv_shared", (3, 3, 256, 512)
    yield "rpn_class_raw", (1, 1, 512, 6)
    yield "rpn_bbox_pred", (1, 1, 512, 12)
    yield "mrcnn_class_conv1", (7, 7, 256, 1024)
    yield "mrcnn_class_conv2", (1, 1, 1024, 1024)
    yield "mrcnn_class_logits", (1024, classes)
    yield "mrcnn_bbox_fc", (1024, 4 * classes)
    for number in (1, 2, 3, 4):
        yield f"mrcnn_mask_conv{number}", (3, 3, 256, 256)
    yield "mrcnn_mask_deconv", (2, 2, 256, 256)
    yield "mrcnn_mask", (1, 1, 256, classes)


def _normal(name: str) -> str:
    """The batch norm behind a convolution, or ""."""
    if name == "conv1":
        return "bn_conv1"
    if name.startswith("res"):
        return name.replace("res", "bn", 1)
    if name[:-1] in {"mrcnn_class_conv", "mrcnn_mask_conv"}:
        return name.replace("conv", "bn")
    return ""
