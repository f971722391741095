"""Makes files of MatConvNet with SciPy."""

import io
from collections.abc import Mapping

import numpy as np
import scipy.io

Layer = Mapping[str, object]


def cell(*items: object) -> np.ndarray:
    made = np.empty((1, len(items)), object)
    for i, item in enumerate(items):
        made[0, i] = item
    return made


def made(top: Mapping[str, object], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, dict(top), do_compression=compressed)
    return file.getvalue()


FILTERS = np.arange(72, dtype=np.float32).reshape(3, 3, 2, 4)
BIASES = np.array([[0.5, -1, 2, 3]], np.float32)
LAYERS = cell(
    {"name": "conv1_1", "type": "conv", "weights": cell(FILTERS, BIASES)},
    {"name": "relu1_1", "type": "relu", "weights": cell()},
    {"name": "fc8", "type": "conv", "filters": np.arange(6.0).reshape(2, 3), "biases": BIASES.T},
)
META = {
    "classes": {"name": cell("n01", "n02"), "description": cell("Aamir Khan", "Ágnes")},
    "normalization": {"averageImage": np.full((2, 2, 3), 129.5), "imageSize": [[224, 224, 3]]},
}
