"""YOLOv2 from darknet's files: darknet's numbers, whatever way the file was written."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models import ZOO, BadWeights, Input, ModelSpec
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families import yolov2
from models.families.yolov2_import import from_cfg, from_darknet
from models.session import open_session
from models.spec import Port
from models.transfer import variables
from tests.models import darknet_file
from tests.models.data import shared
from tests.models.parity import TOLERANCE, difference, export

GOLDEN = Path(__file__).parent / "golden" / "yolov2.npz"
NEW, OLD = (0, 2, 0), (0, 1, 0)
SMALL = [(3, 4, 3), (4, 8, 3), (8, 21, 1)]  # one prior, 16 classes

CFG = """
[net]
# a comment
width=64
height = 64
channels=3
learning_rate=0.001

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=relu

[reorg]
stride=2

[route]
layers=-1

[maxpool]
size=2
stride=4

[route]
layers=-4

[maxpool]
size=2
stride=8

[convolutional]
filters=21
size=1
stride=1
pad=1
activation=linear

[region]
anchors = 1.5, 2
classes=16
coords=4
num=1
softmax=1
jitter=.2
thresh = .6
"""


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


def weights(folder: Path, kernels: list[darknet_file.Kernel] = SMALL, version=NEW) -> Path:
    path = folder / "small.weights"
    darknet_file.write(path, kernels, version=version)
    return path


def text(folder: Path, cfg: str = CFG) -> Path:
    path = folder / "small.cfg"
    path.write_text(cfg)
    return path


