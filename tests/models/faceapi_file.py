"""Weight files like those of face-api.js, filled from a seed: the same names, shapes and coding.

Needs nothing but numpy, for golden/make_faceapi.py.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.models import tfjs_file
from tests.models.seeded import draw

Shapes = dict[str, tuple[int, ...]]

SEED = 5
STEMS = {"detector": "tiny_face_detector_model", "recogniser": "face_recognition_model"}
SIDES = {"detector": 416, "recogniser": 150}


def detector() -> Shapes:
    """As in tiny_face_detector_model-weights_manifest.json."""
    widths = (16, 32, 64, 128, 256, 512)
    shapes: Shapes = {"conv0/filters": (3, 3, 3, 16), "conv0/bias": (16,)}
    for index, (before, after) in enumerate(pairwise(widths), start=1):
        shapes[f"conv{index}/depthwise_filter"] = (3, 3, before, 1)
        shapes[f"conv{index}/pointwise_filter"] = (1, 1, before, after)
        shapes[f"conv{index}/bias"] = (after,)
    return shapes | {"conv8/filters": (1, 1, 512, 25), "conv8/bias": (25,)}


def recogniser() -> Shapes:
    """As in face_recognition_model-weights_manifest.json."""
    shapes = _conv("conv32_down", 7, 3, 32)
    before = 32
    for width, blocks in ((32, "123"), (64, "d123"), (128, "d12"), (256, "d12o")):
        for block in blocks:
            name = f"conv{width}_" + {"d": "down", "o": "down_out"}.get(block, block)
            shapes |= _conv(f"{name}/conv1", 3, before, width)
            shapes |= _conv(f"{name}/conv2", 3, width, width)
            before = width
    return shapes | {"fc": (256, 128)}


def _conv(name: str, size: int, before: int, after: int) -> Shapes:
    return {
        f"{name}/conv/filters": (size, size, before, after),
        f"{name}/conv/bias": (after,),
        f"{name}/scale/weights": (after,),
        f"{name}/scale/biases": (after,),
    }


def write(folder: Path, variant: str) -> Path:
    """The files of a variant; returns the manifest. Small kernels are quantised, as in the real."""
    shapes = {"detector": detector, "recogniser": recogniser}[variant]()
    tensors = {name: _fill(name, shape) for name, shape in shapes.items()}
    quantised = [name for name, array in tensors.items() if array.size < 10_000]
    return tfjs_file.write(folder, STEMS[variant], tensors, quantised)


def picture(variant: str) -> np.ndarray:
    """(side, side, 3) uint8: noise in blocks of 8 pixels, so that there is something to see."""
    side = SIDES[variant]
    cells = -(-side // 8)
    coarse = np.random.default_rng(SEED).integers(0, 256, (cells, cells, 3), np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)[:side, :side]


def _fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("scale/weights"):
        return draw(f"{name}/gamma", shape, SEED)
    values = draw(name, shape, SEED, 9 if name.endswith("depthwise_filter") else 0)
    # A tenth, so that boxes are of a size that a picture can hold.
    return values * np.float32(0.1) if name == "conv8/filters" else values
